import { type TensorOptions, zeros } from '../../tensor/create.ts';
import { ShapeError } from '../../tensor/errors.ts';
import type { Random } from '../../tensor/random.ts';
import { checkShape, type Shape, showShape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Options of `orthogonal`. */
export interface OrthogonalOptions extends TensorOptions {
  /** Factor on the whole. Default 1. */
  gain?: number;
}

/**
 * A random matrix with orthonormal rows or columns, whichever there are fewer of, times `gain`; a weight of higher rank
 * is taken as `[out, the rest]`. Uniform over all such matrices: a normal matrix is orthogonalized by Gram and Schmidt,
 * each vector twice, which keeps it orthogonal to rounding.
 *
 * Throws a ShapeError below rank 2 and a RangeError for a gain that is not finite.
 *
 * Source: A. M. Saxe, J. L. McClelland, S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
 * linear neural networks, 2014.
 * @example
 * ```ts
 * const q = orthogonal(new Random(1), [2, 2], { dtype: 'float64' });
 * const [a, b, c, d] = Array.from(q.data) as [number, number, number, number];
 * Math.abs(a * c + b * d) < 1e-15; // true
 * ```
 */
export function orthogonal(random: Random, shape: Shape, { gain = 1, ...options }: OrthogonalOptions = {}): Tensor {
  checkShape('orthogonal', shape);
  if (shape.length < 2) {
    throw new ShapeError(
      `orthogonal: the shape must have two axes or more, got ${showShape(shape)}; a bias starts at 0`,
    );
  }
  if (!Number.isFinite(gain)) throw new RangeError(`orthogonal: gain must be finite, got ${gain}`);
  const out = zeros(shape, options);
  if (out.data.length === 0) return out;
  const rows = shape[0]!;
  const columns = out.data.length / rows;
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const vectors = orthonormal(random, count, length);
  const [step, stride] = rows <= columns ? [columns, 1] : [1, columns];
  for (let k = 0; k < count; k++) {
    for (let i = 0; i < length; i++) out.data[k * step + i * stride] = gain * vectors[k * length + i]!;
  }
  return out;
}

/** `count` orthonormal vectors of `length` elements, one after the other. */
function orthonormal(random: Random, count: number, length: number): Float64Array {
  const vectors = new Float64Array(count * length);
  for (let k = 0; k < count; k++) {
    const at = k * length;
    for (let i = 0; i < length; i++) vectors[at + i] = random.normal();
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < at; other += length) {
        let along = 0;
        for (let i = 0; i < length; i++) along += vectors[at + i]! * vectors[other + i]!;
        for (let i = 0; i < length; i++) vectors[at + i]! -= along * vectors[other + i]!;
      }
    }
    let squares = 0;
    for (let i = 0; i < length; i++) squares += vectors[at + i]! * vectors[at + i]!;
    const norm = Math.sqrt(squares);
    for (let i = 0; i < length; i++) vectors[at + i]! /= norm;
  }
  return vectors;
}
