import { keepAxes, normalizeAxes, sameShape, type Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { reduceTo, rounded } from '../tensor/walk.ts';
import { broadcastTo } from './broadcast-to.ts';
import { type Op, record } from './record.ts';
import { reshape } from './reshape.ts';

/** What reductions take. */
export interface ReduceOptions {
  /** Axes to reduce over; negative ones count from the back. Default: all. */
  axis?: number | readonly number[];
  /** Keep the reduced axes with extent 1. Default false. */
  keepDims?: boolean;
}

/**
 * `y = sum of x over axis`, accumulated in double.
 * @example
 * ```ts
 * toArray(sum(tensor([[1, 2], [3, 4]]), { axis: 0 })); // [4, 6]
 * ```
 */
export function sum(x: Tensor, { axis, keepDims = false }: ReduceOptions = {}): Tensor {
  const axes = normalizeAxes('sum', axis, x.shape.length);
  const kept = sumTo(x, keepAxes(x.shape, axes));
  return keepDims ? kept : reshape(kept, dropAxes(x.shape, axes));
}

/** `x` summed over the axes along which `shape` would be broadcast to it: the adjoint of `broadcastTo`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const out = new Tensor(rounded(reduceTo(x.data, x.shape, shape), x.dtype), shape);
  return record(sumOp, [x], { shape: x.shape }, out);
}

/** `shape` without `axes` (normalized). */
export function dropAxes(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, axis) => !axes.includes(axis));
}

const sumOp: Op<{ shape: Shape }> = {
  name: 'sum',
  pullback: (dy, { shape }) => [broadcastTo(dy, shape)],
};
