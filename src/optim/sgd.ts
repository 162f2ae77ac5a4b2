/**
 * Stochastic gradient descent with momentum, as PyTorch defines it: the learning rate multiplies the whole velocity,
 * and the first velocity is the first gradient, undamped.
 *
 *     g = dy + weightDecay * p
 *     v = g at the first step, momentum * v + (1 - dampening) * g after it
 *     g = nesterov ? g + momentum * v : v          with momentum
 *     p = p - lr * g
 *
 * Source: I. Sutskever, J. Martens, G. Dahl, G. Hinton, On the importance of initialization and momentum, 2013.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { checkAtLeastZero, checkSwitch } from './_check.ts';
import { type GroupOptions, Optimizer, type Rule, type Settings, slot } from './optimizer.ts';

/** Settings of `SGD`. */
export interface SGDSettings extends Settings {
  /** Learning rate; finite, at least 0. Default 1e-3. */
  lr: number;
  /** Weight of the past velocity; finite, at least 0. Default 0. */
  momentum: number;
  /** Taken off the weight of the new gradient in the velocity; finite. Default 0. */
  dampening: number;
  /** Look ahead along the velocity; needs momentum and no dampening. Default false. */
  nesterov: boolean;
  /** Weight of the parameter added to its gradient; finite, at least 0. Default 0. */
  weightDecay: number;
}

/**
 * Stochastic gradient descent. Throws as `Optimizer` does, and a RangeError for Nesterov momentum without momentum or
 * with dampening.
 * @example
 * ```ts
 * const weight = parameter(tensor([1, 2]));
 * const optimizer = new SGD([weight], { lr: 0.5 });
 * backward(sum(square(weight)));
 * optimizer.step();
 * toArray(weight); // [0, 0]
 * ```
 */
export class SGD extends Optimizer<SGDSettings> {
  constructor(parameters: Iterable<Tensor | GroupOptions<SGDSettings>>, options: Partial<SGDSettings> = {}) {
    super(sgdRule, parameters, options);
  }
}

const sgdRule: Rule<SGDSettings> = {
  name: 'SGD',
  defaults: { lr: 1e-3, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
  check({ lr, momentum, dampening, nesterov, weightDecay }) {
    checkAtLeastZero('SGD', 'lr', lr);
    checkAtLeastZero('SGD', 'momentum', momentum);
    checkAtLeastZero('SGD', 'weightDecay', weightDecay);
    checkSwitch('SGD', 'nesterov', nesterov);
    if (!Number.isFinite(dampening)) throw new RangeError(`SGD: dampening must be finite, got ${dampening}`);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new RangeError(
        `SGD: nesterov needs momentum above 0 and dampening 0, got momentum ${momentum} and dampening ${dampening}`,
      );
    }
  },
  slots: ({ momentum }) => (momentum > 0 ? ['momentumBuffer'] : []),
  update(parameter, gradient, state, { lr, momentum, dampening, nesterov, weightDecay }) {
    const p = parameter.data;
    if (momentum === 0) {
      for (let i = 0; i < p.length; i++) p[i] = p[i]! - lr * (gradient[i]! + weightDecay * p[i]!);
      return;
    }
    const first = !state.slots['momentumBuffer'];
    const keep = first ? 0 : momentum;
    const take = first ? 1 : 1 - dampening;
    const velocity = slot(state, 'momentumBuffer', parameter);
    for (let i = 0; i < p.length; i++) {
      const g = gradient[i]! + weightDecay * p[i]!;
      const v = keep * velocity[i]! + take * g;
      velocity[i] = v;
      p[i] = p[i]! - lr * (nesterov ? g + momentum * v : v);
    }
  },
};
