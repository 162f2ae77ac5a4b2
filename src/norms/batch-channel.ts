/**
 * Batch-Channel Normalization.
 * S. Qiao, H. Wang, C. Liu, W. Shen, A. Yuille, Rethinking Normalization and Elimination Singularity in Neural Networks,
 * 2019, arXiv 1911.09738.
 *
 *     xHat = (x - mean) / sqrt(v + bnEps)      per channel, over the batch and all spatial axes
 *     u    = xHat * bnWeight + bnBias          per channel
 *     vHat = (u - mu) / sqrt(s + eps)          mu, s: mean and variance of u over the channels of a group and all
 *     y    = vHat * weight + bias              spatial axes, for each sample by itself; weight, bias: per group
 *
 * Batch norm, then group norm, whose affine step is per group, not per channel. By itself the second stage can drift to
 * channels that a ReLU behind it always shuts off; the first keeps each channel centred among the others. All
 * variances are biased, both eps stand under their roots. The second stage is the same in train and eval.
 *
 * mean and v are those of the batch, and in evaluation the running ones, which follow PyTorch: unbiased, `momentum`
 * weighs the new value. With `estimate`, for micro-batches, they are estimates, in training too; each training call
 * first moves them, then uses them, as constants:
 *
 *     runningVar  = (1 - movingSpeed) runningVar  + movingSpeed mean((x - runningMean)^2)     the old runningMean
 *     runningMean = (1 - movingSpeed) runningMean + movingSpeed mean(x)
 *
 * As published the gradient takes them for constants although the batch is mixed in: that of a training call is the
 * derivative of evaluation with the moved state. The released code keeps the speed in a buffer that starts at 0, so
 * that estimates never move unless the training script sets it; here it is an option with a default of its own.
 *
 * It equals group norm of batch norm; with as many groups as channels, eps and bnEps aside, instance norm up to the
 * sign of bnWeight.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { detach, type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { variance } from '../autograd/variance.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { touch } from '../tensor/assign.ts';
import { copy, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift, standardizeGiven } from './_affine.ts';
import { batchChannel, batchChannelBackward, type BatchChannelSaved, channelMoments, groupMoments, rowsOf } from './_batch-channel.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import { rstdOf } from './_moments.ts';
import { checkRunning, updateRunning } from './_running.ts';
import { batchNormDefinition, type BatchNormState, batchNormState, track } from './batch.ts';

/** What batch-channel norm carries from one training call to the next: that of batch norm. */
export type BatchChannelNormState = BatchNormState;

/** Options of `batchChannelNorm`. */
export interface BatchChannelNormOptions {
  /** The number of groups of the second stage; divides the number of channels. Default 32, that of the released code. */
  numGroups?: number;
  /** Added to the variance of a group, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Added to the variance of a channel, under the root; finite, at least 0. Default 1e-5. */
  bnEps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]; without `estimate`. Default 0.1. */
  momentum?: number;
  /** Normalize the channels with estimates that the batch has moved, not with the batch's statistics. Default false. */
  estimate?: boolean;
  /** Weight of the new value in the estimates, in [0, 1]; with `estimate`. Default 0.1. */
  movingSpeed?: number;
  /** Update the state, and without `estimate` use the batch's statistics; otherwise use the state's. Default true. */
  training?: boolean;
}

/** A fresh state: running mean 0, running variance 1, no batches. */
export function batchChannelNormState(numFeatures: number, options: TensorOptions = {}): BatchChannelNormState {
  return batchNormState(numFeatures, options);
}

/** `batchChannelNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function batchChannelNormDefinition(
  x: Tensor,
  bnWeight: Tensor | null = null,
  bnBias: Tensor | null = null,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: BatchChannelNormState | null = null,
  options: BatchChannelNormOptions = {},
): Tensor {
  const plan = check('batchChannelNormDefinition', [x, bnWeight, bnBias, weight, bias], state, options);
  const { momentum, movingSpeed, bnEps, own, update, estimate, count } = plan;
  const rank = x.shape.length;
  const over = { axis: x.shape.map((_, i) => i).filter((i) => i !== 1), keepDims: true };
  if (update && estimate) {
    const away = sub(detach(x), perChannel(state!.runningMean, rank));
    moveEstimates(state!, mean(detach(x), over).data, mean(square(away), over).data, movingSpeed);
  }
  const mu = own ? mean(x, over) : perChannel(copy(state!.runningMean), rank);
  const v = own ? variance(x, over) : perChannel(copy(state!.runningVar), rank);
  const xHat = mul(sub(x, mu), rsqrt(add(v, bnEps)));
  const u = scaleAndShift(xHat, perChannel(bnWeight, rank), perChannel(bnBias, rank));
  if (update && own) track(state!, mu.data, v.data, count, momentum);
  return channelStage(u, weight, bias, plan);
}

/** `(u - mu) / sqrt(s + eps) * weight + bias`, over each sample's groups; weight and bias `[numGroups]`. */
function channelStage(u: Tensor, weight: Tensor | null, bias: Tensor | null, { numGroups, eps }: GroupOptions): Tensor {
  const grouped = reshape(u, [u.shape[0]!, numGroups, (u.shape[1]! / numGroups) * spatialSize(u)]);
  const centred = sub(grouped, mean(grouped, { axis: 2, keepDims: true }));
  const s = mean(square(centred), { axis: 2, keepDims: true });
  const vHat = mul(centred, rsqrt(add(s, eps)));
  return reshape(scaleAndShift(vHat, perChannel(weight, 3), perChannel(bias, 3)), u.shape);
}

