import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expandDims } from './expand-dims.ts';
import { mul } from './mul.ts';

/**
 * `out[i][j] = x[i] * y[j]`: the outer product of two vectors. Throws a ShapeError for anything else.
 * @example
 * ```ts
 * toArray(outer(tensor([1, 2]), tensor([3, 4, 5]))); // [[3, 4, 5], [6, 8, 10]]
 * ```
 */
export function outer(x: Tensor, y: Tensor): Tensor {
  if (x.shape.length !== 1 || y.shape.length !== 1) {
    throw new ShapeError(`outer: both tensors must be vectors, got ${showShape(x.shape)} and ${showShape(y.shape)}`);
  }
  return mul(expandDims(x, 1), y);
}
