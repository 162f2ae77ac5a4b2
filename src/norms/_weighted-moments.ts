/**
 * Mean and variance of groups whose members have weights, for several sets of weights ("modes") at once.
 *
 * What is weighted are runs: stretches of values that share their weights, of which only the mean and the biased
 * variance are needed (`moments` takes them, in one reading of the tensor). A single value is a run with variance 0.
 * The runs are read as a view `[outer, channel, inner]`, and a group is a channel of it:
 *
 *     total    = sum of w                                        over the runs r of the group, for each mode
 *     mean     = sum of w mean[r] / total
 *     variance = sum of w (variance[r] + (mean[r] - mean)^2) / total
 *
 * The mean is corrected in a second pass and nowhere is a mean square compared with a squared mean. A total below
 * 1e-12 counts as 1e-12, so that a mode that has no weight in a group has mean and variance 0, not NaN.
 *
 * Statistics are laid out `[modes, groups]`. Weights are `[units, modes]`, a unit being `share` neighbouring runs that
 * have their weights in common: with runs `[N, C]`, weights of each sample have `share` C, those of each sample and
 * channel 1.
 */
import type { Moments, View } from './_moments.ts';

/** How runs make up groups and share their weights. */
export interface WeightedView {
  /** The runs as `[outer, channel, inner]`; a channel is a group. */
  readonly groups: View;
  readonly modes: number;
  /** The number of neighbouring runs that have their weights in common. */
  readonly share: number;
}

/** Statistics of each mode and group. */
export interface WeightedMoments extends Moments {
  /** The sum of the weights. */
  readonly total: Float64Array;
}

/** What a total counts as at least, where it divides. */
export const leastTotal = 1e-12;

/** The weighted statistics of each mode and group. */
export function weightedMoments(runs: Moments, weights: Float64Array, view: WeightedView): WeightedMoments {
  const { groups: { channel }, modes } = view;
  const size = modes * channel;
  const total = new Float64Array(size);
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  const off = new Float64Array(size);
  const count = runs.mean.length;
  for (let r = 0; r < count; r++) {
    for (let k = 0, at = groupOf(r, view), w = weightsOf(r, view); k < modes; k++, at += channel, w++) {
      total[at]! += weights[w]!;
      mean[at]! += weights[w]! * runs.mean[r]!;
    }
  }
  for (let at = 0; at < size; at++) mean[at]! /= Math.max(total[at]!, leastTotal);
  for (let r = 0; r < count; r++) {
    for (let k = 0, at = groupOf(r, view), w = weightsOf(r, view); k < modes; k++, at += channel, w++) {
      const away = runs.mean[r]! - mean[at]!;
      off[at]! += weights[w]! * away;
      variance[at]! += weights[w]! * (runs.variance[r]! + away * away);
    }
  }
  for (let at = 0; at < size; at++) {
    // deviations from the mean of a floored total do not add up to 0, and tell nothing of it
    const shift = total[at]! > leastTotal ? off[at]! / total[at]! : 0;
    mean[at]! += shift;
    variance[at] = Math.max(0, variance[at]! / Math.max(total[at]!, leastTotal) - shift * shift);
  }
  return { total, mean, variance };
}

/** Gradients of the weights, and of mean and variance of each run. */
export interface WeightedGradients {
  readonly weights: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/**
 * The gradients that weights and runs get from those of the statistics, `dMean` and `dVariance`:
 *
 *     dw          = (dMean (mean[r] - mean) + dVariance (variance[r] + (mean[r] - mean)^2 - variance)) / total
 *     dmean[r]    = sum over the modes of w (dMean + 2 dVariance (mean[r] - mean)) / total
 *     dvariance[r] = sum over the modes of w dVariance / total
 *
 * A floored total is a constant: dw is then without what comes of dividing by it, and the mean is not where the
 * weighted squares are least.
 */
export function weightedMomentsBackward(
  dMean: Float64Array,
  dVariance: Float64Array,
  runs: Moments,
  weights: Float64Array,
  { total, mean, variance }: WeightedMoments,
  view: WeightedView,
): WeightedGradients {
  const { groups: { channel }, modes } = view;
  const found = {
    weights: new Float64Array(weights.length),
    mean: new Float64Array(runs.mean.length),
    variance: new Float64Array(runs.mean.length),
  };
  for (let r = 0; r < runs.mean.length; r++) {
    for (let k = 0, at = groupOf(r, view), w = weightsOf(r, view); k < modes; k++, at += channel, w++) {
      const floored = total[at]! < leastTotal;
      const divisor = floored ? leastTotal : total[at]!;
      const away = runs.mean[r]! - mean[at]!;
      const spread = runs.variance[r]! + away * away;
      const toVariance = dVariance[at]! / divisor;
      const toMean = (dMean[at]! - (floored ? 2 * dVariance[at]! * mean[at]! * (1 - total[at]! / divisor) : 0)) / divisor;
      found.weights[w]! += floored
        ? toMean * runs.mean[r]! + toVariance * spread
        : toMean * away + toVariance * (spread - variance[at]!);
      found.mean[r]! += weights[w]! * (toMean + 2 * toVariance * away);
      found.variance[r]! += weights[w]! * toVariance;
    }
  }
  return found;
}

/** The group of a run: where the statistics of its first mode stand; those of the next are `channel` further on. */
export function groupOf(run: number, { groups: { channel, inner } }: WeightedView): number {
  return Math.floor(run / inner) % channel;
}

/** Where the weights of a run stand, one for each mode. */
export function weightsOf(run: number, { modes, share }: WeightedView): number {
  return Math.floor(run / share) * modes;
}
