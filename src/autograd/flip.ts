import { normalizeAxis } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { boxAlong, crop } from './box.ts';

/**
 * `x` with `axis` reversed. Throws a RangeError for an axis outside the rank.
 * @example
 * ```ts
 * toArray(flip(tensor([1, 2, 3]), 0)); // [3, 2, 1]
 * ```
 */
export function flip(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis('flip', axis, x.shape.length);
  const extent = x.shape[at]!;
  return crop(x, boxAlong(x.shape, at, extent - 1, -1, extent));
}
