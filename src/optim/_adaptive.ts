/** The update that Adam and AdamW share: they differ in where the decay of the weights goes. */
import type { FloatArray } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkAtLeastZero, checkDecay, checkSwitch } from './_check.ts';
import { integerPower } from './_power.ts';
import { type ParameterState, type Settings, slot } from './optimizer.ts';

/** Settings of `Adam` and `AdamW`. */
export interface AdamSettings extends Settings {
  /** Learning rate; finite, at least 0. Default 1e-3. */
  lr: number;
  /** Weight of the past in the averages of the gradient and of its square; each in [0, 1). Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the root; finite, at least 0. Default 1e-8. */
  eps: number;
  /** Decay of the parameters; finite, at least 0. Default 0 in Adam, 0.01 in AdamW. */
  weightDecay: number;
  /** Divide by the largest average of squares so far. Default false. */
  amsgrad: boolean;
}

/** Throws when a setting is out of range. */
export function checkAdam(caller: string, { lr, betas, eps, weightDecay, amsgrad }: AdamSettings): void {
  checkAtLeastZero(caller, 'lr', lr);
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new TypeError(`${caller}: betas must be two numbers, got ${String(betas)}`);
  }
  checkDecay(caller, 'betas[0]', betas[0]);
  checkDecay(caller, 'betas[1]', betas[1]);
  checkAtLeastZero(caller, 'eps', eps);
  checkAtLeastZero(caller, 'weightDecay', weightDecay);
  checkSwitch(caller, 'amsgrad', amsgrad);
}

/** What is remembered about a parameter. */
export function adamSlots({ amsgrad }: AdamSettings): readonly string[] {
  return amsgrad ? ['expAvg', 'expAvgSq', 'maxExpAvgSq'] : ['expAvg', 'expAvgSq'];
}

/** One step; `decoupled` shrinks the parameter itself, where otherwise the decay is part of the gradient. */
export function adamUpdate(
  parameter: Tensor,
  gradient: FloatArray,
  state: ParameterState,
  { lr, betas, eps, weightDecay, amsgrad }: AdamSettings,
  decoupled: boolean,
): void {
  const [beta1, beta2] = betas;
  const p = parameter.data;
  const m = slot(state, 'expAvg', parameter);
  const v = slot(state, 'expAvgSq', parameter);
  const largest = amsgrad ? slot(state, 'maxExpAvgSq', parameter) : null;
  const stepSize = lr / (1 - integerPower(beta1, state.step));
  const correction = Math.sqrt(1 - integerPower(beta2, state.step));
  const shrink = decoupled ? 1 - lr * weightDecay : 1;
  const decay = decoupled ? 0 : weightDecay;
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i]! + decay * p[i]!;
    const average = beta1 * m[i]! + (1 - beta1) * g;
    let square = beta2 * v[i]! + (1 - beta2) * g * g;
    m[i] = average;
    v[i] = square;
    if (largest) largest[i] = square = Math.max(largest[i]!, square);
    p[i] = p[i]! * shrink - (stepSize * average) / (Math.sqrt(square) / correction + eps);
  }
}
