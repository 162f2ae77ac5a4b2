import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { concat } from './concat.ts';
import { expandDims } from './expand-dims.ts';

/**
 * Tensors of one shape along a new axis, at position `axis` of the result.
 *
 * Throws a RangeError when there is none or the position is outside the result, a ShapeError for different shapes, and
 * a TypeError for different dtypes.
 * @example
 * ```ts
 * toArray(stack([tensor([1, 2]), tensor([3, 4])])); // [[1, 2], [3, 4]]
 * ```
 */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const first = tensors[0];
  if (!first) throw new RangeError('stack: there must be at least one tensor, got an empty list');
  for (const x of tensors) {
    if (!sameShape(x.shape, first.shape)) {
      throw new ShapeError(`stack: all shapes must be the same, got ${showShape(first.shape)} and ${showShape(x.shape)}`);
    }
  }
  return concat(tensors.map((x) => expandDims(x, axis)), axis);
}
