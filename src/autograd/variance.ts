import { normalizeAxes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { div } from './div.ts';
import { mean } from './mean.ts';
import { square } from './square.ts';
import { sub } from './sub.ts';
import { type ReduceOptions, sum } from './sum.ts';

/** Options of `variance`. */
export interface VarianceOptions extends ReduceOptions {
  /** Divide by `count - 1` in place of `count`. Default false. */
  unbiased?: boolean;
}

/**
 * `y = sum of (x - mean)^2 over axis / count`: in two passes, never as a difference of squares, which cancels when the
 * mean is large.
 */
export function variance(x: Tensor, { axis, keepDims = false, unbiased = false }: VarianceOptions = {}): Tensor {
  let count = 1;
  for (const reduced of normalizeAxes('variance', axis, x.shape.length)) count *= x.shape[reduced]!;
  const reduce = axis === undefined ? {} : { axis };
  const centred = sub(x, mean(x, { ...reduce, keepDims: true }));
  return div(sum(square(centred), { ...reduce, keepDims }), unbiased ? count - 1 : count);
}