/**
 * Batch norm, then group norm: `xHat = (x - mean) / sqrt(v + bnEps)` per channel, `u = xHat * bnWeight + bnBias`, and
 * `y = (u - mu) / sqrt(s + eps) * weight + bias` with the mean and biased variance of each sample's group of channels.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; `bnWeight`, `bnBias`: `[C]` or null; `weight`, `bias`: `[numGroups]` or null;
 * `state` is updated by a training call, outside the graph. mean and v are those of the batch when training or without
 * a state, otherwise the running ones; with `estimate` always those of the state, which it therefore needs. Throws a
 * ShapeError when shapes do not fit, the groups do not divide the channels, a group has a single value, or a channel
 * has a single value to take statistics of; a RangeError for a bad option or running variance; and a TypeError for
 * dtypes that differ or estimates without a state. Source: arXiv 1911.09738.
 * @example
 * ```ts
 * const x = tensor([[1, 0], [3, 20]]);
 * const options = { numGroups: 1, eps: 0, bnEps: 0 };
 * toArray(batchChannelNorm(x, tensor([1, 2]), null, tensor([3]), tensor([1]), null, options)); // [[4, -2], [-2, 4]]
 * ```
 */
export function batchChannelNorm(
  x: Tensor,
  bnWeight: Tensor | null = null,
  bnBias: Tensor | null = null,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: BatchChannelNormState | null = null,
  options: BatchChannelNormOptions = {},
): Tensor {
  const inputs = [x, bnWeight, bnBias, weight, bias] as const;
  const { numGroups, eps, bnEps, momentum, movingSpeed, own, update, estimate, count } = check('batchChannelNorm', inputs, state, options);
  const rows = rowsOf(x);
  const batch = own || update ? channelMoments(rows, x) : null;
  if (update && estimate) {
    // the mean of (x - runningMean)^2 is the variance plus the square of how far the mean is off
    const old = state!.runningMean.data;
    const deviation = batch!.variance.map((v, c) => v + (batch!.mean[c]! - old[c]!) ** 2);
    moveEstimates(state!, batch!.mean, deviation, movingSpeed);
  }
  const mean = own ? batch!.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(own ? batch!.variance : state!.runningVar.data, bnEps);
  const stage = { ...rows, inputs, numGroups, mean, rstd };
  const group = groupMoments(stage);
  const saved = { ...stage, groupMean: group.mean, groupRstd: rstdOf(group.variance, eps), own, eps, bnEps };
  const y = record(batchChannelNormOp, inputs, saved, batchChannel(saved));
  if (update && own) track(state!, batch!.mean, batch!.variance, count, momentum);
  return y;
}

const batchChannelNormOp: Op<BatchChannelSaved & GroupOptions & { bnEps: number }> = {
  name: 'batchChannelNorm',
  // du = groupRstd (h - mean(h) - vHat mean(h vHat)) with h = dy weight, means over the group;  with du for dy,
  // dx = bnWeight rstd (du - mean(du) - xHat mean(du xHat)), means over the channel; with given statistics bnWeight rstd du
  pullback: batchChannelBackward,
  definition([x, bnWeight, bnBias, weight, bias], saved) {
    const u = saved.own
      ? batchNormDefinition(x!, bnWeight, bnBias, null, { eps: saved.bnEps })
      : standardizeGiven(x!, bnWeight ?? null, bnBias ?? null, saved);
    return channelStage(u, weight ?? null, bias ?? null, saved);
  },
};

/** Options of the class `BatchChannelNorm`. */
export interface BatchChannelNormLayerOptions extends Omit<BatchChannelNormOptions, 'training'> {
  /** Element type of parameters and state. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * Batch-channel norm with its parameters: `bnWeight` (ones) and `bnBias` (zeros) of shape `[numFeatures]`, `weight`
 * (ones) and `bias` (zeros) of shape `[numGroups]`; and its running statistics or estimates.
 * @example
 * ```ts
 * const norm = new BatchChannelNorm(6, { numGroups: 2, estimate: true, movingSpeed: 0.5 });
 * norm.forward(ones([1, 6, 4, 4])).shape; // [1, 6, 4, 4]
 * toArray(norm.state.runningMean); // [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
 * ```
 */
export class BatchChannelNorm extends Module {
  readonly numFeatures: number;
  readonly numGroups: number;
  readonly eps: number;
  readonly bnEps: number;
  readonly momentum: number;
  readonly estimate: boolean;
  readonly movingSpeed: number;
  readonly bnWeight: Parameter;
  readonly bnBias: Parameter;
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly state: BatchChannelNormState;

