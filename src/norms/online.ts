/**
 * Online Normalization.
 * V. Chiley, I. Sharapov, A. Kosson, U. Koster, R. Reece, S. Samaniego de la Fuente, V. Subbiah, M. James,
 * Online Normalization for Training Neural Networks, NeurIPS 2019, arXiv 1905.05894.
 *
 *     y  = (x - mu) / sqrt(v + eps)              mu, v: what was there before the sample
 *     m, s2 = mean and biased variance of the sample, per channel, over the spatial axes
 *     v  = af v + (1 - af) s2 + af (1 - af) (m - mu)^2
 *     mu = mu + (1 - af) (m - mu)
 *     u  = y * weight + bias
 *     z  = min(max(u, -clampValue), clampValue)  or  u / sqrt(mean(u^2) + lsEps)  or  u
 *
 * The samples of a batch are a stream: one after the other, in the order of axis 0, and on from call to call. A batch of
 * N is N batches of one, so it trains with single samples; and the order of samples matters. v is exactly the variance
 * of all positions so far, weighted by `alphaFwd` to the power of their age.
 *
 * The backward is the published one and not the derivative: see `_online.ts`. It is a control process with a state of
 * its own, `errorMean` and `errorProj`, which each training backward moves. So a graph goes backward once, there are no
 * higher derivatives, and a forward that is run a second time (as in gradient checkpointing) counts twice.
 * With `alphaBkw` 1 it is the derivative with the statistics held.
 *
 * Training starts from mean 0 and variance 1: data that are far from it make the first results large, and the errors
 * overshoot while `(1 - alphaBkw) mean(y^2)` is above 2. Write better statistics into the state first. A value that is
 * not finite makes the statistics of its channel not finite for good.
 *
 * The paper has no eps; it stands under the root, as in the authors' kernels. The paper's companion is `'layerScaling'`;
 * their later `'clamp'` is the default of their code and here. Evaluation is that of batch norm, with the companion.
 */
import { add } from '../autograd/add.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sub } from '../autograd/sub.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift, standardizeGiven } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkRank, spatialSize } from './_check.ts';
import {
  checkCompanion,
  type Companion,
  type CompanionOptions,
  compensate,
  compensateBackward,
  compensateDefinition,
} from './_companion.ts';
import { rstdOf, type View } from './_moments.ts';
import { streamDefinition } from './_online-definition.ts';
import { feedBack, follow, newOnline, type OnlineState, type StreamSaved } from './_online.ts';
import { sampleView } from './_per-sample.ts';
import { checkRunning } from './_running.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** What online norm carries from one training call to the next; its backward moves `errorMean` and `errorProj`. */
export type OnlineNormState = OnlineState;

/** Options of `onlineNorm`. */
export interface OnlineNormOptions extends CompanionOptions {
  /** How much of the running statistics a sample leaves, in [0, 1]. Default 0.999. */
  alphaFwd?: number;
  /** How much of the errors a sample leaves in the backward, in [0, 1]; 1: nothing is fed back. Default 0.99. */
  alphaBkw?: number;
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Go on with the stream; otherwise normalize with the state as it is. Default true. */
  training?: boolean;
}

/** A fresh state: running mean 0, running variance 1, no errors. */
export function onlineNormState(numFeatures: number, { dtype = 'float32' }: TensorOptions = {}): OnlineNormState {
  return newOnline(numFeatures, dtype);
}

/**
 * `onlineNorm` composed from primitives: what the fused form must equal. Its backward is the published one as well; in
 * evaluation higher derivatives are taken of it.
 */
export function onlineNormDefinition(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: OnlineNormState,
  options: OnlineNormOptions = {},
): Tensor {
  const { alphaFwd, alphaBkw, eps, training, view, companion } = check('onlineNormDefinition', x, weight, bias, state, options);
  const rank = x.shape.length;
  const rows = reshape(x, [view.outer, view.channel, view.inner]);
  const y = training
    ? streamDefinition(rows, state, { alphaFwd, alphaBkw, eps })
    : mul(sub(rows, perChannel(state.runningMean, 3)), rsqrt(add(perChannel(state.runningVar, 3), eps)));
  const u = scaleAndShift(reshape(y, x.shape), perChannel(weight, rank), perChannel(bias, rank));
  return compensateDefinition(u, companion);
}

/**
 * `y = (x - mu) / sqrt(v + eps)` with the statistics of all samples before, `u = y * weight + bias`, and the companion
 * of u: clamped, divided by its root mean square, or u itself.
 *
 * `x`: `[N, C, ...spatial]`, the samples a stream in the order of axis 0; `weight`, `bias`: `[C]` or null; `state`:
 * `[C]` each, of which a training call moves the running statistics at once, and its backward, where it gives a gradient
 * of x, the errors. Both are outside the graph. A training graph goes backward once; a second time is an Error, and so
 * is `createGraph`. Throws a ShapeError when shapes do not fit, and a RangeError for bad options or a negative running
 * variance. Source: arXiv 1905.05894.
 * @example
 * ```ts
 * const state = onlineNormState(1);
 * const options = { alphaFwd: 0.5, eps: 0 };
 * toArray(onlineNorm(tensor([[2], [2], [2]]), null, null, state, options)); // [[2], [0.8164966], [0.5]]
 * toArray(state.runningMean); // [1.75]
 * ```
 */
