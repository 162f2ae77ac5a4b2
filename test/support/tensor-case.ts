/**
 * A tensor as a test case: a shape and small integers, scaled by a power of two and shifted. Element i is
 * `fround(integers[i] * 2^exponent + offset)`, so float32 and float64 hold the same numbers, and a counterexample can
 * be read and typed in again.
 */
import * as fc from 'fast-check';
import type { DType } from '../../src/tensor/dtype.ts';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

export class TensorCase {
  readonly shape: Shape;
  readonly integers: readonly number[];
  readonly exponent: number;
  readonly offset: number;

  constructor(shape: Shape, integers: readonly number[], exponent = 0, offset = 0) {
    if (integers.length !== sizeOf(shape)) throw new RangeError(`TensorCase: ${integers.length} integers for [${shape}]`);
    this.shape = shape;
    this.integers = integers;
    this.exponent = exponent;
    this.offset = offset;
  }

  /** The elements as numbers, each exact in float32. */
  values(): number[] {
    const scale = 2 ** this.exponent;
    return this.integers.map((integer) => Math.fround(integer * scale + this.offset));
  }

  /** A new tensor of its own memory. */
  tensor(dtype: DType = 'float64', requiresGrad = false): Tensor {
    const values = this.values();
    return new Tensor(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values), this.shape, requiresGrad);
  }

  /** A case like this one with other parts. */
  with(parts: Partial<Pick<TensorCase, 'shape' | 'integers' | 'exponent' | 'offset'>>): TensorCase {
    return new TensorCase(
      parts.shape ?? this.shape,
      parts.integers ?? this.integers,
      parts.exponent ?? this.exponent,
      parts.offset ?? this.offset,
    );
  }

  /** The indices `keep` along one axis, with their data. */
  take(axis: number, keep: readonly number[]): TensorCase {
    const inner = sizeOf(this.shape.slice(axis + 1));
    const extent = this.shape[axis]!;
    const outer = sizeOf(this.shape.slice(0, axis));
    const integers: number[] = [];
    for (let o = 0; o < outer; o++) {
      for (const k of keep) {
        for (let i = 0; i < inner; i++) integers.push(this.integers[(o * extent + k) * inner + i]!);
      }
    }
    return this.with({ shape: this.shape.map((n, a) => (a === axis ? keep.length : n)), integers });
  }

  /** How a counterexample is printed: as the code that makes it. */
  [fc.toStringMethod](): string {
    const tail = this.offset !== 0 ? `, ${this.exponent}, ${this.offset}` : this.exponent !== 0 ? `, ${this.exponent}` : '';
    return `new TensorCase([${this.shape.join(', ')}], [${this.integers.join(', ')}]${tail})`;
  }
}
