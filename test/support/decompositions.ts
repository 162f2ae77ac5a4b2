/** Matrices with a known spectrum, and how far a decomposition is from what it should be. */
import { orthogonal } from '../../src/nn/init/orthogonal.ts';
import type { Random } from '../../src/tensor/random.ts';

/** `sum over k of values[k] * uₖ vₖᵀ` for `u` `[count, rows]` and `v` `[count, columns]`, vectors in rows. */
export function assembled(u: ArrayLike<number>, values: ArrayLike<number>, v: ArrayLike<number>): Float64Array {
  const count = values.length;
  const rows = count === 0 ? 0 : u.length / count;
  const columns = count === 0 ? 0 : v.length / count;
  const out = new Float64Array(rows * columns);
  for (let k = 0; k < count; k++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) out[i * columns + j]! += values[k]! * u[k * rows + i]! * v[k * columns + j]!;
    }
  }
  return out;
}

/** The largest difference. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}

/** How far the vectors in the rows are from being orthonormal. */
export function skewness(vectors: ArrayLike<number>, count: number): number {
  const length = vectors.length / count;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      let total = i === j ? -1 : 0;
      for (let k = 0; k < length; k++) total += vectors[i * length + k]! * vectors[j * length + k]!;
      worst = Math.max(worst, Math.abs(total));
    }
  }
  return worst;
}

/** Random orthonormal vectors in rows. */
export function directions(random: Random, count: number, length: number): Float64Array {
  return orthogonal(random, [count, length], { dtype: 'float64' }).data as Float64Array;
}

/** A symmetric matrix with these eigenvalues, in random directions. */
export function symmetric(random: Random, values: readonly number[]): Float64Array {
  const q = directions(random, values.length, values.length);
  const a = assembled(q, values, q);
  const n = values.length;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[i * n + j] = a[j * n + i]!;
  return a;
}

/** A matrix with these singular values, in random directions. */
export function withSingular(random: Random, rows: number, columns: number, values: readonly number[]): Float64Array {
  return assembled(directions(random, values.length, rows), values, directions(random, values.length, columns));
}

/** Numbers from 1 down to 1 / condition, evenly on a logarithmic scale. */
export function graded(count: number, condition: number): number[] {
  return Array.from({ length: count }, (_, k) => condition ** (-k / Math.max(1, count - 1)));
}
