/**
 * Instance-Level Meta Normalization (ILM norm).
 * S. Jia, D.-J. Chen, H.-T. Chen, Instance-Level Meta Normalization, CVPR 2019, arXiv 1904.03516.
 *
 *     keyMean, keyVar   of each key group of each sample: keyGroupSize neighbouring channels, all positions
 *     scale = sigmoid(relu(keyVar encoderWeight^T) weightDecoder^T)      a number for each key group of each sample
 *     shift = tanh(relu(keyMean encoderWeight^T) biasDecoder^T)
 *     mean, v           of each of numGroups groups of neighbouring channels of each sample, all positions
 *     xHat  = (x - mean) / sqrt(v + eps)
 *     y     = xHat * (weight + scale) + bias + shift       a channel takes scale and shift of its key group
 *
 * Each sample predicts a part of its scale and shift from its own statistics. Key groups and normalization groups are
 * independent and may overlap partly; the gradient goes through both. One encoder serves variances and means. No eps
 * enters the key variance. Both variances are biased; `unbiased` divides both by the count less 1, as the authors' code
 * does. There is no state, and train and eval are the same.
 *
 * The key statistics are raw, so the norm is neither scale nor shift invariant. With matrices of 0 the scale is
 * sigmoid(0) = 1/2: group norm with half a unit added to the weight, not group norm. With as many groups as channels it
 * standardizes as instance norm does, with one group as layer norm does.
 */
import { add } from '../autograd/add.ts';
import { broadcastTo } from '../autograd/broadcast-to.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { relu } from '../autograd/relu.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sigmoid } from '../autograd/sigmoid.ts';
import { sub } from '../autograd/sub.ts';
import { tanh } from '../autograd/tanh.ts';
import { variance } from '../autograd/variance.ts';
import { checkRandom } from '../nn/_check.ts';
import { kaimingUniform } from '../nn/init/kaiming.ts';
import { linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Random } from '../tensor/random.ts';
import { type Shape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkRank, spatialSize } from './_check.ts';
import { meta, metaBackward, type MetaPlan, type MetaSaved, metaSaved } from './_meta.ts';
import { perSample } from './_per-sample.ts';

/** The parameters of `instanceLevelMetaNorm`. */
export interface InstanceLevelMetaNormParameters {
  /** `[C]` */
  readonly weight: Tensor;
  /** `[C]` */
  readonly bias: Tensor;
  /** `[embedSize, keyGroups]`, keyGroups = C / keyGroupSize */
  readonly encoderWeight: Tensor;
  /** `[keyGroups, embedSize]`: from hidden units to the scale */
  readonly weightDecoder: Tensor;
  /** `[keyGroups, embedSize]`: from hidden units to the shift */
  readonly biasDecoder: Tensor;
}

/** Options of `instanceLevelMetaNorm`. */
export interface InstanceLevelMetaNormOptions {
  /** The number of normalization groups; divides the number of channels. Default 32. */
  numGroups?: number;
  /** The number of neighbouring channels in a key group; divides the number of channels. Default 16. */
  keyGroupSize?: number;
  /** Added to the variance of a normalization group, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Divide the variances of both kinds of groups by the count less 1. Default false. */
  unbiased?: boolean;
}

