import { sameShape, type Shape, showShape, broadcastShapes } from '../tensor/shape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { expand } from '../tensor/walk.ts';
import { type Op, record } from './record.ts';
import { sumTo } from './sum.ts';

/**
 * `x` repeated along axes of extent 1, and along new axes in front, to fill `shape`; `x` itself when it has that
 * shape already. Throws a ShapeError when it cannot stretch to it.
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
    throw new ShapeError(`broadcastTo: shape ${showShape(x.shape)} does not stretch to ${showShape(shape)}`);
  }
  return record(broadcastOp, [x], { shape: x.shape }, new Tensor(expand(x.data, x.shape, shape), shape));
}

const broadcastOp: Op<{ shape: Shape }> = {
  name: 'broadcastTo',
  exact: true,
  pullback: (dy, { shape }) => [sumTo(dy, shape)],
};
