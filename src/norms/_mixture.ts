/**
 * The kernel of mixture norm: each row is normalized by every component of a mixture, and the results are added up,
 * weighted by its posteriors p.
 *
 *     c[i,k] = p[i,k] / sqrt(weight[k])
 *     xHat[i] = sum over k of c[i,k] (x[i] - mean[k]) rstd[k]        y = xHat * weight + bias
 *
 * mean and variance are those of the rows weighted by p, or those of the state. For the backward pass only x, the
 * mixtures of the rounds of EM are kept: posteriors are computed again.
 */
import { allocate } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { spatialSize } from './_check.ts';
import { type Mixture, posteriors, type Rows, rowsOf, type SoftMoments, softMoments } from './_mixture-em.ts';
import { emBackward } from './_mixture-em-backward.ts';
import type { MixturePlan } from './_mixture-plan.ts';
import { rstdOf } from './_moments.ts';

/** What the backward of mixture norm needs. */
export interface MixtureSaved {
  /** x, weight, bias */
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null];
  readonly plan: MixturePlan;
  /** The mixtures of the rounds of EM that a gradient goes through; the last one gives the posteriors. */
  readonly rounds: readonly Mixture[];
}

/** `y = xHat * weight + bias`, and the means and variances that normalized. */
export function mix(saved: MixtureSaved, rows: Rows): { y: Tensor; mean: Float64Array; variance: Float64Array } {
  const { inputs, plan } = saved;
  const [x, weight, bias] = inputs;
  const mixture = lastOf(saved);
  const p = posteriors(rows, mixture);
  const { mean, variance } = normalizing(rows, p, plan);
  const rstd = rstdOf(variance, plan.eps);
  const scale = mixture.weight.map((share) => 1 / Math.sqrt(share));
  const { count, channels, values } = rows;
  const y = allocate(x.dtype, x.data.length);
  const inner = spatialSize(x);
  for (let i = 0, j = 0; i < count; i++) {
    const first = placeOf(i, inner, channels);
    for (let c = 0, to = first; c < channels; c++, to += inner) {
      const value = values[i * channels + c]!;
      let xHat = 0;
      for (let k = 0, at = c; k < scale.length; k++, at += channels) {
        xHat += p[j + k]! * scale[k]! * ((value - mean[at]!) * rstd[at]!);
      }
      y[to] = xHat * (weight ? weight.data[c]! : 1) + (bias ? bias.data[c]! : 0);
    }
    j += scale.length;
  }
  return { y: new Tensor(y, x.shape), mean, variance };
}

/** Where the first channel of a row lies in `[N, C, ...spatial]` with `inner` positions. */
function placeOf(row: number, inner: number, channels: number): number {
  const sample = Math.floor(row / inner);
  return sample * channels * inner + (row - sample * inner);
}

function lastOf({ rounds }: MixtureSaved): Mixture {
  return rounds[rounds.length - 1]!;
}

/** The means and variances that normalize: of the rows weighted by p, or of the state. */
function normalizing(rows: Rows, p: Float64Array, { running, start }: MixturePlan): SoftMoments {
  const components = start.weight.length;
  if (!running) return softMoments(rows, p, components);
  const ones = new Float64Array(components).fill(1);
  return { total: ones, share: ones, ...running };
}

/**
 * The gradients of x, weight and bias; null where `needs` is false. With gh = dy weight and sums over the rows,
 *
 *     dMean[k] = -rstd[k] sum of c gh        dVariance[k] = -rstd[k]^2 / 2 sum of c gh xHat[k]
 *     dp[i,k]  = sum over the channels of gh xHat[k] / sqrt(weight[k])
 *
 * x gets `sum over k of c gh rstd[k]`, its part of the weighted moments, and what comes back through EM.
 */
export function mixBackward(dy: Tensor, saved: MixtureSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const { inputs, plan } = saved;
  const [x, weight, bias] = inputs;
  const rows = rowsOf(x);
  const mixture = lastOf(saved);
  const p = posteriors(rows, mixture);
  const soft = normalizing(rows, p, plan);
  const { mean } = soft;
  const rstd = rstdOf(soft.variance, plan.eps);
  const scale = mixture.weight.map((share) => 1 / Math.sqrt(share));
  const { count, channels, values } = rows;
  const inner = spatialSize(x);
  const dWeight = new Float64Array(channels);
  const dBias = new Float64Array(channels);
  const dx = new Float64Array(values.length);
  const dp = new Float64Array(p.length);
  const dMean = new Float64Array(mean.length);
  const dVariance = new Float64Array(mean.length);
  for (let i = 0, j = 0; i < count; i++) {
    const first = placeOf(i, inner, channels);
    for (let c = 0, from = first; c < channels; c++, from += inner) {
      const g = dy.data[from]!;
      const gh = g * (weight ? weight.data[c]! : 1);
      const value = values[i * channels + c]!;
      let xHat = 0;
      let direct = 0;
      for (let k = 0, at = c; k < scale.length; k++, at += channels) {
        const own = (value - mean[at]!) * rstd[at]!;
        const share = p[j + k]! * scale[k]!;
        xHat += share * own;
        direct += share * rstd[at]!;
        dp[j + k]! += gh * own * scale[k]!;
        dMean[at]! -= share * gh * rstd[at]!;
        dVariance[at]! -= 0.5 * share * gh * own * rstd[at]! * rstd[at]!;
      }
      dx[i * channels + c] = gh * direct;
      dWeight[c]! += g * xHat;
      dBias[c]! += g;
    }
    j += scale.length;
  }
  if (needs[0]) emBackward(rows, saved, { p, soft, dMean, dVariance }, dp, dx);
  return [
    needs[0] ? new Tensor(placed(dx, x), x.shape) : null,
    needs[1] ? new Tensor(rounded(dWeight, x.dtype), weight!.shape) : null,
    needs[2] ? new Tensor(rounded(dBias, x.dtype), bias!.shape) : null,
  ];
}

/** Rows `[count, C]` as `[N, C, ...spatial]`. */
function placed(rows: Float64Array, x: Tensor): Tensor['data'] {
  const channels = x.shape[1]!;
  const inner = spatialSize(x);
  const out = allocate(x.dtype, rows.length);
  for (let i = 0, from = 0; from < rows.length; i++) {
    for (let c = 0, to = placeOf(i, inner, channels); c < channels; c++, from++, to += inner) out[to] = rows[from]!;
  }
  return out;
}