/** `instanceLevelMetaNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function instanceLevelMetaNormDefinition(
  x: Tensor,
  parameters: InstanceLevelMetaNormParameters,
  options: InstanceLevelMetaNormOptions = {},
): Tensor {
  const plan = check('instanceLevelMetaNormDefinition', x, parameters, options);
  const { numGroups, keyGroupSize, keyGroups, length, keyLength, eps, unbiased } = plan;
  const { weight, bias, encoderWeight, weightDecoder, biasDecoder } = parameters;
  const [samples, channels] = x.shape as [number, number];
  const keys = reshape(x, [samples, keyGroups, keyLength]);
  const scale = sigmoid(linear(relu(linear(variance(keys, { axis: 2, unbiased }), encoderWeight)), weightDecoder));
  const shift = tanh(linear(relu(linear(mean(keys, { axis: 2 }), encoderWeight)), biasDecoder));
  const toChannels = (values: Tensor): Tensor =>
    reshape(broadcastTo(reshape(values, [samples, keyGroups, 1]), [samples, keyGroups, keyGroupSize]), [samples, channels]);
  const grouped = reshape(x, [samples, numGroups, length]);
  const v = variance(grouped, { axis: 2, keepDims: true, unbiased });
  const xHat = mul(sub(grouped, mean(grouped, { axis: 2, keepDims: true })), rsqrt(add(v, eps)));
  const rank = x.shape.length;
  return scaleAndShift(
    reshape(xHat, x.shape),
    perSample(add(toChannels(scale), weight), rank),
    perSample(add(toChannels(shift), bias), rank),
  );
}

/**
 * `y = (x - mean) / sqrt(v + eps) * (weight + scale) + bias + shift`, with the mean and variance of each sample's group
 * of channels, and scale and shift predicted from the variances and means of its key groups.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; the size of the embedding is that of the matrices. Throws a ShapeError when shapes
 * do not fit, groups do not divide the channels, a normalization group has a single value, or, when unbiased, a key
 * group has; a RangeError for a bad eps or size; a TypeError for dtypes that differ. Source: arXiv 1904.03516.
 * @example
 * ```ts
 * const parameters = {
 *   weight: tensor([1, 1]), bias: tensor([0, 0]),
 *   encoderWeight: tensor([[1]]), weightDecoder: tensor([[0]]), biasDecoder: tensor([[0.5]]),
 * };
 * const options = { numGroups: 1, keyGroupSize: 2, eps: 0 };
 * toArray(instanceLevelMetaNorm(tensor([[0, 4]]), parameters, options)); // [[-0.7384058, 2.2615942]]
 * ```
 */
export function instanceLevelMetaNorm(
  x: Tensor,
  parameters: InstanceLevelMetaNormParameters,
  options: InstanceLevelMetaNormOptions = {},
): Tensor {
  const plan = check('instanceLevelMetaNorm', x, parameters, options);
  const { weight, bias, encoderWeight, weightDecoder, biasDecoder } = parameters;
  const saved = metaSaved([x, weight, bias, encoderWeight, weightDecoder, biasDecoder], plan);
  return record(instanceLevelMetaNormOp, saved.inputs, saved, meta(saved));
}

const instanceLevelMetaNormOp: Op<MetaSaved> = {
  name: 'instanceLevelMetaNorm',
  // dScale = sum dy xHat and dShift = sum dy of each sample and channel: over the samples dWeight and dBias, over a key
  // group what goes back through sigmoid or tanh and the matrices to keyVar and keyMean. With gh = dy (weight + scale),
  // n values in a normalization group and m in a key group, each less 1 where it divides squares and these are unbiased,
  // dx = rstd (gh - sum(gh) / n - xHat sum(gh xHat) / n) + dKeyMean / m + dKeyVar 2 (x - keyMean) / m
  pullback: metaBackward,
  definition: ([x, weight, bias, encoderWeight, weightDecoder, biasDecoder], { plan }) => {
    const parameters = { weight, bias, encoderWeight, weightDecoder, biasDecoder } as InstanceLevelMetaNormParameters;
    return instanceLevelMetaNormDefinition(x!, parameters, plan);
  },
};

/** Options of the class `InstanceLevelMetaNorm`. */
export interface InstanceLevelMetaNormLayerOptions extends InstanceLevelMetaNormOptions {
  /** Where the first matrices come from. */
  random: Random;
  /** The default of embedSize is keyGroups / reduction, rounded down, or 2 when there are fewer key groups. Default 16. */
  reduction?: number;
  /** Hidden units of the auto-encoder. Default: by `reduction`. */
  embedSize?: number;
  /** Element type. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * ILM norm with its parameters: `weight` (ones) and `bias` (zeros) of shape `[numFeatures]`, and the matrices of the
 * auto-encoder, uniform in `±1 / sqrt(in)` at the start, as in PyTorch.
 * @example
 * ```ts
 * const norm = new InstanceLevelMetaNorm(8, { numGroups: 2, keyGroupSize: 4, random: new Random(1) });
 * norm.encoderWeight.shape; // [2, 2]
 * norm.forward(ones([4, 8, 3, 3])).shape; // [4, 8, 3, 3]
 * ```
 */
export class InstanceLevelMetaNorm extends Module implements InstanceLevelMetaNormParameters {
  readonly numFeatures: number;
  readonly numGroups: number;
  readonly keyGroupSize: number;
  readonly embedSize: number;
  readonly eps: number;
  readonly unbiased: boolean;
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly encoderWeight: Parameter;
  readonly weightDecoder: Parameter;
  readonly biasDecoder: Parameter;

