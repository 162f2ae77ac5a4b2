import { allocate } from '../tensor/dtype.ts';
import { normalizeAxis, showShape, stridesOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/**
 * `x` with its axes in another order: axis `k` of the result is axis `axes[k]` of `x`. Negative axes count from the
 * back. Throws a RangeError unless every axis is named once.
 * @example
 * ```ts
 * permute(zeros([2, 3, 4]), [2, 0, 1]).shape; // [4, 2, 3]
 * ```
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const rank = x.shape.length;
  const order = axes.map((axis) => normalizeAxis('permute', axis, rank));
  if (new Set(order).size !== rank || order.length !== rank) {
    throw new RangeError(`permute: axes must name each axis of shape ${showShape(x.shape)} once, got [${axes}]`);
  }
  if (order.every((axis, k) => axis === k)) return x;
  const shape = order.map((axis) => x.shape[axis]!);
  const strides = stridesOf(x.shape);
  const steps = order.map((axis) => strides[axis]!);
  const out = new Tensor(allocate(x.dtype, x.data.length), shape);
  const length = shape[rank - 1]!;
  const step = steps[rank - 1]!;
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let start = 0; start < out.data.length; start += length) {
    for (let i = 0; i < length; i++) out.data[start + i] = x.data[from + i * step]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return record(permuteOp, [x], { order }, out);
}

const permuteOp: Op<{ order: readonly number[] }> = {
  name: 'permute',
  exact: true,
  pullback: (dy, { order }) => [permute(dy, order.map((_, axis) => order.indexOf(axis)))],
};
