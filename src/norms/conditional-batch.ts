/**
 * Conditional Batch Normalization.
 * H. de Vries, F. Strub, J. Mary, H. Larochelle, O. Pietquin, A. Courville, Modulating early visual processing by
 * language, NeurIPS 2017, arXiv 1707.00683.
 *
 *     mean, v = per channel, over the batch and all spatial axes; v biased; in evaluation the running ones
 *     xHat    = (x - mean) / sqrt(v + eps)
 *     y       = xHat * scale + shift          scale and shift [N, C]: each sample has its own
 *
 *     'mlp'     scale = weight + gammaMlp(embedding),  shift = bias + betaMlp(embedding)
 *     'lookup'  scale = weight[labels],                shift = bias[labels]
 *     'direct'  scale = weight + deltaWeight,          shift = bias + deltaBias
 *
 * In the paper (`'mlp'`) weight and bias are those of a pretrained batch norm and stay as they are; two networks of one
 * hidden layer, `relu(e W1^T + b1) W2^T`, read an embedding of a sentence and change the scale and shift a little.
 * Lookup is what class-conditional generators use; direct takes the changes from whatever made them.
 *
 * The running statistics follow PyTorch: `running = (1 - momentum) running + momentum new`, with the unbiased variance.
 * Without changes it equals batch norm. The statistics do not depend on the condition.
 */
import { add } from '../autograd/add.ts';
import { broadcastTo } from '../autograd/broadcast-to.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { detach, type Op, record } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sub } from '../autograd/sub.ts';
import { take } from '../autograd/take.ts';
import { variance } from '../autograd/variance.ts';
import { checkRandom } from '../nn/_check.ts';
import { xavierUniform } from '../nn/init/xavier.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Random } from '../tensor/random.ts';
import { type Shape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift, standardizeGiven } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import { deltaMlp, type DeltaMlp, deltaMlpOf } from './_delta-mlp.ts';
import { checkLabels, type Labels } from './_labels.ts';
import { moments, rstdOf } from './_moments.ts';
import { perSample, sampleView } from './_per-sample.ts';
import { checkRunning, newRunning, type RunningStatistics, unbiased, updateRunning } from './_running.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** What conditional batch norm carries from one training call to the next. */
export type ConditionalBatchNormState = RunningStatistics;

/** Changes of scale and shift, `[N, C]` each. */
export interface ConditionalDeltas {
  readonly deltaWeight: Tensor;
  readonly deltaBias: Tensor;
}

/** An embedding `[N, E]` for `'mlp'`, labels `[N]` for `'lookup'`, changes for `'direct'`. */
export type BatchCondition = Labels | ConditionalDeltas;

/** The tensors that are learned, or frozen. */
export interface ConditionalBatchNormParameters
  extends Readonly<Partial<Record<`${'gamma' | 'beta'}${keyof DeltaMlp}`, Tensor | null>>> {
  /** `[C]`; for `'lookup'` a table `[numClasses, C]`. */
  readonly weight: Tensor;
  /** `[C]`; for `'lookup'` a table `[numClasses, C]`. */
  readonly bias: Tensor;
}

/** Options of `conditionalBatchNorm`. */
export interface ConditionalBatchNormOptions {
  /** What the condition is, and what is made of it. Default `'mlp'`. */
  conditioning?: 'mlp' | 'lookup' | 'direct';
  /** Give weight and bias no gradient. Default: true for `'mlp'`, else false. */
  frozenAffine?: boolean;
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]. Default 0.1. */
  momentum?: number;
  /** Normalize with the batch's statistics and update the state; otherwise with the state's. Default true. */
  training?: boolean;
}

/** A fresh state: running mean 0, running variance 1. */
export function conditionalBatchNormState(
  numFeatures: number,
  { dtype = 'float32' }: TensorOptions = {},
): ConditionalBatchNormState {
  return newRunning(numFeatures, dtype);
}

