import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { sum } from './sum.ts';

/**
 * `y = sum of x * y`: the inner product of two vectors of one length, a scalar. Throws a ShapeError for anything else.
 * @example
 * ```ts
 * item(dot(tensor([1, 2]), tensor([3, 4]))); // 11
 * ```
 */
export function dot(x: Tensor, y: Tensor): Tensor {
  if (x.shape.length !== 1 || !sameShape(x.shape, y.shape)) {
    throw new ShapeError(
      `dot: both tensors must be vectors of one length, got ${showShape(x.shape)} and ${showShape(y.shape)}; use matmul`,
    );
  }
  return sum(mul(x, y));
}
