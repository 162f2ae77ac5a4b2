/**
 * The kernel of the switchable norms: x is normalized with a mixture of the statistics of instance, layer and batch norm.
 *
 *     mean = sum over k of p[k] mean_k      variance = sum over k of q[k] variance_k      of each sample and channel
 *     y    = (x - mean) / sqrt(variance + eps) * weight + bias
 *
 * Only the statistics of each sample and channel ("in") are taken of x. Those of a sample ("ln") and of a channel over
 * the batch ("bn") follow from them, as the mean within plus the spread between; nowhere is a mean square compared with
 * a squared mean, which would cancel. The means of the mixture are taken relative to that of "in", which is exact for
 * ratios that add up to 1 and keeps a large common offset out of all differences.
 */
import { allocate } from '../tensor/dtype.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { spatialSize } from './_check.ts';
import { type Moments, moments, poolMoments } from './_moments.ts';

/** What is averaged over: `in` the positions of each sample and channel, `ln` a sample, `bn` a channel of the batch. */
export type Statistic = 'in' | 'ln' | 'bn';

/** What a mixture and its derivative are computed from. */
export interface MixSaved {
  /** x, weight, bias, and the ratios p and q in the order of `statistics`. */
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null, Tensor, Tensor];
  readonly statistics: readonly Statistic[];
  readonly eps: number;
  readonly unbiased: boolean;
  /** The statistics of each sample and channel. */
  readonly own: Moments;
  /** The statistics of "bn" when they are given, not those of the batch. */
  readonly running: Moments | null;
}

/** Mean and variance of each sample and channel. */
export function ownMoments(x: Tensor, unbiased: boolean): Moments {
  const inner = spatialSize(x);
  const found = moments(x.data, { outer: 1, channel: x.shape[0]! * x.shape[1]!, inner });
  if (unbiased && inner > 1) for (let s = 0; s < found.variance.length; s++) found.variance[s]! *= inner / (inner - 1);
  return found;
}

/** Mean and variance of each sample (`ln`) or of each channel (`bn`), from those of each sample and channel. */
export function pooledMoments(kind: 'ln' | 'bn', own: Moments, x: Tensor, unbiased: boolean): Moments {
  const [samples, channels] = x.shape as [number, number];
  const view =
    kind === 'ln' ? { outer: 1, channel: samples, inner: channels } : { outer: samples, channel: channels, inner: 1 };
  return poolMoments(own, view, betweenFactor(kind, x, unbiased));
}

/** Without positions an unbiased variance has to be made of the spread between: times `count / (count - 1)`. */
export function betweenFactor(kind: 'ln' | 'bn', x: Tensor, unbiased: boolean): number {
  const count = x.shape[kind === 'ln' ? 1 : 0]!;
  return unbiased && spatialSize(x) === 1 ? count / (count - 1) : 1;
}

/** One statistic for each sample and channel: its mean less that of "in", and its variance. */
interface Spread {
  readonly shift: Float64Array;
  readonly variance: Float64Array;
}

function spreadsOf({ inputs: [x], statistics, unbiased, own, running }: MixSaved): Spread[] {
  const channels = x.shape[1]!;
  return statistics.map((kind) => {
    const shift = new Float64Array(own.mean.length);
    if (kind === 'in') return { shift, variance: own.variance };
    const pooled = (kind === 'bn' && running) || pooledMoments(kind, own, x, unbiased);
    const variance = new Float64Array(shift.length);
    for (let s = 0; s < shift.length; s++) {
      const at = kind === 'ln' ? Math.floor(s / channels) : s % channels;
      shift[s] = pooled.mean[at]! - own.mean[s]!;
      variance[s] = pooled.variance[at]!;
    }
    return { shift, variance };
  });
}

/** Of each sample and channel: the mean of the mixture less that of "in", and `1 / sqrt(variance + eps)`. */
function mixtureOf({ inputs, eps }: MixSaved, spreads: readonly Spread[]): { offset: Float64Array; rstd: Float64Array } {
  const [, , , p, q] = inputs;
  const size = spreads[0]!.shift.length;
  const offset = new Float64Array(size);
  const rstd = new Float64Array(size);
  spreads.forEach(({ shift, variance }, k) => {
    // a statistic with a ratio of 0 has no part, whatever it is
    if (p.data[k] !== 0) for (let s = 0; s < size; s++) offset[s]! += p.data[k]! * shift[s]!;
    if (q.data[k] !== 0) for (let s = 0; s < size; s++) rstd[s]! += q.data[k]! * variance[s]!;
  });
  for (let s = 0; s < size; s++) rstd[s] = 1 / Math.sqrt(rstd[s]! + eps);
  return { offset, rstd };
}

/** `y = (x - mean) / sqrt(variance + eps) * weight + bias` with the mixture's mean and variance. */
export function mix(saved: MixSaved): Tensor {
  const [x, weight, bias] = saved.inputs;
  const { offset, rstd } = mixtureOf(saved, spreadsOf(saved));
  const channels = x.shape[1]!;
  const inner = spatialSize(x);
  const y = like(x);
  for (let s = 0, i = 0; s < offset.length; s++) {
    const mean = saved.own.mean[s]!;
    const away = offset[s]!;
    const scale = rstd[s]! * (weight ? weight.data[s % channels]! : 1);
    const shift = bias ? bias.data[s % channels]! : 0;
    for (const end = i + inner; i < end; i++) y.data[i] = (x.data[i]! - mean - away) * scale + shift;
  }
  return y;
}