/** `conditionalBatchNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function conditionalBatchNormDefinition(
  x: Tensor,
  condition: BatchCondition,
  parameters: ConditionalBatchNormParameters,
  state: ConditionalBatchNormState | null = null,
  options: ConditionalBatchNormOptions = {},
): Tensor {
  const found = check('conditionalBatchNormDefinition', x, condition, parameters, state, options);
  const { eps, momentum, axis, count, own, update } = found;
  const rank = x.shape.length;
  const mu = own ? mean(x, { axis, keepDims: true }) : perChannel(state!.runningMean, rank);
  const v = own ? variance(x, { axis, keepDims: true }) : perChannel(state!.runningVar, rank);
  const xHat = mul(sub(x, mu), rsqrt(add(v, eps)));
  const y = scaleAndShift(xHat, perSample(found.scale(), rank), perSample(found.shift(), rank));
  if (update) updateRunning(state!, mu.data, unbiased(v.data, count), momentum);
  return y;
}

/**
 * `y = (x - mean) / sqrt(v + eps) * scale + shift`: batch norm whose scale and shift each sample has of its own, made
 * from a condition.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; for `condition` and `parameters` see their types; `state` is updated by a training
 * call, outside the graph. A network that is absent from `parameters` changes nothing. Throws a ShapeError when shapes
 * do not fit or a channel has a single value to take statistics of, a RangeError for a label that is not an integer in
 * [0, numClasses) or a bad option, and a TypeError for a condition of another form. Source: arXiv 1707.00683.
 * @example
 * ```ts
 * const x = tensor([[1], [3]]);
 * const tables = { weight: tensor([[1], [10]]), bias: tensor([[0], [5]]) };
 * toArray(conditionalBatchNorm(x, [1, 0], tables, null, { conditioning: 'lookup', eps: 0 })); // [[-5], [1]]
 * const base = { weight: tensor([1]), bias: tensor([0]) };
 * const deltas = { deltaWeight: tensor([[0], [1]]), deltaBias: tensor([[7], [0]]) };
 * toArray(conditionalBatchNorm(x, deltas, base, null, { conditioning: 'direct', eps: 0 })); // [[6], [2]]
 * ```
 */
export function conditionalBatchNorm(
  x: Tensor,
  condition: BatchCondition,
  parameters: ConditionalBatchNormParameters,
  state: ConditionalBatchNormState | null = null,
  options: ConditionalBatchNormOptions = {},
): Tensor {
  const { eps, momentum, count, own, update, scale, shift } = check('conditionalBatchNorm', x, condition, parameters, state, options);
  const statistics = { outer: x.shape[0]!, channel: x.shape[1]!, inner: spatialSize(x) };
  const found = own ? moments(x.data, statistics) : null;
  const mean = found ? found.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);
  const inputs = [x, scale(), shift()] as const;
  const saved = { inputs, mean, rstd, statistics, affine: sampleView(x), own, eps };
  const y = record(conditionalBatchNormOp, inputs, saved, standardize(saved));
  if (update) updateRunning(state!, found!.mean, unbiased(found!.variance, count), momentum);
  return y;
}

const conditionalBatchNormOp: Op<StandardizeSaved & { eps: number }> = {
  name: 'conditionalBatchNorm',
  // dScale = sum dy xHat and dShift = sum dy, of each sample and channel;  with gh = dy scale and means over the channel
  // dx = rstd (gh - mean(gh) - xHat mean(gh xHat));  with running statistics dx = rstd gh
  pullback: standardizeBackward,
  definition([x, scale, shift], saved) {
    const rank = x!.shape.length;
    const axis = statisticsAxes(x!);
    const xHat = saved.own
      ? mul(sub(x!, mean(x!, { axis, keepDims: true })), rsqrt(add(variance(x!, { axis, keepDims: true }), saved.eps)))
      : standardizeGiven(x!, null, null, saved);
    return scaleAndShift(xHat, perSample(scale!, rank), perSample(shift!, rank));
  },
};

