/** The singular value decomposition, by Jacobi's rotations of one side. */
import { largest, rotateRows, safeUnit } from './eigen.ts';
import { ShapeError } from './errors.ts';

/** What `svd` finds: `m = sum over k of values[k] * uₖ vₖᵀ`, with `count = min(rows, columns)` terms. */
export interface Svd {
  /** `[count, rows]`: row k is the left singular vector uₖ; the rows are orthonormal. */
  readonly u: Float64Array;
  /** The singular values, the largest first. */
  readonly values: Float64Array;
  /** `[count, columns]`: row k is the right singular vector vₖ; the rows are orthonormal. */
  readonly v: Float64Array;
}

/** Most sweeps over all pairs; 10 are enough for a hundred. */
const SWEEPS = 60;

/**
 * The singular value decomposition of the matrix `data` `[rows, columns]`, row-major. The vectors along the longer side
 * are turned against each other, pair by pair, until all are orthogonal; their lengths are the singular values (one-sided
 * Jacobi). No product of the matrix with its transpose is formed, which would lose half the digits of small singular
 * values. Singular values are right to a few units in the last place of the largest; vectors that belong to a singular
 * value of 0 complete the orthonormal set. There is no randomness.
 *
 * A matrix with an element that is not finite has NaN for everything. Throws a ShapeError when `data` does not have
 * rows * columns elements.
 *
 * Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, section 8.6.
 * @example
 * ```ts
 * const { u, values, v } = svd([0, 2, 0, 3, 0, 0], 2, 3);
 * Array.from(values); // [3, 2]
 * Array.from(u, Math.abs); // [0, 1, 1, 0]
 * Array.from(v, Math.abs); // [1, 0, 0, 0, 1, 0]
 * ```
 */
export function svd(data: ArrayLike<number>, rows: number, columns: number): Svd {
  if (data.length !== rows * columns) {
    throw new ShapeError(`svd: data must have rows * columns = ${rows * columns} elements, got ${data.length}`);
  }
  const wide = rows < columns;
  const count = wide ? rows : columns;
  const length = wide ? columns : rows;
  // The vectors to be turned, one after the other: the rows of a wide matrix, the columns of any other.
  const long = new Float64Array(count * length);
  for (let k = 0; k < count; k++) {
    for (let i = 0; i < length; i++) long[k * length + i] = wide ? data[k * columns + i]! : data[i * columns + k]!;
  }
  const most = largest(long);
  const short = new Float64Array(count * count);
  if (most !== most) {
    long.fill(NaN);
    short.fill(NaN);
    return { u: wide ? short : long, values: new Float64Array(count).fill(NaN), v: wide ? long : short };
  }
  const unit = safeUnit(most);
  for (let i = 0; i < long.length; i++) long[i]! /= unit;
  for (let k = 0; k < count; k++) short[k * count + k] = 1;
  for (let sweep = 0; sweep < SWEEPS; sweep++) if (!turnAll(long, short, count, length)) break;
  const { values, order } = lengths(long, count, length);
  const turned = reordered(long, order, length);
  orthonormalize(turned, values, length);
  const other = reordered(short, order, count);
  for (let k = 0; k < count; k++) values[k]! *= unit;
  return wide ? { u: other, values, v: turned } : { u: turned, values, v: other };
}

/** One sweep over all pairs of vectors; whether any of them was turned. */
function turnAll(long: Float64Array, short: Float64Array, count: number, length: number): boolean {
  // The rounding of an inner product of orthogonal vectors grows like this.
  const negligible = 2 ** -52 * Math.sqrt(length);
  let turned = false;
  for (let p = 0; p < count - 1; p++) {
    for (let q = p + 1; q < count; q++) {
      let first = 0;
      let second = 0;
      let across = 0;
      for (let i = p * length, j = q * length, end = i + length; i < end; i++, j++) {
        first += long[i]! * long[i]!;
        second += long[j]! * long[j]!;
        across += long[i]! * long[j]!;
      }
      if (Math.abs(across) <= negligible * Math.sqrt(first) * Math.sqrt(second)) continue;
      turned = true;
      const ratio = (second - first) / (2 * across);
      const t = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1));
      const c = 1 / Math.sqrt(t * t + 1);
      rotateRows(long, length, p * length, q * length, c, t * c);
      rotateRows(short, count, p * count, q * count, c, t * c);
    }
  }
  return turned;
}

/** The lengths of the vectors in falling order, and which vector each belongs to. */
function lengths(long: Float64Array, count: number, length: number): { values: Float64Array; order: number[] } {
  const found = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    let squares = 0;
    for (let i = k * length; i < (k + 1) * length; i++) squares += long[i]! * long[i]!;
    found[k] = Math.sqrt(squares);
  }
  const order = Array.from(found, (_, k) => k).sort((j, k) => found[k]! - found[j]! || j - k);
  return { values: Float64Array.from(order, (k) => found[k]!), order };
}

function reordered(rows: Float64Array, order: readonly number[], length: number): Float64Array {
  const out = new Float64Array(rows.length);
  order.forEach((from, to) => out.set(rows.subarray(from * length, (from + 1) * length), to * length));
  return out;
}

/** Divides each vector by its length; those of length 0 become unit vectors orthogonal to all before them. */
function orthonormalize(vectors: Float64Array, values: Float64Array, length: number): void {
  for (let k = 0; k < values.length; k++) {
    const at = k * length;
    if (values[k]! === 0) complete(vectors, k, length);
    else for (let i = at; i < at + length; i++) vectors[i]! /= values[k]!;
  }
}

/** Makes vector k the axis that the vectors before it cover least, without its part along them. */
function complete(vectors: Float64Array, k: number, length: number): void {
  const at = k * length;
  const covered = new Float64Array(length);
  for (let i = 0; i < at; i++) covered[i % length]! += vectors[i]! * vectors[i]!;
  let least = 0;
  for (let i = 1; i < length; i++) if (covered[i]! < covered[least]!) least = i;
  vectors.fill(0, at, at + length);
  vectors[at + least] = 1;
  for (let pass = 0; pass < 2; pass++) {
    for (let other = 0; other < at; other += length) {
      let along = 0;
      for (let i = 0; i < length; i++) along += vectors[at + i]! * vectors[other + i]!;
      for (let i = 0; i < length; i++) vectors[at + i]! -= along * vectors[other + i]!;
    }
    let squares = 0;
    for (let i = at; i < at + length; i++) squares += vectors[i]! * vectors[i]!;
    const norm = Math.sqrt(squares);
    for (let i = at; i < at + length; i++) vectors[i]! /= norm;
  }
}
