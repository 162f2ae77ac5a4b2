/**
 * A tensor of a generated case: a shape and small integers, scaled by a power of two and shifted. Element i is
 * `fround(integers[i] * 2^exponent + offset)`, so float32 and float64 hold the same numbers, and a counterexample can
 * be read and typed in again. Single elements may be something else altogether: NaN, an infinity, a huge number.
 */
import type { DType } from '../../tensor/dtype.ts';
import { type Shape, sizeOf } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';

const none: ReadonlyMap<number, number> = /* @__PURE__ */ new Map<number, number>();

export class TensorCase {
  readonly shape: Shape;
  readonly integers: readonly number[];
  readonly exponent: number;
  readonly offset: number;
  /** What stands at an element in place of what its integer says. */
  readonly specials: ReadonlyMap<number, number>;

  constructor(shape: Shape, integers: readonly number[], exponent = 0, offset = 0, specials: ReadonlyMap<number, number> = none) {
    if (integers.length !== sizeOf(shape)) throw new RangeError(`TensorCase: ${integers.length} integers for [${shape}]`);
    this.shape = shape;
    this.integers = integers;
    this.exponent = exponent;
    this.offset = offset;
    this.specials = specials;
  }

  /** The elements as numbers, each exact in float32. */
  values(): number[] {
    const scale = 2 ** this.exponent;
    return this.integers.map((integer, i) => Math.fround(this.specials.get(i) ?? integer * scale + this.offset));
  }

  /** A new tensor of its own memory. */
  tensor(dtype: DType = 'float64', requiresGrad = false): Tensor {
    const values = this.values();
    return new Tensor(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values), this.shape, requiresGrad);
  }

  /** A case like this one with other parts. */
  with(parts: Partial<Pick<TensorCase, 'shape' | 'integers' | 'exponent' | 'offset' | 'specials'>>): TensorCase {
    return new TensorCase(
      parts.shape ?? this.shape,
      parts.integers ?? this.integers,
      parts.exponent ?? this.exponent,
      parts.offset ?? this.offset,
      parts.specials ?? this.specials,
    );
  }

  /** The indices `keep` along one axis, with their data. */
  take(axis: number, keep: readonly number[]): TensorCase {
    const inner = sizeOf(this.shape.slice(axis + 1));
    const extent = this.shape[axis]!;
    const outer = sizeOf(this.shape.slice(0, axis));
    const integers: number[] = [];
    const specials = new Map<number, number>();
    for (let o = 0; o < outer; o++) {
      for (const k of keep) {
        for (let i = 0; i < inner; i++) {
          const from = (o * extent + k) * inner + i;
          const special = this.specials.get(from);
          if (special !== undefined) specials.set(integers.length, special);
          integers.push(this.integers[from]!);
        }
      }
    }
    return this.with({ shape: this.shape.map((n, a) => (a === axis ? keep.length : n)), integers, specials });
  }

  /** As the code that makes it. */
  toString(): string {
    const { shape, integers, exponent, offset, specials } = this;
    const special = specials.size > 0 ? `new Map([${[...specials].map(([i, value]) => `[${i}, ${value}]`).join(', ')}])` : '';
    const parts = special ? [exponent, offset, special] : offset !== 0 ? [exponent, offset] : exponent !== 0 ? [exponent] : [];
    return `new TensorCase([${shape.join(', ')}], [${integers.join(', ')}]${parts.map((part) => `, ${part}`).join('')})`;
  }
}
