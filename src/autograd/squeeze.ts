import { ShapeError } from '../tensor/errors.ts';
import { normalizeAxes, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { reshape } from './reshape.ts';
import { dropAxes } from './sum.ts';

/**
 * `x` without `axis`, or without all axes of extent 1 when none is named. Throws a ShapeError when the extent of a
 * named axis is not 1.
 * @example
 * ```ts
 * squeeze(zeros([1, 3, 1]), 0).shape; // [3, 1]
 * ```
 */
export function squeeze(x: Tensor, axis?: number | readonly number[]): Tensor {
  const axes = normalizeAxes('squeeze', axis, x.shape.length).filter((at) => axis !== undefined || x.shape[at] === 1);
  for (const at of axes) {
    if (x.shape[at] !== 1) {
      throw new ShapeError(`squeeze: a dropped axis must have extent 1, got axis ${at} of shape ${showShape(x.shape)}`);
    }
  }
  return reshape(x, dropAxes(x.shape, axes));
}
