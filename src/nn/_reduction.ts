/** What losses do with the losses of the single samples. */
import { mean } from '../autograd/mean.ts';
import { sum } from '../autograd/sum.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Their mean, their sum, or all of them. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Throws a RangeError for anything but a `Reduction`. */
export function checkReduction(caller: string, reduction: Reduction): void {
  if (reduction !== 'mean' && reduction !== 'sum' && reduction !== 'none') {
    throw new RangeError(`${caller}: reduction must be mean, sum or none, got ${String(reduction)}`);
  }
}

/** `losses` reduced to a scalar, or as they are. */
export function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'mean' ? mean(losses) : sum(losses);
}
