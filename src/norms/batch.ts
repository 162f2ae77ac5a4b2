/**
 * Batch Normalization.
 * S. Ioffe, C. Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,
 * ICML 2015, arXiv 1502.03167.
 *
 *     mean = mean(x)              per channel, over the batch and all spatial axes
 *     v    = mean((x - mean)^2)   biased
 *     xHat = (x - mean) / sqrt(v + eps)
 *     y    = xHat * weight + bias
 *
 * Training normalizes with the statistics of the batch and moves the running ones towards them; evaluation normalizes
 * with the running ones. The batch is normalized with the biased variance, the running variance moves towards the
 * unbiased one (divided by n - 1): both as in the paper and in PyTorch. `momentum` weighs the new value, which is one
 * minus what Keras calls momentum; null gives the plain average over all batches, the paper's own rule.
 *
 * A value that is not finite in a training batch makes the running statistics of its channel not finite for good.
 * With one sample it equals instance norm; split over replicas that share their statistics it is sync batch norm.
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
import { touch } from '../tensor/assign.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift, standardizeGiven } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import { moments, rstdOf } from './_moments.ts';
import { checkRunning, newRunning, type RunningStatistics, unbiased, updateRunning } from './_running.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** What batch norm carries from one training call to the next. */
export interface BatchNormState extends RunningStatistics {
  /** The number of training calls so far, a scalar. */
  readonly numBatchesTracked: Tensor;
}

/** Options of `batchNorm`. */
export interface BatchNormOptions {
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]; null: the average over all calls. Default 0.1. */
  momentum?: number | null;
  /** Normalize with the batch's statistics and update the state; otherwise with the state's. Default true. */
  training?: boolean;
}

/** A fresh state: running mean 0, running variance 1, no batches. */
export function batchNormState(numFeatures: number, { dtype = 'float32' }: TensorOptions = {}): BatchNormState {
  return { ...newRunning(numFeatures, dtype), numBatchesTracked: zeros([], { dtype }) };
}

/** `batchNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function batchNormDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: BatchNormState | null = null,
  options: BatchNormOptions = {},
): Tensor {
  const { eps, momentum, axis, count, own, update } = check('batchNormDefinition', x, weight, bias, state, options);
  const rank = x.shape.length;
  const mu = own ? mean(x, { axis, keepDims: true }) : perChannel(state!.runningMean, rank);
  const v = own ? variance(x, { axis, keepDims: true }) : perChannel(state!.runningVar, rank);
  const xHat = mul(sub(x, mu), rsqrt(add(v, eps)));
  const y = scaleAndShift(xHat, perChannel(weight, rank), perChannel(bias, rank));
  if (update) track(state!, mu.data, v.data, count, momentum);
  return y;
}

/**
 * `y = (x - mean) / sqrt(v + eps) * weight + bias`, per channel: with the statistics of the batch when training or
 * without a state, with the running ones otherwise.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; `weight`, `bias`: `[C]` or null; `state` is updated by a training call, outside
 * the graph. Throws a ShapeError when shapes do not fit or a channel has a single value to take statistics of, and a
 * RangeError for a bad eps, momentum or running variance. Source: arXiv 1502.03167.
 * @example
 * ```ts
 * const state = batchNormState(2);
 * toArray(batchNorm(tensor([[1, 10], [3, 10]]), null, null, state, { eps: 0.5 })); // [[-0.8164966, 0], [0.8164966, 0]]
 * toArray(state.runningMean); // [0.2, 1]
 * ```
 */
export function batchNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: BatchNormState | null = null,
  options: BatchNormOptions = {},
): Tensor {
  const { eps, momentum, count, own, update } = check('batchNorm', x, weight, bias, state, options);
  const view = { outer: x.shape[0]!, channel: x.shape[1]!, inner: spatialSize(x) };
  const found = own ? moments(x.data, view) : null;
  const mean = found ? found.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);
  const inputs = [x, weight, bias] as const;
  const saved = { inputs, mean, rstd, statistics: view, affine: view, own, eps };
  const y = record(batchNormOp, inputs, saved, standardize(saved));
  if (update) track(state!, found!.mean, found!.variance, count, momentum);
  return y;
}

