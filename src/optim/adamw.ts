/**
 * AdamW: Adam whose weight decay shrinks the parameters themselves, unscaled by the averages.
 *
 *     p = p * (1 - lr * weightDecay)
 *     then Adam's step, with g = dy
 *
 * Source: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019; as in PyTorch, the decay is multiplied
 * by the learning rate.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { adamSlots, type AdamSettings, adamUpdate, checkAdam } from './_adaptive.ts';
import { type GroupOptions, Optimizer, type Rule } from './optimizer.ts';

/**
 * AdamW. Throws as `Optimizer` does.
 * @example
 * ```ts
 * const weight = parameter(tensor([1], { dtype: 'float64' }));
 * const optimizer = new AdamW([weight], { lr: 0.5, eps: 0, weightDecay: 0.5 });
 * backward(sum(square(weight)));
 * optimizer.step();
 * toArray(weight); // [0.25]
 * ```
 */
export class AdamW extends Optimizer<AdamSettings> {
  constructor(parameters: Iterable<Tensor | GroupOptions<AdamSettings>>, options: Partial<AdamSettings> = {}) {
    super(adamwRule, parameters, options);
  }
}

const adamwRule: Rule<AdamSettings> = {
  name: 'AdamW',
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, amsgrad: false },
  check: (settings) => checkAdam('AdamW', settings),
  slots: adamSlots,
  update: (parameter, gradient, state, settings) => adamUpdate(parameter, gradient, state, settings, true),
};
