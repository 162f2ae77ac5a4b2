import { ShapeError } from '../tensor/errors.ts';
import { normalizeAxis, sameShape, type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { checkIndices, type Indices } from './_indices.ts';
import { type Op, record } from './record.ts';
import { take } from './take.ts';

/**
 * Zeros of extent `count` along `axis`, to which each slice of `x` is added at its index: `y[indices[j]] += x[j]`, in
 * double. Where `x` has the axes of `indices`, the result has the one axis: the adjoint of `take`.
 *
 * Throws a ShapeError unless `x` has the axes of `indices` at `axis`, and a RangeError for an index that is not an
 * integer within `count`, a count that is not an integer of at least 0, or an axis outside the rank of the result.
 * @example
 * ```ts
 * toArray(scatterAdd(tensor([1, 2, 3]), [0, 2, 0], 4)); // [4, 0, 2, 0]
 * ```
 */
export function scatterAdd(x: Tensor, indices: Indices, count: number, axis = 0): Tensor {
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`scatterAdd: count must be an integer of at least 0, got ${count}`);
  }
  const { flat, shape } = checkIndices('scatterAdd', indices, count);
  const rank = x.shape.length - shape.length + 1;
  if (rank < 1) throw mismatch(x, shape, axis);
  const at = normalizeAxis('scatterAdd', axis, rank);
  if (!sameShape(x.shape.slice(at, at + shape.length), shape)) throw mismatch(x, shape, at);
  const before = x.shape.slice(0, at);
  const after = x.shape.slice(at + shape.length);
  const outer = sizeOf(before);
  const inner = sizeOf(after);
  const total = new Float64Array(outer * count * inner);
  let from = 0;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < flat.length; j++) {
      const to = (o * count + flat[j]!) * inner;
      for (let i = 0; i < inner; i++) total[to + i]! += x.data[from++]!;
    }
  }
  const out = new Tensor(rounded(total, x.dtype), [...before, count, ...after]);
  return record(scatterAddOp, [x], { flat, shape, axis: at }, out);
}

const scatterAddOp: Op<{ flat: Int32Array; shape: Shape; axis: number }> = {
  name: 'scatterAdd',
  pullback: (dy, { flat, shape, axis }) => [take(dy, { flat, shape }, axis)],
};

function mismatch(x: Tensor, shape: Shape, axis: number): ShapeError {
  return new ShapeError(
    `scatterAdd: x must have the axes of the indices, ${showShape(shape)}, at axis ${axis}, got ${showShape(x.shape)}`,
  );
}