/**
 * The gradients of x, weight, bias, p and q; null where `needs` is false. With dm and dv those of the mixture's mean and
 * variance in each sample and channel,
 *
 *     dm = -rstd sum gh      dv = -rstd^2 / 2 sum gh xHat      gh = dy weight, sums over the positions
 *     dp[k] = sum dm (mean_k - mean_in)      dq[k] = sum dv variance_k
 *
 * and x gets `rstd gh` and its part of each mean and variance that it had a part in.
 */
export function mixBackward(dy: Tensor, saved: MixSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const [x, weight, bias, p, q] = saved.inputs;
  const spreads = spreadsOf(saved);
  const { offset, rstd } = mixtureOf(saved, spreads);
  const channels = x.shape[1]!;
  const inner = spatialSize(x);
  const dWeight = new Float64Array(channels);
  const dBias = new Float64Array(channels);
  const dMean = new Float64Array(offset.length);
  const dVariance = new Float64Array(offset.length);
  for (let s = 0, i = 0; s < offset.length; s++) {
    const c = s % channels;
    const mean = saved.own.mean[s]!;
    let total = 0;
    let along = 0;
    for (const end = i + inner; i < end; i++) {
      total += dy.data[i]!;
      along += dy.data[i]! * (x.data[i]! - mean);
    }
    const projected = rstd[s]! * (along - offset[s]! * total);
    const w = weight ? weight.data[c]! : 1;
    dBias[c]! += total;
    dWeight[c]! += projected;
    dMean[s] = -rstd[s]! * w * total;
    dVariance[s] = -0.5 * rstd[s]! * rstd[s]! * w * projected;
  }
  const dp = new Float64Array(spreads.length);
  const dq = new Float64Array(spreads.length);
  spreads.forEach(({ shift, variance }, k) => {
    for (let s = 0; s < offset.length; s++) {
      dp[k]! += dMean[s]! * shift[s]!;
      dq[k]! += dVariance[s]! * variance[s]!;
    }
  });
  return [
    needs[0] ? spreadBack(dy, saved, spreads, rstd, dMean, dVariance) : null,
    needs[1] ? tensorLike(dWeight, weight!) : null,
    needs[2] ? tensorLike(dBias, bias!) : null,
    needs[3] ? tensorLike(centred(dp, p), p) : null,
    needs[4] ? tensorLike(centred(dq, q), q) : null,
  ];
}

/**
 * The gradient of ratios less what it is on average. Ratios add up to 1, so that what they are computed from does not
 * notice; but in float32 the digits it needs would be lost (measured: errors of 9e-6 of the gradient of the logits, against 2e-6).
 */
function centred(gradient: Float64Array, ratios: Tensor): Float64Array {
  let average = 0;
  for (let k = 0; k < gradient.length; k++) average += ratios.data[k] === 0 ? 0 : ratios.data[k]! * gradient[k]!;
  return gradient.map((value) => value - average);
}

function tensorLike(values: Float64Array, x: Tensor): Tensor {
  return new Tensor(rounded(values, x.dtype), x.shape);
}

/** dx, from the gradients of the mixture's mean and variance in each sample and channel. */
function spreadBack(
  dy: Tensor,
  { inputs: [x, weight, , p, q], statistics, unbiased, own, running }: MixSaved,
  spreads: readonly Spread[],
  rstd: Float64Array,
  dMean: Float64Array,
  dVariance: Float64Array,
): Tensor {
  const [samples, channels] = x.shape as [number, number];
  const inner = spatialSize(x);
  // gradients of the statistics of each sample and channel: of the mean, of the variance
  const toMean = dMean.slice();
  const toVariance = new Float64Array(dMean.length);
  statistics.forEach((kind, k) => {
    const { shift } = spreads[k]!;
    if (kind === 'in') {
      for (let s = 0; s < shift.length; s++) toVariance[s]! += q.data[k]! * dVariance[s]!;
      return;
    }
    for (let s = 0; s < shift.length; s++) toMean[s]! -= p.data[k]! * dMean[s]!;
    if (kind === 'bn' && running) return;
    const count = kind === 'ln' ? channels : samples;
    const means = pooledSums(kind, dMean, channels);
    const variances = pooledSums(kind, dVariance, channels);
    const factor = betweenFactor(kind, x, unbiased);
    for (let s = 0; s < shift.length; s++) {
      const at = kind === 'ln' ? Math.floor(s / channels) : s % channels;
      const share = (q.data[k]! * variances[at]!) / count;
      // a mean that is above the pooled one by -shift widens the spread between
      toMean[s]! += (p.data[k]! * means[at]!) / count - 2 * factor * share * shift[s]!;
      toVariance[s]! += share;
    }
  });
  const divisor = Math.max(1, inner - (unbiased ? 1 : 0));
  const dx = allocate(x.dtype, x.data.length);
  for (let s = 0, i = 0; s < rstd.length; s++) {
    const scale = rstd[s]! * (weight ? weight.data[s % channels]! : 1);
    const level = toMean[s]! / inner;
    const slope = (2 * toVariance[s]!) / divisor;
    const mean = own.mean[s]!;
    for (const end = i + inner; i < end; i++) dx[i] = scale * dy.data[i]! + level + slope * (x.data[i]! - mean);
  }
  return new Tensor(dx, x.shape);
}

/** Sums over the channels of each sample (`ln`), or over the samples of each channel (`bn`). */
function pooledSums(kind: 'ln' | 'bn', values: Float64Array, channels: number): Float64Array {
  const sums = new Float64Array(kind === 'ln' ? values.length / channels : channels);
  for (let s = 0; s < values.length; s++) sums[kind === 'ln' ? Math.floor(s / channels) : s % channels]! += values[s]!;
  return sums;
}