const batchNormOp: Op<StandardizeSaved & { eps: number }> = {
  name: 'batchNorm',
  // dBias = sum dy;  dWeight = sum dy xHat;  dx = weight rstd (dy - dBias / m - xHat dWeight / m), m values a channel;
  // with running statistics dx = weight rstd dy
  pullback: standardizeBackward,
  definition: ([x, weight, bias], saved) =>
    saved.own
      ? batchNormDefinition(x!, weight, bias, null, { eps: saved.eps })
      : standardizeGiven(x!, weight ?? null, bias ?? null, saved),
};

/**
 * Batch norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, and its running
 * statistics. `train()` and `eval()` choose between the batch's statistics and the running ones.
 * @example
 * ```ts
 * const norm = new BatchNorm(3, { momentum: null });
 * norm.forward(ones([4, 3, 2, 2])).shape; // [4, 3, 2, 2]
 * toArray(norm.state!.runningMean); // [1, 1, 1]
 * ```
 */
export class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: BatchNormState | null;

  /** `affine` (default true) makes weight and bias; `trackRunningStats` (default true) keeps a state. */
  constructor(
    numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
      dtype = 'float32',
    }: {
      eps?: number;
      momentum?: number | null;
      affine?: boolean;
      trackRunningStats?: boolean;
      dtype?: TensorOptions['dtype'];
    } = {},
  ) {
    super();
    checkCount('BatchNorm', 'numFeatures', numFeatures);
    checkEps('BatchNorm', eps);
    if (momentum !== null) checkMomentum('BatchNorm', momentum);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = trackRunningStats ? batchNormState(numFeatures, { dtype }) : null;
  }

  forward(x: Tensor): Tensor {
    checkChannels('BatchNorm', x, this.numFeatures);
    const { eps, momentum, training } = this;
    return batchNorm(x, this.weight, this.bias, this.state, { eps, momentum, training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/**
 * Counts a training call and moves the running statistics; the variance comes biased and goes in unbiased.
 * @internal
 */
export function track(
  state: BatchNormState,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  count: number,
  momentum: number | null,
): void {
  state.numBatchesTracked.data[0]! += 1;
  touch(state.numBatchesTracked);
  const weight = momentum ?? 1 / state.numBatchesTracked.data[0]!;
  updateRunning(state, mean, unbiased(variance, count), weight);
}

/**
 * Throws unless a call is legal for x of rank 2 to `mostAxes`; changes nothing.
 * @internal
 */
export function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: BatchNormState | null,
  { eps = 1e-5, momentum = 0.1, training = true }: BatchNormOptions,
  mostAxes = 5,
): { eps: number; momentum: number | null; axis: number[]; count: number; own: boolean; update: boolean } {
  checkRank(caller, x, 2, mostAxes, '[N, C, ...spatial]');
  checkEps(caller, eps);
  if (momentum !== null) checkMomentum(caller, momentum);
  const shape = [x.shape[1]!];
  checkLike(caller, 'weight', weight, shape, x);
  checkLike(caller, 'bias', bias, shape, x);
  if (state) {
    checkRunning(caller, state, x);
    checkLike(caller, 'numBatchesTracked', state.numBatchesTracked, [], x);
  }
  const own = training || !state;
  const count = x.shape[0]! * spatialSize(x);
  if (own && count < 2) {
    throw new ShapeError(
      `${caller}: statistics of the batch need more than one value per channel, got x of shape ${showShape(x.shape)}; ` +
        'use a larger batch, or evaluate with running statistics',
    );
  }
  const axis = x.shape.map((_, i) => i).filter((i) => i !== 1);
  return { eps, momentum, axis, count, own, update: training && state !== null };
}
