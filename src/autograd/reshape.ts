import { ShapeError } from '../tensor/errors.ts';
import { sameShape, type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/**
 * The elements of `x` in another shape, sharing its memory. One extent may be -1: it is what the others leave.
 * Throws a ShapeError when the numbers of elements differ.
 * @example
 * ```ts
 * reshape(arange(0, 6), [2, -1]).shape; // [2, 3]
 * ```
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const open = shape.indexOf(-1);
  const wanted = shape.slice();
  if (open >= 0) {
    wanted[open] = 1;
    wanted[open] = x.data.length / sizeOf(wanted);
  }
  if (sizeOf(wanted) !== x.data.length || wanted.some((extent) => !Number.isInteger(extent) || extent < 0)) {
    throw new ShapeError(
      `reshape: the number of elements must stay, got ${showShape(x.shape)} (${x.data.length}) to ${showShape(shape)}`,
    );
  }
  if (sameShape(x.shape, wanted)) return x;
  return record(reshapeOp, [x], { shape: x.shape }, new Tensor(x.data, wanted, false, x.storage));
}

const reshapeOp: Op<{ shape: Shape }> = {
  name: 'reshape',
  exact: true,
  pullback: (dy, { shape }) => [reshape(dy, shape)],
};