/** Options of `ConditionalBatchNorm`. */
export interface ConditionalBatchNormLayerOptions extends Omit<ConditionalBatchNormOptions, 'training'> {
  /** The number of classes, rows of weight and bias. Required for `'lookup'`. */
  numClasses?: number;
  /** The length of an embedding. Required for `'mlp'`. */
  embeddingSize?: number;
  /** The hidden units of each network. Required for `'mlp'`. */
  hiddenSize?: number;
  /** Where the first weights of the networks come from. Required for `'mlp'`. */
  random?: Random;
  /** Give the networks a bias at their output. Default false. */
  outputBias?: boolean;
  /** Have a network that changes the scale. Default true. */
  useGamma?: boolean;
  /** Have a network that changes the shift. Default true. */
  useBeta?: boolean;
  /** Begin with output weights of 0: exactly as the batch norm that weight and bias come from. Default false. */
  zeroInitOut?: boolean;
  /** Keep running statistics; without, evaluation uses the batch. Default true. */
  trackRunningStats?: boolean;
  /** Element type. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * Conditional batch norm with its parameters: `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, or
 * `[numClasses, numFeatures]` for `'lookup'`; for `'mlp'` two networks, Xavier-uniform with biases of 0. To start from a
 * pretrained batch norm, load its weight, bias and running statistics.
 * @example
 * ```ts
 * const norm = new ConditionalBatchNorm(3, { embeddingSize: 8, hiddenSize: 16, random: new Random(1) });
 * norm.forward(ones([4, 3, 2, 2]), ones([4, 8])).shape; // [4, 3, 2, 2]
 * const classes = new ConditionalBatchNorm(3, { conditioning: 'lookup', numClasses: 10 });
 * classes.forward(ones([2, 3]), [9, 0]).shape; // [2, 3]
 * ```
 */
export class ConditionalBatchNorm extends Module implements ConditionalBatchNormParameters {
  readonly numFeatures: number;
  readonly conditioning: 'mlp' | 'lookup' | 'direct';
  readonly frozenAffine: boolean;
  readonly eps: number;
  readonly momentum: number;
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly gammaHiddenWeight: Parameter | null;
  readonly gammaHiddenBias: Parameter | null;
  readonly gammaOutWeight: Parameter | null;
  readonly gammaOutBias: Parameter | null;
  readonly betaHiddenWeight: Parameter | null;
  readonly betaHiddenBias: Parameter | null;
  readonly betaOutWeight: Parameter | null;
  readonly betaOutBias: Parameter | null;
  readonly state: ConditionalBatchNormState | null;

  constructor(numFeatures: number, options: ConditionalBatchNormLayerOptions = {}) {
    super();
    const caller = 'ConditionalBatchNorm';
    const { conditioning = 'mlp', eps = 1e-5, momentum = 0.1, trackRunningStats = true, dtype = 'float32' } = options;
    const { frozenAffine = conditioning === 'mlp', outputBias = false, useGamma = true, useBeta = true, zeroInitOut = false } = options;
    const { numClasses = NaN, embeddingSize = NaN, hiddenSize = NaN, random } = options;
    checkCount(caller, 'numFeatures', numFeatures);
    checkConditioning(caller, conditioning);
    checkEps(caller, eps);
    checkMomentum(caller, momentum);
    if (conditioning === 'lookup') checkCount(caller, 'numClasses', numClasses);
    if (conditioning === 'mlp') {
      checkCount(caller, 'embeddingSize', embeddingSize);
      checkCount(caller, 'hiddenSize', hiddenSize);
      checkRandom(caller, random);
    }
    this.numFeatures = numFeatures;
    this.conditioning = conditioning;
    this.frozenAffine = frozenAffine;
    this.eps = eps;
    this.momentum = momentum;
    const shape = conditioning === 'lookup' ? [numClasses, numFeatures] : [numFeatures];
    this.weight = new Parameter(ones(shape, { dtype }));
    this.bias = new Parameter(zeros(shape, { dtype }));
    this.weight.requiresGrad = this.bias.requiresGrad = !frozenAffine;
    const matrix = (size: Shape): Parameter => new Parameter(xavierUniform(random!, size, { dtype }));
    const zero = (size: Shape): Parameter => new Parameter(zeros(size, { dtype }));
    const out = zeroInitOut ? zero : matrix;
    const gamma = conditioning === 'mlp' && useGamma;
    const beta = conditioning === 'mlp' && useBeta;
    this.gammaHiddenWeight = gamma ? matrix([hiddenSize, embeddingSize]) : null;
    this.gammaHiddenBias = gamma ? zero([hiddenSize]) : null;
    this.gammaOutWeight = gamma ? out([numFeatures, hiddenSize]) : null;
    this.gammaOutBias = gamma && outputBias ? zero([numFeatures]) : null;
    this.betaHiddenWeight = beta ? matrix([hiddenSize, embeddingSize]) : null;
    this.betaHiddenBias = beta ? zero([hiddenSize]) : null;
    this.betaOutWeight = beta ? out([numFeatures, hiddenSize]) : null;
    this.betaOutBias = beta && outputBias ? zero([numFeatures]) : null;
    this.state = trackRunningStats ? conditionalBatchNormState(numFeatures, { dtype }) : null;
  }

