/**
 * The two recursions of online norm over the samples of a stream, which are the axis 0 of a batch and go on from call to
 * call. `af` is alphaFwd, `k` is 1 - alphaBkw; m and s2 are the mean and the biased variance of a sample's channel.
 *
 * Forward, `follow`: what a sample is normalized with is what was there before it.
 *
 *     v  = af v + (1 - af) s2 + af (1 - af) (m - mu)^2
 *     mu = mu + (1 - af) (m - mu)
 *
 * Backward, `feedBack`: a control process and no derivative. It runs forward in time too, from the first sample to the
 * last, and holds the gradient nearly orthogonal to 1 and to y in the average over time. dy is the gradient of y:
 *
 *     a  = dy - k errorProj y               errorProj = errorProj + mean(a y)
 *     dx = a / sigma - k errorMean          errorMean = errorMean + mean(dx)
 */
import { assign } from '../tensor/assign.ts';
import { zeros } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { moments, type View } from './_moments.ts';
import { newRunning, type RunningStatistics } from './_running.ts';
import { standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** What online norm carries through the stream, `[C]` each: the training forward moves the first two, its backward the others. */
export interface OnlineState extends RunningStatistics {
  /** The sum of the means of the gradients of x that have been given out. */
  readonly errorMean: Tensor;
  /** The sum of the means of the gradients of y, controlled, times y. */
  readonly errorProj: Tensor;
}

/** A fresh state: running mean 0, running variance 1, no errors. */
export function newOnline(numFeatures: number, dtype: DType): OnlineState {
  const none = (): Tensor => zeros([numFeatures], { dtype });
  return { ...newRunning(numFeatures, dtype), errorMean: none(), errorProj: none() };
}

/** What each channel of each sample is normalized with; and the state after the last sample, which is written. */
export function follow(
  x: Tensor,
  { outer, channel, inner }: View,
  { runningMean, runningVar }: RunningStatistics,
  { alphaFwd, eps }: { readonly alphaFwd: number; readonly eps: number },
): { mean: Float64Array; rstd: Float64Array } {
  const own = moments(x.data, { outer: 1, channel: outer * channel, inner });
  const mu = Float64Array.from(runningMean.data);
  const v = Float64Array.from(runningVar.data);
  const mean = new Float64Array(outer * channel);
  const rstd = new Float64Array(outer * channel);
  for (let i = 0; i < mean.length; i++) {
    const c = i % channel;
    mean[i] = mu[c]!;
    rstd[i] = 1 / Math.sqrt(v[c]! + eps);
    // alphaFwd 1 leaves the state alone even where the sample is not finite
    if (alphaFwd === 1) continue;
    const away = own.mean[i]! - mu[c]!;
    v[c] = alphaFwd * v[c]! + (1 - alphaFwd) * own.variance[i]! + alphaFwd * (1 - alphaFwd) * away * away;
    mu[c]! += (1 - alphaFwd) * away;
  }
  assign(runningMean, new Tensor(mu, runningMean.shape));
  assign(runningVar, new Tensor(v, runningVar.shape));
  return { mean, rstd };
}

/** What the control process needs: each sample's statistics, and where its errors are kept. */
export interface StreamSaved extends StandardizeSaved {
  readonly alphaBkw: number;
  readonly errors: Pick<OnlineState, 'errorMean' | 'errorProj'>;
}

/**
 * The gradients of x, weight and bias, du being that of `u = y weight + bias`. Moves the errors where the gradient of x
 * is asked for.
 */
export function feedBack(du: Tensor, saved: StreamSaved, needs: readonly boolean[]): (Tensor | null)[] {
  if (!needs[0]) return standardizeBackward(du, saved, needs);
  const { inputs, mean, rstd, affine, alphaBkw, errors } = saved;
  const [x, weight] = inputs;
  const { channel, inner } = affine;
  const k = 1 - alphaBkw;
  const errorMean = Float64Array.from(errors.errorMean.data);
  const errorProj = Float64Array.from(errors.errorProj.data);
  const dWeight = new Float64Array(channel);
  const dBias = new Float64Array(channel);
  const dx = like(x);
  for (let i = 0, start = 0; i < mean.length; i++, start += inner) {
    const c = i % channel;
    const mu = mean[i]!;
    const r = rstd[i]!;
    const w = weight ? weight.data[c]! : 1;
    const towardsY = k * errorProj[c]!;
    const towardsMean = k * errorMean[c]!;
    let shifted = 0;
    let scaled = 0;
    let along = 0;
    let total = 0;
    for (let j = start; j < start + inner; j++) {
      const g = du.data[j]!;
      const y = (x.data[j]! - mu) * r;
      shifted += g;
      scaled += g * y;
      const a = g * w - towardsY * y;
      along += a * y;
      const d = a * r - towardsMean;
      total += d;
      dx.data[j] = d;
    }
    dBias[c]! += shifted;
    dWeight[c]! += scaled;
    errorProj[c]! += along / inner;
    errorMean[c]! += total / inner;
  }
  assign(errors.errorMean, new Tensor(errorMean, errors.errorMean.shape));
  assign(errors.errorProj, new Tensor(errorProj, errors.errorProj.shape));
  const perChannel = (values: Float64Array): Tensor => new Tensor(rounded(values, x.dtype), [channel]);
  return [dx, needs[1] ? perChannel(dWeight) : null, needs[2] ? perChannel(dBias) : null];
}
