/** The largest singular value, approached step by step. */
import { ShapeError } from './errors.ts';

/**
 * Moves the unit vectors `u` `[rows]` and `v` `[columns]` towards the singular vectors of the largest singular value of
 * `matrix` `[rows, columns]`, in place. Each of the `iterations` is first `v = mᵀu / ‖mᵀu‖`, then `u = mv / ‖mv‖`, the
 * order of the paper. A product whose length is at most `eps`, or not finite, leaves the vector as it was, so that a
 * weight of zeros or NaN does no lasting harm. The estimate is `bilinear(matrix, u, v)`; it is never above the largest
 * singular value, and its error shrinks with `(σ₂ / σ₁)²` in each iteration.
 *
 * Throws a ShapeError when `matrix` does not have u.length * v.length elements.
 *
 * Source: T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, Spectral normalization for generative adversarial networks, 2018.
 * @example
 * ```ts
 * const m = Float64Array.of(3, 0, 0, 1);
 * const u = Float64Array.of(0.6, 0.8);
 * const v = Float64Array.of(1, 0);
 * powerIteration(m, u, v, 1, 1e-12);
 * Array.from(u); // [0.989203, 0.146549]
 * Array.from(v); // [0.913812, 0.406138]
 * bilinear(m, u, v); // 2.771356
 * ```
 */
export function powerIteration(matrix: Float64Array, u: Float64Array, v: Float64Array, iterations: number, eps: number): void {
  checkSizes('powerIteration', matrix, u, v);
  const across = new Float64Array(v.length);
  const along = new Float64Array(u.length);
  for (let n = 0; n < iterations; n++) {
    across.fill(0);
    for (let i = 0, at = 0; i < u.length; i++) {
      const weight = u[i]!;
      for (let j = 0; j < v.length; j++) across[j]! += weight * matrix[at++]!;
    }
    direction(v, across, eps);
    for (let i = 0, at = 0; i < u.length; i++) {
      let total = 0;
      for (let j = 0; j < v.length; j++) total += matrix[at++]! * v[j]!;
      along[i] = total;
    }
    direction(u, along, eps);
  }
}

/**
 * `uᵀ m v`: the estimate of a singular value from its vectors.
 *
 * Throws a ShapeError when `matrix` does not have u.length * v.length elements.
 */
export function bilinear(matrix: Float64Array, u: Float64Array, v: Float64Array): number {
  checkSizes('bilinear', matrix, u, v);
  let total = 0;
  for (let i = 0, at = 0; i < u.length; i++) {
    let row = 0;
    for (let j = 0; j < v.length; j++) row += matrix[at++]! * v[j]!;
    total += u[i]! * row;
  }
  return total;
}

/** `into = from / ‖from‖`, or nothing when that length is at most eps or not finite. */
function direction(into: Float64Array, from: Float64Array, eps: number): void {
  let squares = 0;
  for (let i = 0; i < from.length; i++) squares += from[i]! * from[i]!;
  const length = Math.sqrt(squares);
  if (!(length > eps && length < Infinity)) return;
  for (let i = 0; i < from.length; i++) into[i] = from[i]! / length;
}

function checkSizes(caller: string, matrix: Float64Array, u: Float64Array, v: Float64Array): void {
  if (matrix.length !== u.length * v.length) {
    throw new ShapeError(
      `${caller}: matrix must have u.length * v.length = ${u.length * v.length} elements, got ${matrix.length}`,
    );
  }
}