  /** `condition`: an embedding `[N, E]`, labels `[N]` or changes `[N, C]`, as `conditioning` says. */
  forward(x: Tensor, condition: BatchCondition): Tensor {
    checkChannels('ConditionalBatchNorm', x, this.numFeatures);
    const { conditioning, frozenAffine, eps, momentum, training } = this;
    return conditionalBatchNorm(x, condition, this, this.state, { conditioning, frozenAffine, eps, momentum, training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

function statisticsAxes(x: Tensor): number[] {
  return x.shape.map((_, i) => i).filter((i) => i !== 1);
}

function checkConditioning(caller: string, conditioning: string): void {
  if (conditioning !== 'mlp' && conditioning !== 'lookup' && conditioning !== 'direct') {
    throw new RangeError(`${caller}: conditioning must be 'mlp', 'lookup' or 'direct', got ${conditioning}`);
  }
}

/** How scale and shift, `[N, C]` each, are made. */
interface Modulation {
  readonly scale: () => Tensor;
  readonly shift: () => Tensor;
}

function check(
  caller: string,
  x: Tensor,
  condition: BatchCondition,
  parameters: ConditionalBatchNormParameters,
  state: ConditionalBatchNormState | null,
  options: ConditionalBatchNormOptions,
): Modulation & { eps: number; momentum: number; axis: number[]; count: number; own: boolean; update: boolean } {
  const { conditioning = 'mlp', frozenAffine = conditioning === 'mlp', eps = 1e-5, momentum = 0.1, training = true } = options;
  checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
  checkEps(caller, eps);
  checkMomentum(caller, momentum);
  checkConditioning(caller, conditioning);
  const modulation = modulationOf(caller, x, condition, parameters, conditioning, frozenAffine);
  if (state) checkRunning(caller, state, x);
  const own = training || !state;
  const count = x.shape[0]! * spatialSize(x);
  if (own && count < 2) {
    throw new ShapeError(
      `${caller}: statistics of the batch need more than one value per channel, got x of shape ${showShape(x.shape)}; ` +
        'use a larger batch, or evaluate with running statistics',
    );
  }
  return { ...modulation, eps, momentum, axis: statisticsAxes(x), count, own, update: training && state !== null };
}

function modulationOf(
  caller: string,
  x: Tensor,
  condition: BatchCondition,
  parameters: ConditionalBatchNormParameters,
  conditioning: 'mlp' | 'lookup' | 'direct',
  frozenAffine: boolean,
): Modulation {
  const [samples, channels] = x.shape as [number, number];
  const { weight, bias } = parameters;
  const isDeltas = !(condition instanceof Tensor) && 'deltaWeight' in condition;
  if (isDeltas !== (conditioning === 'direct') || (conditioning === 'mlp' && !(condition instanceof Tensor))) {
    const forms = { mlp: 'an embedding, a tensor [N, E]', lookup: 'labels [N]', direct: '{ deltaWeight, deltaBias }' };
    throw new TypeError(`${caller}: the condition for '${conditioning}' must be ${forms[conditioning]}`);
  }
  const lookup = conditioning === 'lookup';
  if (lookup && weight.shape.length !== 2) {
    throw new ShapeError(`${caller}: weight must be [numClasses, ${channels}] for 'lookup', got ${showShape(weight.shape)}`);
  }
  const shape = lookup ? [weight.shape[0]!, channels] : [channels];
  checkLike(caller, 'weight', weight, shape, x);
  checkLike(caller, 'bias', bias, shape, x);
  const base = frozenAffine ? detach : (parameter: Tensor): Tensor => parameter;
  if (isDeltas) {
    const { deltaWeight, deltaBias } = condition as ConditionalDeltas;
    checkLike(caller, 'deltaWeight', deltaWeight, [samples, channels], x);
    checkLike(caller, 'deltaBias', deltaBias, [samples, channels], x);
    return { scale: () => add(base(weight), deltaWeight), shift: () => add(base(bias), deltaBias) };
  }
  if (lookup) {
    const labels = checkLabels(caller, condition as Labels, samples, weight.shape[0]!);
    return { scale: () => take(base(weight), labels), shift: () => take(base(bias), labels) };
  }
  const embedding = condition as Tensor;
  if (embedding.shape.length !== 2 || embedding.shape[0] !== samples) {
    throw new ShapeError(
      `${caller}: the embedding must be [${samples}, E], a row for each sample, got ${showShape(embedding.shape)}`,
    );
  }
  checkLike(caller, 'the embedding', embedding, embedding.shape, x);
  const gamma = deltaMlpOf(caller, 'gamma', parameters, embedding, x);
  const beta = deltaMlpOf(caller, 'beta', parameters, embedding, x);
  const changed = (parameter: Tensor, mlp: DeltaMlp | null): Tensor =>
    mlp ? add(base(parameter), deltaMlp(embedding, mlp)) : broadcastTo(base(parameter), [samples, channels]);
  return { scale: () => changed(weight, gamma), shift: () => changed(bias, beta) };
}
