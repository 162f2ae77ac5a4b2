/**
 * The product of matrices behind `matmul` and the convolutions.
 *
 * Everything is Float64Array here, whatever the dtype of the tensors: the inner loop then sees one type of array, and
 * sums are kept in double. Each sum is taken in the order of k, one term after the other, so a result does not depend
 * on the blocking. Four columns are first copied side by side into a panel that stays in the nearest cache; two rows
 * at a time are multiplied with it, eight sums in registers. Measured on Node 20 for 512 x 512 x 512: 4.4 GFLOP/s,
 * against 4.2 for 4 x 4 sums, 4.1 for 4 x 2 and 1.0 for a loop over rows of b.
 */
import type { FloatArray } from './dtype.ts';
import { offsets } from './offsets.ts';
import { type Shape, sizeOf, stridesOf } from './shape.ts';

/** Length of a panel: 4 columns of 512 doubles are 16 kB. */
const BLOCK = 512;

/** `data` in double: itself when it is already. */
export function doubles(data: FloatArray): Float64Array {
  return data instanceof Float64Array ? data : new Float64Array(data);
}

/**
 * `c[i, j] += sum over k of a[i, k] * b[start + rows[k] + columns[j]]`, where c and a are row-major, and the elements
 * of b are wherever the two lists of offsets say.
 */
export function addProduct(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  rows: Int32Array,
  columns: Int32Array,
  start: number,
): void {
  const inner = rows.length;
  const width = columns.length;
  if (c.length === 0) return;
  const height = c.length / width;
  const panel = new Float64Array(4 * Math.min(BLOCK, inner));
  const sums = new Float64Array(4 * height);
  for (let j = 0; j < width; j += 4) {
    const count = Math.min(4, width - j);
    readColumns(sums, c, j, count, width);
    for (let k = 0; k < inner; k += BLOCK) {
      const length = Math.min(BLOCK, inner - k);
      fillPanel(panel, b, rows, k, length, columns, j, count, start);
      multiplyPanel(sums, a, inner, k, length, panel);
    }
    writeColumns(c, sums, j, count, width);
  }
}

/** Copies up to 4 columns of b side by side; places without a column repeat the first, and are not used. */
function fillPanel(
  panel: Float64Array,
  b: Float64Array,
  rows: Int32Array,
  k: number,
  length: number,
  columns: Int32Array,
  j: number,
  count: number,
  start: number,
): void {
  const p = start + columns[j]!;
  const q = count > 1 ? start + columns[j + 1]! : p;
  const r = count > 2 ? start + columns[j + 2]! : p;
  const s = count > 3 ? start + columns[j + 3]! : p;
  for (let i = 0, to = 0; i < length; i++, to += 4) {
    const row = rows[k + i]!;
    panel[to] = b[row + p]!;
    panel[to + 1] = b[row + q]!;
    panel[to + 2] = b[row + r]!;
    panel[to + 3] = b[row + s]!;
  }
}

/** Adds to the 4 columns of `sums` the products of columns k to k + length of `a` with the panel. */
function multiplyPanel(
  sums: Float64Array,
  a: Float64Array,
  inner: number,
  k: number,
  length: number,
  panel: Float64Array,
): void {
  const height = sums.length >> 2;
  let i = 0;
  for (; i + 1 < height; i += 2) {
    const first = i * inner + k;
    const second = first + inner;
    const to = 4 * i;
    let p0 = sums[to]!;
    let p1 = sums[to + 1]!;
    let p2 = sums[to + 2]!;
    let p3 = sums[to + 3]!;
    let q0 = sums[to + 4]!;
    let q1 = sums[to + 5]!;
    let q2 = sums[to + 6]!;
    let q3 = sums[to + 7]!;
    for (let n = 0, at = 0; n < length; n++, at += 4) {
      const b0 = panel[at]!;
      const b1 = panel[at + 1]!;
      const b2 = panel[at + 2]!;
      const b3 = panel[at + 3]!;
      const p = a[first + n]!;
      p0 += p * b0;
      p1 += p * b1;
      p2 += p * b2;
      p3 += p * b3;
      const q = a[second + n]!;
      q0 += q * b0;
      q1 += q * b1;
      q2 += q * b2;
      q3 += q * b3;
    }
    sums[to] = p0;
    sums[to + 1] = p1;
    sums[to + 2] = p2;
    sums[to + 3] = p3;
    sums[to + 4] = q0;
    sums[to + 5] = q1;
    sums[to + 6] = q2;
    sums[to + 7] = q3;
  }
  if (i < height) {
    const first = i * inner + k;
    for (let j = 0; j < 4; j++) {
      let total = sums[4 * i + j]!;
      for (let n = 0; n < length; n++) total += a[first + n]! * panel[4 * n + j]!;
      sums[4 * i + j] = total;
    }
  }
}

function readColumns(sums: Float64Array, c: Float64Array, j: number, count: number, width: number): void {
  for (let to = 0, at = j; to < sums.length; to += 4, at += width) {
    for (let n = 0; n < count; n++) sums[to + n] = c[at + n]!;
  }
}

function writeColumns(c: Float64Array, sums: Float64Array, j: number, count: number, width: number): void {
  for (let at = 0, to = j; at < sums.length; at += 4, to += width) {
    for (let n = 0; n < count; n++) c[to + n] = sums[at + n]!;
  }
}

/** The matrices `a` [..., m, k] times `b` [..., k, n] into `out` [...batch, m, n], both broadcast to `batch`. */
export function matmulKernel(out: FloatArray, a: FloatArray, aShape: Shape, b: FloatArray, bShape: Shape, batch: Shape): void {
  const height = aShape[aShape.length - 2]!;
  const inner = bShape[bShape.length - 2]!;
  const width = bShape[bShape.length - 1]!;
  const rows = offsets([inner], [width]);
  const columns = offsets([width], [1]);
  const aStarts = matrixStarts(aShape, batch);
  const bStarts = matrixStarts(bShape, batch);
  const left = doubles(a);
  const right = doubles(b);
  const product = new Float64Array(height * width);
  for (let i = 0; i < aStarts.length; i++) {
    product.fill(0);
    addProduct(product, left.subarray(aStarts[i]!, aStarts[i]! + height * inner), right, rows, columns, bStarts[i]!);
    out.set(product, i * product.length);
  }
}

/** Where each matrix of `shape` begins, repeated as broadcasting to `batch` repeats it. */
function matrixStarts(shape: Shape, batch: Shape): Int32Array {
  const own = shape.slice(0, -2);
  const missing = batch.length - own.length;
  const size = sizeOf(shape.slice(-2));
  const strides = stridesOf(own);
  return offsets(
    batch,
    batch.map((_, axis) => (axis < missing || own[axis - missing] === 1 ? 0 : strides[axis - missing]! * size)),
  );
}
