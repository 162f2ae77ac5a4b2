/** State and arguments of the switchable norms. */
import { assign } from '../tensor/assign.ts';
import { fromArray, zeros } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import type { Moments } from './_moments.ts';
import { checkRunning, newRunning, type RunningStatistics, updateRunning } from './_running.ts';
import type { Statistic } from './_switch.ts';

/** The statistics of "bn" for evaluation. */
export interface SwitchState extends RunningStatistics {
  /** With batch averages: the number of batches that went into them, a scalar. */
  readonly batchCount?: Tensor;
}

/** What the switchable norms have in common. */
export interface SwitchOptions {
  /** Which statistics are mixed: "in", "ln", "bn", each at most once. Default all three, in this order. */
  statistics?: readonly Statistic[];
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]. Default 0.1. */
  momentum?: number;
  /** Keep moving averages for evaluation; otherwise the plain average over all batches since a reset. Default true. */
  usingMovingAverage?: boolean;
  /** Divide variances within a sample and channel by their number of positions less 1. Default false. */
  unbiased?: boolean;
  /** Use the batch's statistics and update the state; otherwise use the state's. Default true. */
  training?: boolean;
}

/** Options with their defaults, and what follows from them. */
export interface SwitchPlan {
  readonly statistics: readonly Statistic[];
  readonly eps: number;
  readonly unbiased: boolean;
  readonly momentum: number;
  readonly usingMovingAverage: boolean;
  /** The given statistics of "bn"; null when the batch's are used. */
  readonly running: Moments | null;
  /** The state to update; null when there is none, or nothing to update it with. */
  readonly update: SwitchState | null;
}

/** A fresh state: mean 0 and variance 1, and no batches. */
export function newSwitchState(numFeatures: number, usingMovingAverage: boolean, dtype: DType): SwitchState {
  return { ...newRunning(numFeatures, dtype), ...(!usingMovingAverage && { batchCount: zeros([], { dtype }) }) };
}

/** Makes a state what it was when it was fresh. */
export function resetSwitchState({ runningMean, runningVar, batchCount }: SwitchState): void {
  const fresh = newRunning(runningMean.shape[0]!, runningMean.dtype);
  assign(runningMean, fresh.runningMean);
  assign(runningVar, fresh.runningVar);
  if (batchCount) assign(batchCount, zeros([], { dtype: batchCount.dtype }));
}

/** Moves the state towards the mean and variance of a batch, or takes them into the average. */
export function trackSwitch(
  state: SwitchState,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  { usingMovingAverage, momentum }: Pick<SwitchPlan, 'usingMovingAverage' | 'momentum'>,
): void {
  if (usingMovingAverage) {
    updateRunning(state, mean, variance, momentum);
    return;
  }
  const { runningMean, runningVar, batchCount } = state;
  const count = batchCount!.data[0]! + 1;
  const nextMean = Float64Array.from(runningMean.data);
  const nextVar = Float64Array.from(runningVar.data);
  for (let c = 0; c < nextMean.length; c++) {
    // the first batch replaces what was there, also where that is not finite
    const away = count === 1 ? 0 : mean[c]! - nextMean[c]!;
    const rest = (count - 1) / count;
    nextMean[c] = count === 1 ? mean[c]! : nextMean[c]! + away / count;
    nextVar[c] = count === 1 ? variance[c]! : (nextVar[c]! + (away * away) / count) * rest + variance[c]! / count;
  }
  assign(runningMean, fromArray(nextMean, runningMean.shape));
  assign(runningVar, fromArray(nextVar, runningVar.shape));
  assign(batchCount!, fromArray([count], []));
}

/** Throws for statistics that are none, unknown or named twice. */
export function checkStatistics(caller: string, statistics: readonly Statistic[]): void {
  const known = new Set<string>(['in', 'ln', 'bn']);
  const isGood = statistics.every((kind, i) => known.has(kind) && statistics.indexOf(kind) === i);
  if (statistics.length === 0 || !isGood) {
    throw new RangeError(
      `${caller}: statistics must be one or more of "in", "ln", "bn", each at most once, got [${statistics.join(', ')}]`,
    );
  }
}

/** The plan of a call. Throws before anything is changed. */
export function planSwitch(
  caller: string,
  [x, weight, bias, meanWeight, varWeight]: readonly [Tensor, Tensor | null, Tensor | null, Tensor, Tensor],
  state: SwitchState | null,
  { statistics = ['in', 'ln', 'bn'], eps = 1e-5, momentum = 0.1, usingMovingAverage = true, unbiased = false, training = true }: SwitchOptions,
): SwitchPlan {
  checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
  checkStatistics(caller, statistics);
  checkEps(caller, eps);
  checkMomentum(caller, momentum);
  checkLike(caller, 'weight', weight, [x.shape[1]!], x);
  checkLike(caller, 'bias', bias, [x.shape[1]!], x);
  checkLike(caller, 'meanWeight', meanWeight, [statistics.length], x);
  checkLike(caller, 'varWeight', varWeight, [statistics.length], x);
  const held = statistics.includes('bn') ? state : null;
  if (held) {
    checkRunning(caller, held, x);
    if (!usingMovingAverage && !held.batchCount) {
      throw new TypeError(`${caller}: batch averages need a batchCount in the state, got none; make the state for them`);
    }
    checkLike(caller, 'batchCount', held.batchCount ?? null, [], x);
  }
  const given = !training && held !== null;
  checkCounts(caller, x, statistics, unbiased, given);
  const running = given
    ? { mean: Float64Array.from(held.runningMean.data), variance: Float64Array.from(held.runningVar.data) }
    : null;
  return { statistics, eps, unbiased, momentum, usingMovingAverage, running, update: training ? held : null };
}

/** Throws when a statistic has nothing to be taken of, or its unbiased variance a single value. */
function checkCounts(caller: string, x: Tensor, statistics: readonly Statistic[], unbiased: boolean, given: boolean): void {
  if (x.data.length === 0) {
    throw new ShapeError(`${caller}: statistics need at least one value, got x of shape ${showShape(x.shape)}`);
  }
  if (!unbiased || spatialSize(x) > 1) return;
  const isPlain = x.shape.length === 2 && !statistics.includes('in');
  const counts = statistics.map((kind) => (kind === 'ln' ? x.shape[1]! : kind === 'bn' && !given ? x.shape[0]! : 2));
  if (!isPlain || counts.some((count) => count < 2)) {
    throw new ShapeError(
      `${caller}: an unbiased variance needs more than one value, got x of shape ${showShape(x.shape)} for the ` +
        `statistics [${statistics.join(', ')}]; pass { unbiased: false }`,
    );
  }
}