export function onlineNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: OnlineNormState,
  options: OnlineNormOptions = {},
): Tensor {
  const { alphaFwd, alphaBkw, eps, training, view, companion } = check('onlineNorm', x, weight, bias, state, options);
  const inputs = [x, weight, bias] as const;
  if (!training) {
    const mean = Float64Array.from(state.runningMean.data);
    const rstd = rstdOf(state.runningVar.data, eps);
    const saved = { inputs, mean, rstd, statistics: view, affine: view, own: false, companion };
    return record(onlineNormEvalOp, inputs, saved, compensate(standardize(saved), companion));
  }
  const past = follow(x, view, state, { alphaFwd, eps });
  const errors = { errorMean: state.errorMean, errorProj: state.errorProj };
  const saved = { inputs, ...past, statistics: sampleView(x), affine: view, own: false, companion, alphaBkw, errors };
  return record(onlineNormOp, inputs, saved, compensate(standardize(saved), companion));
}

const onlineNormOp: Op<StreamSaved & { companion: Companion }> = {
  name: 'onlineNorm',
  moves: ['errors'],
  // g = dz (|u| <= clampValue), or (dz - z mean(dz z)) / r with z = u / r;  dBias = sum g, dWeight = sum g y;
  // sample by sample, for the first one first, with k = 1 - alphaBkw:
  //   a = weight g - k errorProj y,            then errorProj += mean(a y)
  //   dx = a / sqrt(v + eps) - k errorMean,    then errorMean += mean(dx)
  pullback: (dz, saved, needs) => feedBack(behindCompanion(dz, saved), saved, needs),
};

const onlineNormEvalOp: Op<StandardizeSaved & { companion: Companion }> = {
  name: 'onlineNorm',
  // dx = weight g / sqrt(v + eps), with g as above
  pullback: (dz, saved, needs) => standardizeBackward(behindCompanion(dz, saved), saved, needs),
  definition: ([x, weight, bias], saved) =>
    compensateDefinition(standardizeGiven(x!, weight ?? null, bias ?? null, saved), saved.companion),
};

/** The gradient of u; u itself is computed again and not kept. */
function behindCompanion(dz: Tensor, saved: StandardizeSaved & { companion: Companion }): Tensor {
  return saved.companion.ecm === 'none' ? dz : compensateBackward(dz, standardize(saved), saved.companion);
}

/** Options of the class `OnlineNorm`. */
export interface OnlineNormLayerOptions extends Omit<OnlineNormOptions, 'training'> {
  /** Learn weight and bias. Default true. */
  affine?: boolean;
  /** Of parameters and state. Default float32. */
  dtype?: TensorOptions['dtype'];
}

/**
 * Online norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, and its state, all four
 * parts of which belong into a checkpoint.
 * @example
 * ```ts
 * const norm = new OnlineNorm(3, { alphaFwd: 0.75 });
 * norm.forward(ones([1, 3, 2, 2])).shape; // [1, 3, 2, 2]
 * toArray(norm.state.runningMean); // [0.25, 0.25, 0.25]
 * ```
 */
export class OnlineNorm extends Module {
  readonly numFeatures: number;
  readonly alphaFwd: number;
  readonly alphaBkw: number;
  readonly eps: number;
  readonly ecm: 'clamp' | 'layerScaling' | 'none';
  readonly clampValue: number;
  readonly lsEps: number;
  readonly lsGroupSize: number | null;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: OnlineNormState;

  constructor(numFeatures: number, options: OnlineNormLayerOptions = {}) {
    super();
    const { affine = true, dtype = 'float32', lsGroupSize = null } = options;
    checkCount('OnlineNorm', 'numFeatures', numFeatures);
    ({ alphaFwd: this.alphaFwd, alphaBkw: this.alphaBkw, eps: this.eps } = checkOptions('OnlineNorm', options));
    const { ecm, clampValue, lsEps } = checkCompanion('OnlineNorm', options, numFeatures);
    this.numFeatures = numFeatures;
    this.ecm = ecm;
    this.clampValue = clampValue;
    this.lsEps = lsEps;
    this.lsGroupSize = lsGroupSize;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = onlineNormState(numFeatures, { dtype });
  }

  forward(x: Tensor): Tensor {
    checkChannels('OnlineNorm', x, this.numFeatures);
    return onlineNorm(x, this.weight, this.bias, this.state, this);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

interface Checked {
  readonly alphaFwd: number;
  readonly alphaBkw: number;
  readonly eps: number;
  readonly training: boolean;
}

function checkOptions(
  caller: string,
  { alphaFwd = 0.999, alphaBkw = 0.99, eps = 1e-5, training = true }: OnlineNormOptions,
): Checked {
  for (const [name, alpha] of Object.entries({ alphaFwd, alphaBkw })) {
    if (!(typeof alpha === 'number' && alpha >= 0 && alpha <= 1)) {
      throw new RangeError(`${caller}: ${name} must be in [0, 1], got ${alpha}; it weighs the past, and is near 1`);
    }
  }
  checkEps(caller, eps);
  return { alphaFwd, alphaBkw, eps, training };
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: OnlineNormState,
  options: OnlineNormOptions,
): Checked & { view: View; companion: Companion } {
  checkRank(caller, x, 2, Infinity, '[N, C, ...spatial]');
  const checked = checkOptions(caller, options);
  const [outer, channel] = x.shape as [number, number];
  const inner = spatialSize(x);
  if (inner === 0 || channel === 0) {
    throw new ShapeError(`${caller}: a sample needs at least one channel and position, got x of shape ${showShape(x.shape)}`);
  }
  const shape = [channel];
  checkLike(caller, 'weight', weight, shape, x);
  checkLike(caller, 'bias', bias, shape, x);
  checkRunning(caller, state, x);
  checkLike(caller, 'errorMean', state.errorMean, shape, x);
  checkLike(caller, 'errorProj', state.errorProj, shape, x);
  const companion = checkCompanion(caller, options, channel, inner);
  return { ...checked, view: { outer, channel, inner }, companion };
}
