/** Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's rotations. */
import { ShapeError } from './errors.ts';

/** What `symmetricEigen` finds: `a = sum over k of values[k] * vₖ vₖᵀ`. */
export interface SymmetricEigen {
  /** n eigenvalues, the largest first. */
  readonly values: Float64Array;
  /** `[n, n]`: row k is the eigenvector vₖ of `values[k]`; the rows are orthonormal. */
  readonly vectors: Float64Array;
}

/** Most sweeps over all pairs; about 10 are enough for a hundred rows, and quadratic convergence ends the rest. */
const SWEEPS = 60;

/**
 * The eigen-decomposition of the symmetric matrix `data` `[n, n]`, row-major; of `(a + aᵀ) / 2` when it is not quite
 * symmetric. Each pair of axes in turn is rotated until its element vanishes (cyclic Jacobi). Eigenvalues are right to
 * a few units in the last place of the largest one, and of a well scaled positive definite matrix each to its own.
 * Equal eigenvalues have some orthonormal basis of their space; there is no randomness.
 *
 * A matrix with an element that is not finite has NaN for all of its values and vectors. Throws a ShapeError when
 * `data` does not have n * n elements.
 *
 * Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, section 8.5.
 * @example
 * ```ts
 * const { values, vectors } = symmetricEigen([0, 2, 2, 3], 2);
 * Array.from(values); // [4, -1]
 * Array.from(vectors, (v) => v * v); // [0.2, 0.8, 0.8, 0.2]
 * ```
 */
export function symmetricEigen(data: ArrayLike<number>, n: number): SymmetricEigen {
  if (data.length !== n * n) {
    throw new ShapeError(`symmetricEigen: data must have n * n = ${n * n} elements, got ${data.length}`);
  }
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) a[i * n + j] = data[i * n + j]! / 2 + data[j * n + i]! / 2;
  }
  const most = largest(a);
  if (most !== most) return { values: a.slice(0, n).fill(NaN), vectors: a.fill(NaN) };
  const unit = safeUnit(most);
  for (let i = 0; i < a.length; i++) a[i]! /= unit;
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS; sweep++) if (!rotateAll(a, vectors, n)) break;
  return sorted(a, vectors, n, unit);
}

/** The largest absolute value; NaN when an element is not finite. */
export function largest(data: Float64Array): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]!)) return NaN;
    most = Math.max(most, Math.abs(data[i]!));
  }
  return most;
}

/** What to divide numbers of up to `most` by, so that products of two of them stay in range; 1 for usual ones. */
export function safeUnit(most: number): number {
  return most > 2 ** 300 || (most > 0 && most < 2 ** -300) ? most : 1;
}

/** One sweep over all pairs; whether any of them was rotated. */
function rotateAll(a: Float64Array, vectors: Float64Array, n: number): boolean {
  let rotated = false;
  for (let p = 0; p < n - 1; p++) {
    for (let q = p + 1; q < n; q++) {
      const across = a[p * n + q]!;
      const first = a[p * n + p]!;
      const second = a[q * n + q]!;
      if (Math.abs(across) <= 2 ** -53 * Math.sqrt(Math.abs(first * second))) continue;
      rotated = true;
      const ratio = (second - first) / (2 * across);
      const t = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1));
      const c = 1 / Math.sqrt(t * t + 1);
      rotate(a, n, p, q, c, t * c);
      a[p * n + p] = first - t * across;
      a[q * n + q] = second + t * across;
      a[p * n + q] = 0;
      a[q * n + p] = 0;
      rotateRows(vectors, n, p * n, q * n, c, t * c);
    }
  }
  return rotated;
}

/** Rotates rows and columns p and q, except where they cross. */
function rotate(a: Float64Array, n: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    if (k === p || k === q) continue;
    const x = a[p * n + k]!;
    const y = a[q * n + k]!;
    const first = c * x - s * y;
    const second = s * x + c * y;
    a[p * n + k] = first;
    a[k * n + p] = first;
    a[q * n + k] = second;
    a[k * n + q] = second;
  }
}

/** Turns the vectors of `length` elements at p and q: `(c x - s y, s x + c y)`. */
export function rotateRows(rows: Float64Array, length: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < length; k++) {
    const x = rows[p + k]!;
    const y = rows[q + k]!;
    rows[p + k] = c * x - s * y;
    rows[q + k] = s * x + c * y;
  }
}

/** The diagonal in falling order, in its old unit, with its vectors. */
function sorted(a: Float64Array, rows: Float64Array, n: number, unit: number): SymmetricEigen {
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]! || i - j);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    values[to] = a[from * n + from]! * unit;
    vectors.set(rows.subarray(from * n, from * n + n), to * n);
  });
  return { values, vectors };
}
