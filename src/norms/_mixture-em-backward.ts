/**
 * The derivative of expectation maximization. With r the posteriors, n the sums of them and dl the gradient of the
 * logarithms that r is the softmax of:
 *
 *     E   dl[i,k]   = r[i,k] (dr[i,k] - sum over j of r[i,j] dr[i,j])
 *         dWeight   = sum of dl / weight
 *         dMean     = sum of dl (x - mean) / v       dx = - sum over k of dl (x - mean) / v
 *         dVariance = 1/2 sum of dl ((x - mean)^2 / v^2 - 1 / v)
 *     M   dr[i,k]   = dWeight / count + sum over c of (dMean (x - mean) + dVariance ((x - mean)^2 - (v - covEps))) / n
 *         dx       += sum over k of r / n (dMean + 2 dVariance (x - mean))
 *
 * sums over the rows where nothing is said. A dead component, whose n is a constant, has terms of its own.
 */
import { batchMoments, type Mixture, posteriors, type Rows, type SoftMoments, softMoments } from './_mixture-em.ts';
import type { MixtureSaved } from './_mixture.ts';
import { sharesBackward } from './_shares.ts';

/** Gradients of the numbers of a mixture. */
export interface MixtureGradient {
  readonly weight: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** What a normalization with weighted moments gives back: the weights, the moments, and the gradients of these. */
interface Normalized {
  readonly p: Float64Array;
  readonly soft: SoftMoments;
  readonly dMean: Float64Array;
  readonly dVariance: Float64Array;
}

/**
 * Adds to `dx` what reaches the rows through the moments that normalized and, as `emGradient` says, through the last E
 * step and the rounds of EM before it. `dp` is what the posteriors get otherwise, and is written over.
 */
export function emBackward(
  rows: Rows,
  { inputs, plan, rounds }: MixtureSaved,
  { p, soft, dMean, dVariance }: Normalized,
  dp: Float64Array,
  dx: Float64Array,
): void {
  const { emGradient, running, start } = plan;
  let mixture = rounds[rounds.length - 1]!;
  const dShare = new Float64Array(soft.total.length);
  dp.forEach((d, j) => (dShare[j % dShare.length]! -= (0.5 * p[j]! * d) / mixture.weight[j % dShare.length]!));
  if (!running) softMomentsBackward(rows, p, soft, null, dMean, dVariance, dp, dx);
  if (emGradient === 'none') return;
  const whole = emGradient === 'full' && !running;
  let gradient = posteriorsBackward(rows, mixture, p, dp, dx, whole);
  if (!gradient) return;
  dShare.forEach((d, k) => (gradient!.weight[k]! += d));
  for (let round = rounds.length - 2; round >= 0; round--) {
    mixture = rounds[round]!;
    const r = posteriors(rows, mixture);
    const dr = new Float64Array(r.length);
    const dTotal = gradient.weight.map((d) => d / rows.count);
    softMomentsBackward(rows, r, softMoments(rows, r, dTotal.length), dTotal, gradient.mean, gradient.variance, dr, dx);
    gradient = posteriorsBackward(rows, mixture, r, dr, dx, true)!;
  }
  if (start.variance) return;
  // every component starts with the variance of the batch
  const { values, count, channels } = rows;
  const { mean } = batchMoments(inputs[0]);
  const common = new Float64Array(channels);
  gradient.variance.forEach((d, at) => (common[at % channels]! += d));
  for (let at = 0; at < values.length; at++) dx[at]! += (2 * (values[at]! - mean[at % channels]!) * common[at % channels]!) / count;
}

/**
 * Backward through the E step, from the gradient of the posteriors: that of x is added to `dx`, and that of the mixture
 * is returned when it is asked for.
 */
export function posteriorsBackward(
  { values, count, channels }: Rows,
  { weight, mean, variance }: Mixture,
  r: Float64Array,
  dr: Float64Array,
  dx: Float64Array,
  wanted: boolean,
): MixtureGradient | null {
  const components = weight.length;
  const dLogs = sharesBackward(r, dr, components);
  const dWeight = new Float64Array(components);
  const dMean = new Float64Array(mean.length);
  const dVariance = new Float64Array(mean.length);
  for (let i = 0; i < count; i++) {
    for (let k = 0, at = 0; k < components; k++) {
      const dl = dLogs[i * components + k]!;
      if (wanted) dWeight[k]! += dl / weight[k]!;
      for (let c = 0, x = i * channels; c < channels; c++, at++, x++) {
        const away = (values[x]! - mean[at]!) / variance[at]!;
        dx[x]! -= dl * away;
        if (!wanted) continue;
        dMean[at]! += dl * away;
        dVariance[at]! += 0.5 * dl * (away * away - 1 / variance[at]!);
      }
    }
  }
  return wanted ? { weight: dWeight, mean: dMean, variance: dVariance } : null;
}

/**
 * Backward through `softMoments`: adds to `dx` what goes to the rows, and to `dr` what goes to their weights. `dTotal`
 * is the gradient of the sums of the weights by themselves.
 */
export function softMomentsBackward(
  { values, count, channels }: Rows,
  r: Float64Array,
  { total, share, mean, variance }: SoftMoments,
  dTotal: Float64Array | null,
  dMean: Float64Array,
  dVariance: Float64Array,
  dr: Float64Array,
  dx: Float64Array,
): void {
  const components = total.length;
  const level = new Float64Array(mean.length);
  for (let at = 0; at < level.length; at++) {
    const missing = 1 - share[Math.floor(at / channels)]!;
    // deviations from the mean add up to 0, except where the weights do not add up to 1
    level[at] = dMean[at]! - 2 * dVariance[at]! * missing * mean[at]!;
  }
  for (let i = 0, j = 0; i < count; i++) {
    for (let k = 0, at = 0; k < components; k++, j++) {
      const alive = share[k] === 1;
      const w = r[j]! / total[k]!;
      let sum = 0;
      for (let c = 0, x = i * channels; c < channels; c++, at++, x++) {
        const away = values[x]! - mean[at]!;
        dx[x]! += w * (level[at]! + 2 * dVariance[at]! * away);
        sum += alive
          ? level[at]! * away + dVariance[at]! * (away * away - variance[at]!)
          : level[at]! * values[x]! + dVariance[at]! * away * away;
      }
      dr[j]! += sum / total[k]! + (alive && dTotal ? dTotal[k]! : 0);
    }
  }
}
