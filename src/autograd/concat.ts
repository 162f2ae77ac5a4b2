import { allocate } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { aroundAxis } from './_around-axis.ts';
import { type Op, record } from './record.ts';
import { slice } from './slice.ts';

/**
 * The tensors one after the other along `axis`.
 *
 * Throws a RangeError when there is none or the axis is outside the rank, a ShapeError unless all other extents agree,
 * and a TypeError for different dtypes.
 * @example
 * ```ts
 * toArray(concat([tensor([1, 2]), tensor([3])])); // [1, 2, 3]
 * ```
 */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const first = tensors[0];
  if (!first) throw new RangeError('concat: there must be at least one tensor, got an empty list');
  const { axis: at, outer, inner } = aroundAxis('concat', first.shape, axis);
  for (const x of tensors) checkAgrees(first, x, at);
  const ends: number[] = [];
  let count = 0;
  for (const x of tensors) ends.push((count += x.shape[at]!));
  const shape = first.shape.map((extent, k) => (k === at ? count : extent));
  const out = new Tensor(allocate(first.dtype, outer * count * inner), shape);
  tensors.forEach((x, k) => {
    const run = x.shape[at]! * inner;
    const start = ends[k]! * inner - run;
    for (let o = 0; o < outer; o++) out.data.set(x.data.subarray(o * run, (o + 1) * run), o * count * inner + start);
  });
  return record(concatOp, tensors, { axis: at, ends }, out);
}

const concatOp: Op<{ axis: number; ends: readonly number[] }> = {
  name: 'concat',
  exact: true,
  pullback: (dy, { axis, ends }, needs) =>
    ends.map((end, k) => (needs[k] ? slice(dy, axis, k === 0 ? 0 : ends[k - 1]!, end) : null)),
};

function checkAgrees(first: Tensor, x: Tensor, at: number): void {
  if (x.shape.length !== first.shape.length || x.shape.some((extent, k) => k !== at && extent !== first.shape[k])) {
    throw new ShapeError(
      `concat: shapes must agree except along axis ${at}, got ${showShape(first.shape)} and ${showShape(x.shape)}`,
    );
  }
  if (x.dtype !== first.dtype) {
    throw new TypeError(`concat: all tensors must have one dtype, got ${first.dtype} and ${x.dtype}; use cast(x, dtype)`);
  }
}