  constructor(numFeatures: number, { dtype = 'float32', ...options }: BatchChannelNormLayerOptions = {}) {
    super();
    checkCount('BatchChannelNorm', 'numFeatures', numFeatures);
    const { numGroups, eps, bnEps, momentum, estimate, movingSpeed } = checkOptions('BatchChannelNorm', numFeatures, options);
    this.numFeatures = numFeatures;
    this.numGroups = numGroups;
    this.eps = eps;
    this.bnEps = bnEps;
    this.momentum = momentum;
    this.estimate = estimate;
    this.movingSpeed = movingSpeed;
    this.bnWeight = new Parameter(ones([numFeatures], { dtype }));
    this.bnBias = new Parameter(zeros([numFeatures], { dtype }));
    this.weight = new Parameter(ones([numGroups], { dtype }));
    this.bias = new Parameter(zeros([numGroups], { dtype }));
    this.state = batchChannelNormState(numFeatures, { dtype });
  }

  forward(x: Tensor): Tensor {
    checkChannels('BatchChannelNorm', x, this.numFeatures);
    return batchChannelNorm(x, this.bnWeight, this.bnBias, this.weight, this.bias, this.state, this);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/** Counts a training call and moves the estimates; `deviation` is the mean of `(x - runningMean)^2`. */
function moveEstimates(
  state: BatchChannelNormState,
  mean: ArrayLike<number>,
  deviation: ArrayLike<number>,
  movingSpeed: number,
): void {
  state.numBatchesTracked.data[0]! += 1;
  touch(state.numBatchesTracked);
  updateRunning(state, mean, deviation, movingSpeed);
}

/** What the second stage is given. */
interface GroupOptions {
  readonly numGroups: number;
  readonly eps: number;
}

/** Options with their defaults, and what follows from them. */
interface Plan extends Required<BatchChannelNormOptions> {
  /** Whether the channels are normalized with the batch's statistics. */
  readonly own: boolean;
  readonly update: boolean;
  /** Values in a channel. */
  readonly count: number;
}

function checkOptions(
  caller: string,
  channels: number,
  {
    numGroups = 32,
    eps = 1e-5,
    bnEps = 1e-5,
    momentum = 0.1,
    estimate = false,
    movingSpeed = 0.1,
    training = true,
  }: BatchChannelNormOptions,
): Required<BatchChannelNormOptions> {
  checkCount(caller, 'numGroups', numGroups);
  if (channels % numGroups !== 0) {
    throw new ShapeError(
      `${caller}: numGroups must divide the number of channels, got ${numGroups} for ${channels}; pass { numGroups }`,
    );
  }
  checkEps(caller, eps);
  checkEps(caller, bnEps, 'bnEps');
  checkMomentum(caller, momentum);
  if (!(typeof movingSpeed === 'number' && movingSpeed >= 0 && movingSpeed <= 1)) {
    throw new RangeError(`${caller}: movingSpeed must be in [0, 1], got ${movingSpeed}; it weighs the new value`);
  }
  return { numGroups, eps, bnEps, momentum, estimate, movingSpeed, training };
}

/** The plan of a call. Throws before anything is changed. */
function check(
  caller: string,
  [x, bnWeight, bnBias, weight, bias]: BatchChannelSaved['inputs'],
  state: BatchChannelNormState | null,
  given: BatchChannelNormOptions,
): Plan {
  checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
  const [samples, channels] = x.shape as [number, number];
  const options = checkOptions(caller, channels, given);
  const { numGroups, estimate, training } = options;
  checkLike(caller, 'bnWeight', bnWeight, [channels], x);
  checkLike(caller, 'bnBias', bnBias, [channels], x);
  checkLike(caller, 'weight', weight, [numGroups], x);
  checkLike(caller, 'bias', bias, [numGroups], x);
  if (state) {
    checkRunning(caller, state, x);
    checkLike(caller, 'numBatchesTracked', state.numBatchesTracked, [], x);
  } else if (estimate) {
    throw new TypeError(`${caller}: estimates must have a state, got none; make one with batchChannelNormState`);
  }
  const positions = spatialSize(x);
  if ((channels / numGroups) * positions < 2) {
    throw new ShapeError(
      `${caller}: a group needs more than one value, got x of shape ${showShape(x.shape)} with ${numGroups} groups; use fewer groups`,
    );
  }
  const own = !estimate && (training || !state);
  const count = samples * positions;
  if (count < (own ? 2 : training ? 1 : 0)) {
    throw new ShapeError(
      `${caller}: statistics of the batch need ${own ? 'more than' : 'at least'} one value per channel, got x of shape ` +
        `${showShape(x.shape)}; ${own ? 'use a larger batch, or { estimate: true }' : 'use a larger batch'}`,
    );
  }
  return { ...options, own, update: training && state !== null, count };
}