  constructor(numFeatures: number, options: InstanceLevelMetaNormLayerOptions) {
    super();
    const caller = 'InstanceLevelMetaNorm';
    const { numGroups = 32, keyGroupSize = 16, reduction = 16, eps = 1e-5, unbiased = false } = options;
    const { random, dtype = 'float32' } = options;
    checkCount(caller, 'numFeatures', numFeatures);
    checkGroups(caller, numFeatures, numGroups, keyGroupSize);
    checkCount(caller, 'reduction', reduction);
    checkEps(caller, eps);
    checkRandom(caller, random);
    const keyGroups = numFeatures / keyGroupSize;
    const { embedSize = keyGroups >= reduction ? Math.floor(keyGroups / reduction) : 2 } = options;
    checkCount(caller, 'embedSize', embedSize);
    this.numFeatures = numFeatures;
    this.numGroups = numGroups;
    this.keyGroupSize = keyGroupSize;
    this.embedSize = embedSize;
    this.eps = eps;
    this.unbiased = unbiased;
    const matrix = (shape: Shape): Parameter => new Parameter(kaimingUniform(random, shape, { slope: Math.sqrt(5), dtype }));
    this.weight = new Parameter(ones([numFeatures], { dtype }));
    this.bias = new Parameter(zeros([numFeatures], { dtype }));
    this.encoderWeight = matrix([embedSize, keyGroups]);
    this.weightDecoder = matrix([keyGroups, embedSize]);
    this.biasDecoder = matrix([keyGroups, embedSize]);
  }

  forward(x: Tensor): Tensor {
    checkChannels('InstanceLevelMetaNorm', x, this.numFeatures);
    return instanceLevelMetaNorm(x, this, this);
  }
}

function check(
  caller: string,
  x: Tensor,
  { weight, bias, encoderWeight, weightDecoder, biasDecoder }: InstanceLevelMetaNormParameters,
  { numGroups = 32, keyGroupSize = 16, eps = 1e-5, unbiased = false }: InstanceLevelMetaNormOptions,
): MetaPlan {
  checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
  const channels = x.shape[1]!;
  checkGroups(caller, channels, numGroups, keyGroupSize);
  checkEps(caller, eps);
  checkLike(caller, 'weight', weight, [channels], x);
  checkLike(caller, 'bias', bias, [channels], x);
  const keyGroups = channels / keyGroupSize;
  const embedSize = encoderWeight.shape[0];
  if (encoderWeight.shape.length !== 2 || encoderWeight.shape[1] !== keyGroups) {
    throw new ShapeError(
      `${caller}: encoderWeight must be [embedSize, ${keyGroups}] for ${channels} channels in key groups of ${keyGroupSize}, ` +
        `got ${showShape(encoderWeight.shape)}`,
    );
  }
  checkLike(caller, 'encoderWeight', encoderWeight, encoderWeight.shape, x);
  checkLike(caller, 'weightDecoder', weightDecoder, [keyGroups, embedSize!], x);
  checkLike(caller, 'biasDecoder', biasDecoder, [keyGroups, embedSize!], x);
  const length = (channels / numGroups) * spatialSize(x);
  const keyLength = keyGroupSize * spatialSize(x);
  if (length < 2) {
    throw new ShapeError(
      `${caller}: a normalization group of a single value is 0, got x of shape ${showShape(x.shape)} with numGroups ` +
        `${numGroups}; use fewer groups`,
    );
  }
  if (unbiased && keyLength < 2) {
    throw new ShapeError(
      `${caller}: an unbiased variance needs more than one value, got x of shape ${showShape(x.shape)} with keyGroupSize ` +
        `${keyGroupSize}; use larger key groups, or pass { unbiased: false }`,
    );
  }
  return { numGroups, keyGroupSize, keyGroups, length, keyLength, eps, unbiased };
}

function checkGroups(caller: string, channels: number, numGroups: number, keyGroupSize: number): void {
  checkCount(caller, 'numGroups', numGroups);
  checkCount(caller, 'keyGroupSize', keyGroupSize);
  for (const [name, value] of [['numGroups', numGroups], ['keyGroupSize', keyGroupSize]] as const) {
    if (channels % value !== 0) {
      throw new ShapeError(`${caller}: ${name} must divide the number of channels, got ${value} for ${channels}`);
    }
  }
}
