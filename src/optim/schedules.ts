/**
 * Learning rates over time, as pure functions: from the number of steps taken (0 before the first) to the factor on a
 * group's learning rate. A `Scheduler` applies one.
 */
import { integerPower } from './_power.ts';

/** The factor on the learning rate after `step` steps. */
export type Schedule = (step: number) => number;

/**
 * `factor ^ floor(step / every)`: multiplied by `factor` after every `every` steps. Throws a RangeError unless `every`
 * is a positive integer and `factor` is finite and above 0.
 * @example
 * ```ts
 * stepDecay({ every: 10, factor: 0.5 })(25); // 0.25
 * ```
 */
export function stepDecay({ every, factor = 0.1 }: { every: number; factor?: number }): Schedule {
  checkSteps('stepDecay', 'every', every);
  if (!(factor > 0 && factor < Infinity)) {
    throw new RangeError(`stepDecay: factor must be finite and above 0, got ${factor}`);
  }
  return (step) => integerPower(factor, Math.floor(step / every));
}

/**
 * `end + (1 - end) * (1 + cos(pi * step / steps)) / 2`: half a cosine from 1 down to `end`, where it stays after
 * `steps`. Throws a RangeError unless `steps` is a positive integer and `end` is in [0, 1].
 *
 * Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.
 * @example
 * ```ts
 * cosineDecay({ steps: 10 })(10); // 0
 * ```
 */
export function cosineDecay({ steps, end = 0 }: { steps: number; end?: number }): Schedule {
  checkSteps('cosineDecay', 'steps', steps);
  checkFraction('cosineDecay', 'end', end);
  return (step) => between(1, end, Math.min(1, step / steps));
}

/**
 * From `start` in a straight line to 1 in the first `steps` steps, then `after`, which counts from there. Throws a
 * RangeError unless `steps` is a positive integer and `start` is in [0, 1].
 * @example
 * ```ts
 * warmup({ steps: 4, after: cosineDecay({ steps: 100 }) })(1); // 0.25
 * ```
 */
export function warmup({ steps, start = 0, after }: { steps: number; start?: number; after?: Schedule }): Schedule {
  checkSteps('warmup', 'steps', steps);
  checkFraction('warmup', 'start', start);
  return (step) => {
    if (step < steps) return start + (1 - start) * (step / steps);
    return after ? after(step - steps) : 1;
  };
}

/** Options of `oneCycle`. */
export interface OneCycleOptions {
  /** All steps of the training, a positive integer; the last factor is that of `steps - 1` and stays. */
  steps: number;
  /** Part of the steps on the way up, in [0, 1]. Default 0.3. */
  rise?: number;
  /** The first factor is `1 / divide`; at least 1. Default 25. */
  divide?: number;
  /** The last factor is `1 / (divide * finalDivide)`; at least 1. Default 10000. */
  finalDivide?: number;
}

/**
 * Up along half a cosine from `1 / divide` to 1 in the first `rise * steps - 1` steps, then down along another to
 * `1 / (divide * finalDivide)` at step `steps - 1`: PyTorch's OneCycleLR with its defaults, where a group's learning
 * rate is the highest one (`max_lr`).
 *
 * Throws a RangeError for an option out of range.
 *
 * Source: L. N. Smith, N. Topin, Super-convergence, 2018.
 * @example
 * ```ts
 * oneCycle({ steps: 10 })(0); // 0.04
 * oneCycle({ steps: 10 })(2); // 1
 * ```
 */
export function oneCycle({ steps, rise = 0.3, divide = 25, finalDivide = 1e4 }: OneCycleOptions): Schedule {
  checkSteps('oneCycle', 'steps', steps);
  checkFraction('oneCycle', 'rise', rise);
  for (const [name, value] of [['divide', divide], ['finalDivide', finalDivide]] as const) {
    if (!(value >= 1 && value < Infinity)) {
      throw new RangeError(`oneCycle: ${name} must be finite and at least 1, got ${value}`);
    }
  }
  const first = 1 / divide;
  const last = first / finalDivide;
  const top = rise * steps - 1;
  return (step) => {
    if (step <= top) return top > 0 ? between(first, 1, step / top) : 1;
    const length = steps - 1 - top;
    return between(1, last, Math.min(1, (step - top) / length));
  };
}

/** From `start` to `end` along half a cosine, `part` of the way. */
function between(start: number, end: number, part: number): number {
  const left = (1 + Math.cos(Math.PI * part)) / 2;
  return start * left + end * (1 - left);
}

function checkSteps(caller: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}`);
  }
}

function checkFraction(caller: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${caller}: ${name} must be in [0, 1], got ${value}`);
}
