/**
 * RMSProp: each step is divided by the root of a running average of the squared gradient, or of its variance.
 *
 *     g = dy + weightDecay * p
 *     v = alpha * v + (1 - alpha) * g^2
 *     centered: a = alpha * a + (1 - alpha) * g, and v - a^2 in place of v
 *     step = g / (sqrt(v) + eps)
 *     with momentum: b = momentum * b + step, and b in place of step
 *     p = p - lr * step
 *
 * The centred form does not take the difference of the two averages, which rounding can make negative: it follows
 * `alpha * (v + (1 - alpha) * (g - a)^2)`, which is the same number.
 *
 * Source: T. Tieleman, G. Hinton, lecture 6.5, 2012; A. Graves, Generating sequences with recurrent neural networks,
 * 2013 (centred); eps outside the root as in PyTorch.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { checkAtLeastZero, checkDecay, checkSwitch } from './_check.ts';
import { type GroupOptions, Optimizer, type Rule, type Settings, slot } from './optimizer.ts';

/** Settings of `RMSProp`. */
export interface RMSPropSettings extends Settings {
  /** Learning rate; finite, at least 0. Default 0.01. */
  lr: number;
  /** Weight of the past in the averages; in [0, 1). Default 0.99. */
  alpha: number;
  /** Added to the root; finite, at least 0. Default 1e-8. */
  eps: number;
  /** Weight of the parameter added to its gradient; finite, at least 0. Default 0. */
  weightDecay: number;
  /** Weight of the past steps; finite, at least 0. Default 0. */
  momentum: number;
  /** Divide by the standard deviation in place of the root mean square. Default false. */
  centered: boolean;
}

/**
 * RMSProp. Throws as `Optimizer` does.
 * @example
 * ```ts
 * const weight = parameter(tensor([1], { dtype: 'float64' }));
 * const optimizer = new RMSProp([weight], { lr: 0.25, alpha: 0.75, eps: 0 });
 * backward(sum(square(weight)));
 * optimizer.step();
 * toArray(weight); // [0.5]
 * ```
 */
export class RMSProp extends Optimizer<RMSPropSettings> {
  constructor(parameters: Iterable<Tensor | GroupOptions<RMSPropSettings>>, options: Partial<RMSPropSettings> = {}) {
    super(rmspropRule, parameters, options);
  }
}

const rmspropRule: Rule<RMSPropSettings> = {
  name: 'RMSProp',
  defaults: { lr: 0.01, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false },
  check({ lr, alpha, eps, weightDecay, momentum, centered }) {
    checkAtLeastZero('RMSProp', 'lr', lr);
    checkDecay('RMSProp', 'alpha', alpha);
    checkAtLeastZero('RMSProp', 'eps', eps);
    checkAtLeastZero('RMSProp', 'weightDecay', weightDecay);
    checkAtLeastZero('RMSProp', 'momentum', momentum);
    checkSwitch('RMSProp', 'centered', centered);
  },
  slots: ({ centered, momentum }) => [
    ...(centered ? ['variance', 'gradAvg'] : ['squareAvg']),
    ...(momentum > 0 ? ['momentumBuffer'] : []),
  ],
  update(parameter, gradient, state, { lr, alpha, eps, weightDecay, momentum, centered }) {
    const p = parameter.data;
    const spread = slot(state, centered ? 'variance' : 'squareAvg', parameter);
    const average = centered ? slot(state, 'gradAvg', parameter) : null;
    const velocity = momentum > 0 ? slot(state, 'momentumBuffer', parameter) : null;
    for (let i = 0; i < p.length; i++) {
      const g = gradient[i]! + weightDecay * p[i]!;
      let v: number;
      if (average) {
        const off = g - average[i]!;
        v = alpha * (spread[i]! + (1 - alpha) * off * off);
        average[i] = average[i]! + (1 - alpha) * off;
      } else v = alpha * spread[i]! + (1 - alpha) * g * g;
      spread[i] = v;
      let step = g / (Math.sqrt(v) + eps);
      if (velocity) velocity[i] = step = momentum * velocity[i]! + step;
      p[i] = p[i]! - lr * step;
    }
  },
};
