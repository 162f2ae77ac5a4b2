import { normalizeAxis } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { permute } from './permute.ts';

/**
 * `x` with two axes exchanged, by default the last two. Throws a RangeError for an axis outside the rank.
 * @example
 * ```ts
 * toArray(transpose(tensor([[1, 2, 3], [4, 5, 6]]))); // [[1, 4], [2, 5], [3, 6]]
 * ```
 */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const rank = x.shape.length;
  const order = x.shape.map((_, axis) => axis);
  const first = normalizeAxis('transpose', a, rank);
  const second = normalizeAxis('transpose', b, rank);
  order[first] = second;
  order[second] = first;
  return permute(x, order);
}
