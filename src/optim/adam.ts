/**
 * Adam: each parameter's step is scaled by running averages of its gradient and of the square of it.
 *
 *     g = dy + weightDecay * p
 *     m = beta1 * m + (1 - beta1) * g
 *     v = beta2 * v + (1 - beta2) * g^2
 *     s = amsgrad ? s = max(s, v) : v
 *     p = p - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
 *
 * Source: D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, 2015; S. J. Reddi, S. Kale, S. Kumar, On the
 * convergence of Adam and beyond, 2018 (amsgrad, with the bias correction that PyTorch adds).
 */
import type { Tensor } from '../tensor/tensor.ts';
import { adamSlots, type AdamSettings, adamUpdate, checkAdam } from './_adaptive.ts';
import { type GroupOptions, Optimizer, type Rule } from './optimizer.ts';

/**
 * Adam. Throws as `Optimizer` does.
 * @example
 * ```ts
 * const weight = parameter(tensor([1], { dtype: 'float64' }));
 * const optimizer = new Adam([weight], { lr: 0.5, eps: 0 });
 * backward(sum(square(weight)));
 * optimizer.step();
 * toArray(weight); // [0.5]
 * ```
 */
export class Adam extends Optimizer<AdamSettings> {
  constructor(parameters: Iterable<Tensor | GroupOptions<AdamSettings>>, options: Partial<AdamSettings> = {}) {
    super(adamRule, parameters, options);
  }
}

const adamRule: Rule<AdamSettings> = {
  name: 'Adam',
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false },
  check: (settings) => checkAdam('Adam', settings),
  slots: adamSlots,
  update: (parameter, gradient, state, settings) => adamUpdate(parameter, gradient, state, settings, false),
};
