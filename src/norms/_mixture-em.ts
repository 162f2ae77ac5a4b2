/**
 * Expectation maximization for a mixture of normal distributions with diagonal covariances.
 *
 *     E   l[i,k] = log weight[k] - 1/2 sum over c of (x[i,c] - mean[k,c])^2 / v[k,c] + log v[k,c] + log 2 pi
 *         r[i]   = softmax(l[i])
 *     M   n[k] = max(sum of r[k], 1e-8),  weight[k] = n[k] / count
 *         mean[k] = sum of r[i,k] x[i] / n[k],  v[k] = sum of r[i,k] (x[i] - mean[k])^2 / n[k] + covEps
 *
 * Rows are C-vectors, in double; statistics are taken in two passes, the second of which corrects the mean. A component
 * whose part of the rows is at the floor is dead: its ratios do not add up to 1, and its mean is drawn towards 0.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { spatialSize } from './_check.ts';
import { type Moments, moments } from './_moments.ts';

/** The smallest sum of posteriors that is divided by. */
export const floor = 1e-8;

/** The C-vectors of a tensor `[N, C, ...spatial]`, by sample and then by position. */
export interface Rows {
  /** `[count, channels]` */
  readonly values: Float64Array;
  readonly count: number;
  readonly channels: number;
}

/** A mixture of K components; `mean` and `variance` are `[K, channels]`. */
export interface Mixture {
  readonly weight: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Weighted statistics of rows for each component. */
export interface SoftMoments {
  /** The sum of the weights, at least `floor`. */
  readonly total: Float64Array;
  /** What the weights add up to, divided by `total`: 1, and less for a dead component. */
  readonly share: Float64Array;
  /** `[K, channels]` */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** The rows of x. */
export function rowsOf(x: Tensor): Rows {
  const channels = x.shape[1]!;
  const inner = spatialSize(x);
  const values = new Float64Array(x.data.length);
  for (let n = 0, from = 0; n < x.shape[0]!; n++) {
    for (let c = 0; c < channels; c++) {
      const start = n * inner * channels + c;
      for (let s = 0, to = start; s < inner; s++, from++, to += channels) values[to] = x.data[from]!;
    }
  }
  return { values, count: x.shape[0]! * inner, channels };
}

/** Mean and biased variance of each channel over all rows of x. */
export function batchMoments(x: Tensor): Moments {
  return moments(x.data, { outer: x.shape[0]!, channel: x.shape[1]!, inner: spatialSize(x) });
}

/** Throws unless every variance can be divided by. */
export function checkVariances(caller: string, variance: ArrayLike<number>, channels: number): void {
  for (let at = 0; at < variance.length; at++) {
    if (!(variance[at]! > 0 && variance[at]! < Infinity)) {
      throw new RangeError(
        `${caller}: the variance of every component must be positive and finite, got ${variance[at]} for component ` +
          `${Math.floor(at / channels)} in channel ${at % channels}; set covEps above 0`,
      );
    }
  }
}

/** The E step: posteriors `[count, K]`, each row adding up to 1. */
export function posteriors({ values, count, channels }: Rows, { weight, mean, variance }: Mixture): Float64Array {
  const components = weight.length;
  const constant = new Float64Array(components);
  const precision = new Float64Array(variance.length);
  for (let k = 0, at = 0; k < components; k++) {
    let logs = channels * Math.log(2 * Math.PI);
    for (let c = 0; c < channels; c++, at++) {
      logs += Math.log(variance[at]!);
      precision[at] = 1 / variance[at]!;
    }
    constant[k] = Math.log(weight[k]!) - 0.5 * logs;
  }
  const r = new Float64Array(count * components);
  for (let i = 0; i < count; i++) {
    const row = i * channels;
    const out = i * components;
    let most = -Infinity;
    for (let k = 0, at = 0; k < components; k++) {
      let distance = 0;
      for (let c = 0; c < channels; c++, at++) {
        const away = values[row + c]! - mean[at]!;
        distance += away * away * precision[at]!;
      }
      const l = constant[k]! - 0.5 * distance;
      r[out + k] = l;
      if (l > most) most = l;
    }
    let total = 0;
    for (let k = 0; k < components; k++) total += r[out + k] = Math.exp(r[out + k]! - most);
    for (let k = 0; k < components; k++) r[out + k]! /= total;
  }
  return r;
}

/** Means and biased variances of the rows for each component, weighted by `r`: what normalizes, and the M step. */
export function softMoments({ values, count, channels }: Rows, r: Float64Array, components: number): SoftMoments {
  const total = new Float64Array(components);
  const share = new Float64Array(components).fill(1);
  const mean = new Float64Array(components * channels);
  const variance = new Float64Array(components * channels);
  for (let i = 0, j = 0; i < count; i++) {
    for (let k = 0, at = 0; k < components; k++, j++) {
      total[k]! += r[j]!;
      for (let c = 0, x = i * channels; c < channels; c++, at++, x++) mean[at]! += r[j]! * values[x]!;
    }
  }
  for (let k = 0, at = 0; k < components; k++) {
    if (total[k]! < floor) {
      share[k] = total[k]! / floor;
      total[k] = floor;
    }
    for (let c = 0; c < channels; c++, at++) mean[at]! /= total[k]!;
  }
  const off = new Float64Array(mean.length);
  for (let i = 0, j = 0; i < count; i++) {
    for (let k = 0, at = 0; k < components; k++, j++) {
      for (let c = 0, x = i * channels; c < channels; c++, at++, x++) {
        const away = values[x]! - mean[at]!;
        off[at]! += r[j]! * away;
        variance[at]! += r[j]! * away * away;
      }
    }
  }
  for (let k = 0, at = 0; k < components; k++) {
    for (let c = 0; c < channels; c++, at++) {
      // only of weights that add up to 1 do the deviations add up to 0
      const shift = share[k] === 1 ? off[at]! / total[k]! : 0;
      mean[at]! += shift;
      variance[at] = Math.max(0, variance[at]! / total[k]! - shift * shift);
    }
  }
  return { total, share, mean, variance };
}

/** The mixtures of `emSteps` rounds: the start, and what each M step gave. */
export function fit(
  rows: Rows,
  start: Mixture,
  { caller, emSteps, covEps }: { readonly caller: string; readonly emSteps: number; readonly covEps: number },
): Mixture[] {
  const found = [start];
  checkVariances(caller, start.variance, rows.channels);
  for (let step = 0; step < emSteps; step++) {
    const { total, mean, variance } = softMoments(rows, posteriors(rows, found[step]!), start.weight.length);
    const next = { weight: total.map((n) => n / rows.count), mean, variance: variance.map((v) => v + covEps) };
    checkVariances(caller, next.variance, rows.channels);
    found.push(next);
  }
  return found;
}
