/**
 * Mode Normalization and Mode Group Normalization.
 * L. Deecke, I. Murray, H. Bilen, Mode Normalization, ICLR 2019, arXiv 1810.05466.
 *
 * A gate shares each sample out to a few modes, and every mode has statistics of its own, weighted by the gates. With
 * m the means over the spatial axes, variant "mn":
 *
 *     gates[n] = softmax(gateWeight m[n] + gateBias)                        one number for each mode k
 *     mean_k   = sum of gates[n, k] m[n] / sum of gates[n, k]               per channel, over the batch
 *     v_k      = sum of gates[n, k] mean((x[n] - mean_k)^2) / sum of gates[n, k]
 *     y        = weight * sum over k of gates[n, k] (x[n] - mean_k) / sqrt(v_k + eps) + bias
 *
 * Variant "mgn" shares out the channels of each sample instead: the gate sees the mean of a single channel,
 * `gates[n, c] = softmax(gateWeight m[n, c] + gateBias)`, and the sums run over the channels of a sample, so that samples
 * do not know of each other and training and evaluation are the same.
 *
 * All variances are biased, eps stands under the root, and a sum of gates below 1e-12 counts as 1e-12: a mode that nobody
 * is in has mean and variance 0 and no part in the result.
 *
 * Training of "mn" uses the batch and moves the running statistics of each mode; evaluation takes gates of the input and
 * statistics of the state. The running variance is that of the averaged mean square, `E[x^2] - E[x]^2` with both
 * averaged as in the authors' code, but computed without that difference: the distance between the running mean and the
 * new one adds to it. A fresh state is mean 0 and variance 1, where theirs is 0 and 0.
 *
 * With one mode, or gates that are the same for all, "mn" is batch norm, and "mgn" is group norm with one group. With
 * gates of 0 and 1 they are batch norm of each cluster of samples, and group norm of each cluster of channels.
 */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { maximum } from '../autograd/maximum.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { softmax } from '../autograd/softmax.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { transpose } from '../autograd/transpose.ts';
