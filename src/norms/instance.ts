/**
 * Instance Normalization.
 * D. Ulyanov, A. Vedaldi, V. Lempitsky, Instance Normalization: The Missing Ingredient for Fast Stylization, 2016,
 * arXiv 1607.08022.
 *
 *     mean = mean(x)              over the spatial axes, for each sample and channel by itself
 *     v    = mean((x - mean)^2)   biased
 *     xHat = (x - mean) / sqrt(v + eps)
 *     y    = xHat * weight + bias
 *
 * It takes the contrast out of each image. As in PyTorch, weight and bias (per channel) and running statistics are
 * options, both off by default. With running statistics, evaluation is that of batch norm; they move towards the
 * average over the samples of the means and of the unbiased variances, not towards the statistics of the whole batch.
 *
 * It equals group norm with as many groups as channels, and batch norm of a single sample.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sub } from '../autograd/sub.ts';
import { variance } from '../autograd/variance.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift, standardizeGiven } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import { moments, rstdOf } from './_moments.ts';
import { checkRunning, newRunning, type RunningStatistics, unbiased, updateRunning } from './_running.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** What instance norm with running statistics carries from one training call to the next. */
export type InstanceNormState = RunningStatistics;

/** Options of `instanceNorm`. */
export interface InstanceNormOptions {
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]. Default 0.1. */
  momentum?: number;
  /** Use each instance's own statistics and update the state; otherwise use the state's. Default true. */
  training?: boolean;
}

/** A fresh state: running mean 0, running variance 1. */
export function instanceNormState(numFeatures: number, { dtype = 'float32' }: TensorOptions = {}): InstanceNormState {
  return newRunning(numFeatures, dtype);
}

/** `instanceNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function instanceNormDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: InstanceNormState | null = null,
  options: InstanceNormOptions = {},
): Tensor {
  const { eps, momentum, axis, count, own, update } = check('instanceNormDefinition', x, weight, bias, state, options);
  const rank = x.shape.length;
  const mu = own ? mean(x, { axis, keepDims: true }) : perChannel(state!.runningMean, rank);
  const v = own ? variance(x, { axis, keepDims: true }) : perChannel(state!.runningVar, rank);
  const xHat = mul(sub(x, mu), rsqrt(add(v, eps)));
  const y = scaleAndShift(xHat, perChannel(weight, rank), perChannel(bias, rank));
  if (update) track(state!, x, mu.data, v.data, count, momentum);
  return y;
}

/**
 * `y = (x - mean) / sqrt(v + eps) * weight + bias`, with the mean and biased variance of each sample and channel; with
 * the running ones of the channel when there is a state and `training` is false.
 *
 * `x`: `[N, C, L]` to `[N, C, D, H, W]`; `weight`, `bias`: `[C]` or null; `state` is updated by a training call,
 * outside the graph. Throws a ShapeError when shapes do not fit or an instance has a single value to take statistics
 * of, and a RangeError for a bad eps, momentum or running variance. Source: arXiv 1607.08022.
 * @example
 * ```ts
 * const x = tensor([[[1, 3], [10, 50]]]);
 * toArray(instanceNorm(x, null, null, null, { eps: 0 })); // [[[-1, 1], [-1, 1]]]
 * ```
 */
export function instanceNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: InstanceNormState | null = null,
  options: InstanceNormOptions = {},
): Tensor {
  const { eps, momentum, count, own, update } = check('instanceNorm', x, weight, bias, state, options);
  const affine = { outer: x.shape[0]!, channel: x.shape[1]!, inner: count };
  const statistics = own ? { outer: 1, channel: affine.outer * affine.channel, inner: count } : affine;
  const found = own ? moments(x.data, statistics) : null;
  const mean = found ? found.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);
  const inputs = [x, weight, bias] as const;
  const saved = { inputs, mean, rstd, statistics, affine, own, eps };
  const y = record(instanceNormOp, inputs, saved, standardize(saved));
  if (update) track(state!, x, found!.mean, found!.variance, count, momentum);
  return y;
}

const instanceNormOp: Op<StandardizeSaved & { eps: number }> = {
  name: 'instanceNorm',
  // dx = rstd (gh - mean(gh) - xHat mean(gh xHat)) with gh = dy weight, means over the instance;
  // dWeight = sum dy xHat and dBias = sum dy per channel;  with running statistics dx = rstd gh
  pullback: standardizeBackward,
  definition: ([x, weight, bias], saved) =>
    saved.own
      ? instanceNormDefinition(x!, weight, bias, null, { eps: saved.eps })
      : standardizeGiven(x!, weight ?? null, bias ?? null, saved),
};

/**
 * Instance norm, optionally with parameters `weight` (ones) and `bias` (zeros) of shape `[numFeatures]` and with
 * running statistics.
 * @example
 * ```ts
 * const norm = new InstanceNorm(3, { affine: true });
 * norm.forward(zeros([2, 3, 4, 4])).shape; // [2, 3, 4, 4]
 * ```
 */
export class InstanceNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: InstanceNormState | null;

  /** `affine` (default false) makes weight and bias; `trackRunningStats` (default false) keeps a state. */
  constructor(
    numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = false,
      trackRunningStats = false,
      dtype = 'float32',
    }: {
      eps?: number;
      momentum?: number;
      affine?: boolean;
      trackRunningStats?: boolean;
      dtype?: TensorOptions['dtype'];
    } = {},
  ) {
    super();
    checkCount('InstanceNorm', 'numFeatures', numFeatures);
    checkEps('InstanceNorm', eps);
    checkMomentum('InstanceNorm', momentum);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = trackRunningStats ? instanceNormState(numFeatures, { dtype }) : null;
  }

  forward(x: Tensor): Tensor {
    checkChannels('InstanceNorm', x, this.numFeatures);
    const { eps, momentum, training } = this;
    return instanceNorm(x, this.weight, this.bias, this.state, { eps, momentum, training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/** Moves the running statistics towards the averages over the samples; the variances come biased. */
function track(
  state: InstanceNormState,
  x: Tensor,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  count: number,
  momentum: number,
): void {
  const samples = x.shape[0]!;
  const channels = x.shape[1]!;
  if (samples === 0) return;
  const averageMean = new Float64Array(channels);
  const averageVar = new Float64Array(channels);
  for (let i = 0; i < samples * channels; i++) {
    averageMean[i % channels]! += mean[i]! / samples;
    averageVar[i % channels]! += variance[i]! / samples;
  }
  updateRunning(state, averageMean, unbiased(averageVar, count), momentum);
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: InstanceNormState | null,
  { eps = 1e-5, momentum = 0.1, training = true }: InstanceNormOptions,
): { eps: number; momentum: number; axis: number[]; count: number; own: boolean; update: boolean } {
  checkRank(caller, x, 3, 5, '[N, C, ...spatial]');
  checkEps(caller, eps);
  checkMomentum(caller, momentum);
  const shape = [x.shape[1]!];
  checkLike(caller, 'weight', weight, shape, x);
  checkLike(caller, 'bias', bias, shape, x);
  if (state) checkRunning(caller, state, x);
  const own = training || !state;
  const count = spatialSize(x);
  if (own && count < 2) {
    throw new ShapeError(
      `${caller}: statistics of an instance need more than one spatial element, got x of shape ${showShape(x.shape)}; ` +
        'normalize before pooling to one position, or evaluate with running statistics',
    );
  }
  const axis = x.shape.slice(2).map((_, i) => i + 2);
  return { eps, momentum, axis, count, own, update: training && state !== null };
}
