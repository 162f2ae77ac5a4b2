/**
 * Matrices that act on the channels of `[N, C, ...spatial]`, group by group: a group is `size` neighbouring channels, and
 * at every position its values are a vector.
 *
 *     covariance = mean over the positions of v vᵀ       v = x - mean
 *     y          = w v * weight + bias
 *
 * Blocks of positions are copied into a small scratch, one row for each channel, in double and centred: so there is never
 * a centred copy of x, the inner loops run over neighbours whatever the layout of x, and each block is one product of
 * matrices. The backward has the same form: the gradient of w is a product over the positions, that of x a matrix
 * `[wᵀ, k]` applied to the gradient and to v.
 */
import { allocate, dtypeOf, type FloatArray } from '../tensor/dtype.ts';
import { addProduct } from '../tensor/matmul-kernel.ts';
import { offsets } from '../tensor/offsets.ts';
import type { View } from './_moments.ts';

/** Positions in a block: the rows of 32 channels, and of their gradients, then take 128 kB. */
const BLOCK = 256;

/** Channels in groups: a view of x, how many groups there are and how many channels each of them has. */
export interface Grouped {
  readonly view: View;
  readonly numGroups: number;
  readonly size: number;
}

/** Some positions of a group; a position counts through the samples and, within each, through the spatial axes. */
interface Block {
  /** the group's first channel */
  readonly first: number;
  readonly start: number;
  readonly length: number;
}

function blocksOf({ view, size }: Grouped): Block[] {
  const blocks: Block[] = [];
  const positions = view.outer * view.inner;
  for (let first = 0; first < view.channel; first += size) {
    for (let start = 0; start < positions; start += BLOCK) {
      blocks.push({ first, start, length: Math.min(BLOCK, positions - start) });
    }
  }
  return blocks;
}

/** Room for `height` rows of a block, to be used for one block after the other. */
function roomFor({ view }: Grouped, height: number): Float64Array {
  return new Float64Array(height * Math.min(BLOCK, view.outer * view.inner));
}

/** `rows[c, m] = x * scale - shift` of the block's channels and positions; scale and shift by channel, null: 1, 0. */
function read(
  rows: Float64Array,
  x: FloatArray,
  { view: { channel, inner }, size }: Grouped,
  { first, start, length }: Block,
  scale: FloatArray | null,
  shift: Float64Array | null,
): void {
  for (let m = 0; m < length; ) {
    const sample = Math.floor((start + m) / inner);
    const place = start + m - sample * inner;
    const run = Math.min(length - m, inner - place);
    for (let c = 0; c < size; c++) {
      const factor = scale ? scale[first + c]! : 1;
      const less = shift ? shift[first + c]! : 0;
      let from = (sample * channel + first + c) * inner + place;
      for (let to = c * length + m, end = to + run; to < end; to++) rows[to] = x[from++]! * factor - less;
    }
    m += run;
  }
}

/** `y = rows * scale + shift` at the block's channels and positions: what `read` undone leaves. */
function write(
  y: FloatArray,
  rows: Float64Array,
  { view: { channel, inner }, size }: Grouped,
  { first, start, length }: Block,
  scale: FloatArray | null,
  shift: FloatArray | null,
): void {
  for (let m = 0; m < length; ) {
    const sample = Math.floor((start + m) / inner);
    const place = start + m - sample * inner;
    const run = Math.min(length - m, inner - place);
    for (let c = 0; c < size; c++) {
      const factor = scale ? scale[first + c]! : 1;
      const more = shift ? shift[first + c]! : 0;
      let to = (sample * channel + first + c) * inner + place;
      for (let from = c * length + m, end = from + run; from < end; from++) y[to++] = rows[from]! * factor + more;
    }
    m += run;
  }
}

/** The matrix `[size, columns]` of the group whose first channel is `first`. */
function matrixOf(matrices: Float64Array, first: number, columns: number, size: number): Float64Array {
  return matrices.subarray(first * columns, (first + size) * columns);
}