import { where } from '../autograd/where.ts';
import { checkRandom } from '../nn/_check.ts';
import { linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { fromArray, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { normal, type Random } from '../tensor/random.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import type { Moments } from './_moments.ts';
import { mixModes, mixModesBackward, type ModeInputs, type ModeSaved, modesOf, type ModeVariant } from './_modes.ts';
import { checkRunning, type RunningStatistics, updateRunning } from './_running.ts';
import { leastTotal } from './_weighted-moments.ts';

export type { ModeVariant } from './_modes.ts';

/** What mode norm carries from one training call to the next: mean and variance of each mode, `[numModes, numFeatures]`. */
export type ModeNormState = RunningStatistics;

/** Options of `modeNorm`. */
export interface ModeNormOptions {
  /** What is shared out: the samples of a batch, `'mn'`, or the channels of each sample, `'mgn'`. Default `'mn'`. */
  variant?: ModeVariant;
  /** Added to the variances, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** `'mn'`: weight of the new value in the running statistics, in [0, 1]. Default 0.1. */
  momentum?: number;
  /** `'mn'`: use the batch's statistics and update the state; otherwise use the state's. Default true. */
  training?: boolean;
}

/** A fresh state for variant "mn": running means 0, running variances 1. */
export function modeNormState(
  numFeatures: number,
  { numModes = 2, dtype = 'float32' }: { numModes?: number; dtype?: TensorOptions['dtype'] } = {},
): ModeNormState {
  const shape = [numModes, numFeatures];
  return { runningMean: zeros(shape, { dtype }), runningVar: ones(shape, { dtype }) };
}

/** `modeNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function modeNormDefinition(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  gateWeight: Tensor,
  gateBias: Tensor,
  state: ModeNormState | null = null,
  options: ModeNormOptions = {},
): Tensor {
  const inputs = [x, weight, bias, gateWeight, gateBias] as const;
  const plan = check('modeNormDefinition', inputs, state, options);
  const { y, mu, v } = define(inputs, plan);
  if (plan.update) track(plan.update, { mean: Float64Array.from(mu.data), variance: Float64Array.from(v.data) }, plan.momentum);
  return y;
}

/** The result, and mean and variance of each mode, `[1, K, C]`, or `[N, K, 1]` for "mgn". */
function define(
  [x, weight, bias, gateWeight, gateBias]: ModeInputs,
  { variant, eps, running }: Pick<Plan, 'variant' | 'eps' | 'running'>,
): { y: Tensor; mu: Tensor; v: Tensor } {
  const [samples, channels] = x.shape as [number, number];
  const modes = gateBias.shape[0]!;
  const rows = reshape(x, [samples, 1, channels, spatialSize(x)]);
  const found = gatesOf(x, gateWeight, gateBias, variant);
  const gates = variant === 'mn' ? reshape(found, [samples, modes, 1]) : transpose(found);
  const over = { axis: variant === 'mn' ? 0 : 2, keepDims: true };
  const total = sum(gates, over);
  const average = (values: Tensor): Tensor => div(sum(mul(gates, values), over), maximum(total, leastTotal));
  const given = (values: Float64Array): Tensor => fromArray(values, [1, modes, channels], { dtype: x.dtype });
  const mu = running ? given(running.mean) : average(mean(rows, { axis: 3 }));
  const centred = sub(rows, reshape(mu, [...mu.shape, 1]));
  const v = running ? given(running.variance) : average(mean(square(centred), { axis: 3 }));
  // a mode without weight has no part, also when eps is 0
  const rstd = rsqrt(running ? add(v, eps) : where(total, add(v, eps), 1));
  const parts = mul(reshape(mul(gates, rstd), [samples, modes, channels, 1]), centred);
  const y = scaleAndShift(reshape(sum(parts, { axis: 1 }), x.shape), perChannel(weight, x.shape.length), perChannel(bias, x.shape.length));
  return { y, mu, v };
}

/** The gates `[N, K]` of each sample, or `[N, C, K]` of each of its channels for "mgn". */
function gatesOf(x: Tensor, gateWeight: Tensor, gateBias: Tensor, variant: ModeVariant): Tensor {
  const [samples, channels] = x.shape as [number, number];
  const pooled = mean(reshape(x, [samples, channels, spatialSize(x)]), { axis: 2 });
  return variant === 'mn'
    ? softmax(linear(pooled, gateWeight, gateBias))
    : softmax(linear(reshape(pooled, [samples, channels, 1]), reshape(gateWeight, [-1, 1]), gateBias));
}

/**
 * `y = weight * sum over k of gates[k] (x - mean_k) / sqrt(v_k + eps) + bias`, with means and variances of each mode k
 * that are weighted by the gates, and gates that are computed from the spatial means of x.
 *
 * `x`: `[N, C, ...spatial]`; `weight`, `bias`: `[C]` or null; `gateBias`: `[K]` for K modes; `gateWeight`: `[K, C]`, or
 * `[K]` for variant "mgn". `state`, which "mgn" makes no use of, is updated by a training call, outside the graph;
 * without one evaluation uses the batch. Throws a ShapeError when shapes do not fit or x is empty, a RangeError for bad
 * options or a negative running variance, and a TypeError for dtypes that differ. Source: arXiv 1810.05466.
 * @example
 * ```ts
 * const x = tensor([[1], [3], [101], [109]]);
 * const [gateWeight, gateBias] = [tensor([[1], [0]]), tensor([0, 50])];
 * toArray(modeNorm(x, null, null, gateWeight, gateBias, null, { eps: 0 })); // [[-1], [1], [-1], [1]]
 * ```
 */
export function modeNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  gateWeight: Tensor,
  gateBias: Tensor,
  state: ModeNormState | null = null,
  options: ModeNormOptions = {},
): Tensor {
  const inputs = [x, weight, bias, gateWeight, gateBias] as const;
  const { variant, eps, momentum, running, update } = check('modeNorm', inputs, state, options);
  const saved = modesOf(inputs, variant, eps, running);
  const y = record(modeNormOp, inputs, saved, mixModes(saved));
  if (update) track(update, saved, momentum);
  return y;
}

const modeNormOp: Op<ModeSaved> = {
  name: 'modeNorm',
  // dBias = sum dy;  dWeight = sum dy xHat, xHat being the mixture;  the gates through the values they mix and the
  // statistics they weigh;  x directly, through the statistics of the batch, and through the means that the gates see
  pullback: (dy, saved, needs) => mixModesBackward(dy, saved, needs),
  definition: ([x, weight, bias, gateWeight, gateBias], saved) =>
    define([x!, weight ?? null, bias ?? null, gateWeight!, gateBias!], { ...saved, running: saved.total ? null : saved }).y,
};

/** Options of the class `ModeNorm`. */
export interface ModeNormLayerOptions extends Omit<ModeNormOptions, 'training'> {
  /** The number of modes. Default 2. */
  numModes?: number;
  /** Learn weight and bias; the gates are learned in any case. Default true. */
  affine?: boolean;
  /** Where the first weights of the gates come from: equal ones would never come apart. */
  random: Random;
  /** Element type of parameters and state. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * Mode norm with its parameters `gateWeight`, `[numModes, numFeatures]` or `[numModes]` for "mgn" (normal, with mean
 * 1 / numModes and standard deviation 0.01), `gateBias` `[numModes]` (zeros), `weight` (ones) and `bias` (zeros)
 * `[numFeatures]`; and, for "mn", the running statistics of each mode.
 * @example
 * ```ts
 * const norm = new ModeNorm(3, { numModes: 4, random: new Random(1) });
 * norm.forward(ones([5, 3, 2, 2])).shape; // [5, 3, 2, 2]
 * norm.gates(ones([5, 3, 2, 2])).shape; // [5, 4]
 * norm.state!.runningMean.shape; // [4, 3]
 * ```
 */
export class ModeNorm extends Module {
  readonly numFeatures: number;
  readonly numModes: number;
  readonly variant: ModeVariant;
  readonly eps: number;
  readonly momentum: number;
  readonly gateWeight: Parameter;
  readonly gateBias: Parameter;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  /** The running statistics of each mode; null for "mgn". */
  readonly state: ModeNormState | null;

  constructor(
    numFeatures: number,
    { numModes = 2, variant = 'mn', eps = 1e-5, momentum = 0.1, affine = true, random, dtype = 'float32' }: ModeNormLayerOptions,
  ) {
    super();
    checkCount('ModeNorm', 'numFeatures', numFeatures);
    checkCount('ModeNorm', 'numModes', numModes);
    checkVariant('ModeNorm', variant);
    checkEps('ModeNorm', eps);
    checkMomentum('ModeNorm', momentum);
    checkRandom('ModeNorm', random);
    this.numFeatures = numFeatures;
    this.numModes = numModes;
    this.variant = variant;
    this.eps = eps;
    this.momentum = momentum;
    const shape = variant === 'mn' ? [numModes, numFeatures] : [numModes];
    this.gateWeight = new Parameter(normal(random, shape, 1 / numModes, 0.01, { dtype }));
    this.gateBias = new Parameter(zeros([numModes], { dtype }));
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = variant === 'mn' ? modeNormState(numFeatures, { numModes, dtype }) : null;
  }

  forward(x: Tensor): Tensor {
    checkChannels('ModeNorm', x, this.numFeatures);
    return modeNorm(x, this.weight, this.bias, this.gateWeight, this.gateBias, this.state, this);
  }

  /** The shares of the modes in each sample, `[N, numModes]`, or in each of its channels, `[N, C, numModes]` for "mgn". */
  gates(x: Tensor): Tensor {
    checkRank('gates', x, 2, Infinity, '[N, C, ...spatial]');
    checkChannels('gates', x, this.numFeatures);
    return gatesOf(x, this.gateWeight, this.gateBias, this.variant);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/**
 * Moves the state towards the statistics of a batch. A variance goes with its own mean: the running one gets what the
 * square of the distance between old and new mean adds, `(1 - momentum) momentum delta^2`.
 */
function track(state: ModeNormState, { mean, variance }: Moments, momentum: number): void {
  const from = state.runningMean.data;
  const spread = variance.map((v, i) => v + (1 - momentum) * (mean[i]! - from[i]!) ** 2);
  updateRunning(state, mean, spread, momentum);
}

/** Options with their defaults, and what follows from them. */
interface Plan {
  readonly variant: ModeVariant;
  readonly eps: number;
  readonly momentum: number;
  /** The given statistics; null when the batch's are used. */
  readonly running: Moments | null;
  /** The state to update, or null. */
  readonly update: ModeNormState | null;
}

function checkVariant(caller: string, variant: string): void {
  if (variant !== 'mn' && variant !== 'mgn') throw new RangeError(`${caller}: variant must be 'mn' or 'mgn', got ${variant}`);
}

/** The plan of a call. Throws before anything is changed. */
function check(
  caller: string,
  [x, weight, bias, gateWeight, gateBias]: ModeInputs,
  state: ModeNormState | null,
  { variant = 'mn', eps = 1e-5, momentum = 0.1, training = true }: ModeNormOptions,
): Plan {
  checkRank(caller, x, 2, Infinity, '[N, C, ...spatial]');
  checkVariant(caller, variant);
  checkEps(caller, eps);
  checkMomentum(caller, momentum);
  const channels = x.shape[1]!;
  if (gateBias.shape.length !== 1 || gateBias.shape[0] === 0) {
    throw new ShapeError(`${caller}: gateBias must have one number for each mode, [numModes], got shape ${showShape(gateBias.shape)}`);
  }
  const modes = gateBias.shape[0]!;
  checkLike(caller, 'gateBias', gateBias, [modes], x);
  checkLike(caller, 'gateWeight', gateWeight, variant === 'mn' ? [modes, channels] : [modes], x);
  checkLike(caller, 'weight', weight, [channels], x);
  checkLike(caller, 'bias', bias, [channels], x);
  if (x.data.length === 0) {
    throw new ShapeError(`${caller}: statistics need at least one value, got x of shape ${showShape(x.shape)}`);
  }
  const held = variant === 'mn' ? state : null;
  if (held) checkRunning(caller, held, x, [modes, channels]);
  const running =
    held && !training ? { mean: Float64Array.from(held.runningMean.data), variance: Float64Array.from(held.runningVar.data) } : null;
  return { variant, eps, momentum, running, update: training ? held : null };
}
