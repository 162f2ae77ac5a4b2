import { normalizeAxis } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { reshape } from './reshape.ts';

/**
 * `x` with a new axis of extent 1 at position `axis` of the result. Throws a RangeError for a position outside it.
 * @example
 * ```ts
 * expandDims(zeros([2, 3]), -1).shape; // [2, 3, 1]
 * ```
 */
export function expandDims(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis('expandDims', axis, x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}
