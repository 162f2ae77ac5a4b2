import { normalizeAxes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { div } from './div.ts';
import { type ReduceOptions, sum } from './sum.ts';

/** `y = sum of x over axis / count`. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  let count = 1;
  for (const axis of normalizeAxes('mean', options.axis, x.shape.length)) count *= x.shape[axis]!;
  return div(sum(x, options), count);
}
