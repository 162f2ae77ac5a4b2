import { allocate } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { aroundAxis } from './_around-axis.ts';
import { checkIndices, type Indices } from './_indices.ts';
import { type Op, record } from './record.ts';
import { scatterAdd } from './scatter-add.ts';

/**
 * The slices of `x` at `indices` along `axis`, in their order and as often as they are named: the rows of an
 * embedding. The axis is replaced by the axes of `indices`. Negative indices count from the back.
 *
 * Throws a RangeError for an index that is not an integer within the axis, or an axis outside the rank.
 * @example
 * ```ts
 * toArray(take(tensor([[1, 2], [3, 4]]), [1, 0, 1])); // [[3, 4], [1, 2], [3, 4]]
 * ```
 */
export function take(x: Tensor, indices: Indices, axis = 0): Tensor {
  const { axis: at, outer, count, inner } = aroundAxis('take', x.shape, axis);
  const { flat, shape } = checkIndices('take', indices, count);
  const out = new Tensor(
    allocate(x.dtype, outer * flat.length * inner),
    [...x.shape.slice(0, at), ...shape, ...x.shape.slice(at + 1)],
  );
  let to = 0;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < flat.length; j++) {
      const from = (o * count + flat[j]!) * inner;
      for (let i = 0; i < inner; i++) out.data[to++] = x.data[from + i]!;
    }
  }
  return record(takeOp, [x], { flat, shape, count, axis: at }, out);
}

const takeOp: Op<{ flat: Int32Array; shape: Shape; count: number; axis: number }> = {
  name: 'take',
  exact: true,
  pullback: (dy, { flat, shape, count, axis }) => [scatterAdd(dy, { flat, shape }, count, axis)],
};