/** `sum of v vᵀ` over the positions for each group, `[groups, size, size]`, with `v = x - mean`: symmetric bit by bit. */
export function scatter(x: FloatArray, grouped: Grouped, mean: Float64Array): Float64Array {
  const { view, size } = grouped;
  const out = new Float64Array(view.channel * size);
  const room = roomFor(grouped, size);
  for (const block of blocksOf(grouped)) {
    const v = room.subarray(0, size * block.length);
    read(v, x, grouped, block, null, mean);
    addOuter(out, v, v, grouped, block);
  }
  return out;
}

/** `sum of dy vᵀ` over the positions for each group, `[groups, size, size]`, and the sum of each channel of dy. */
export function correlate(
  dy: FloatArray,
  x: FloatArray,
  grouped: Grouped,
  mean: Float64Array,
): { matrices: Float64Array; sums: Float64Array } {
  const { view, size } = grouped;
  const matrices = new Float64Array(view.channel * size);
  const sums = new Float64Array(view.channel);
  const [roomV, roomU] = [roomFor(grouped, size), roomFor(grouped, size)];
  for (const block of blocksOf(grouped)) {
    const v = roomV.subarray(0, size * block.length);
    const u = roomU.subarray(0, size * block.length);
    read(v, x, grouped, block, null, mean);
    read(u, dy, grouped, block, null, null);
    addOuter(matrices, u, v, grouped, block);
    for (let c = block.first, i = 0; c < block.first + size; c++) {
      let total = 0;
      for (const end = i + block.length; i < end; i++) total += u[i]!;
      sums[c]! += total;
    }
  }
  return { matrices, sums };
}

/** Adds `u vᵀ` of a block to the matrix of its group. */
function addOuter(out: Float64Array, u: Float64Array, v: Float64Array, { size }: Grouped, { first, length }: Block): void {
  addProduct(matrixOf(out, first, size, size), u, v, offsets([length], [1]), offsets([size], [length]), 0);
}

/** `y = w (x - mean) * weight + bias` with the matrix w of each group, `[groups, size, size]`. */
export function transform(
  x: FloatArray,
  grouped: Grouped,
  mean: Float64Array,
  w: Float64Array,
  weight: FloatArray | null,
  bias: FloatArray | null,
): FloatArray {
  const { size } = grouped;
  const y = allocate(dtypeOf(x), x.length);
  const [from, to] = [roomFor(grouped, size), roomFor(grouped, size)];
  for (const block of blocksOf(grouped)) {
    const { first, length } = block;
    const v = from.subarray(0, size * length);
    read(v, x, grouped, block, null, mean);
    const rows = to.subarray(0, size * length).fill(0);
    addProduct(rows, matrixOf(w, first, size, size), v, offsets([size], [length]), offsets([length], [1]), 0);
    write(y, rows, grouped, block, weight, bias);
  }
  return y;
}

/**
 * `dx = wᵀ (dy * weight - shift) + k (x - mean)` with the matrices w and k of each group, where mean and w are those of x;
 * `dx = wᵀ (dy * weight)` where they are given and `own` is null.
 */
export function transformBack(
  dy: FloatArray,
  x: FloatArray,
  grouped: Grouped,
  mean: Float64Array,
  w: Float64Array,
  weight: FloatArray | null,
  own: { readonly shift: Float64Array; readonly k: Float64Array } | null,
): FloatArray {
  const { size, view } = grouped;
  const dx = allocate(dtypeOf(dy), dy.length);
  const width = own ? 2 * size : size;
  const back = new Float64Array(view.channel * width);
  for (let row = 0; row < view.channel; row++) {
    const first = row - (row % size);
    for (let j = 0; j < size; j++) {
      back[row * width + j] = w[(first + j) * size + (row - first)]!;
      if (own) back[row * width + size + j] = own.k[row * size + j]!;
    }
  }
  const [from, to] = [roomFor(grouped, width), roomFor(grouped, size)];
  for (const block of blocksOf(grouped)) {
    const { first, length } = block;
    const stacked = from.subarray(0, width * length);
    read(stacked, dy, grouped, block, weight, own && own.shift);
    if (own) read(stacked.subarray(size * length), x, grouped, block, null, mean);
    const rows = to.subarray(0, size * length).fill(0);
    addProduct(rows, matrixOf(back, first, width, size), stacked, offsets([width], [length]), offsets([length], [1]), 0);
    write(dx, rows, grouped, block, null, null);
  }
  return dx;
}
