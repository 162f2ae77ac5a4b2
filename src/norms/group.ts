/**
 * Group Normalization.
 * Y. Wu, K. He, Group Normalization, ECCV 2018, arXiv 1803.08494.
 *
 *     mean = mean(x)              over the channels of a group and all spatial axes, for each sample by itself
 *     v    = mean((x - mean)^2)   biased
 *     xHat = (x - mean) / sqrt(v + eps)
 *     y    = xHat * weight + bias
 *
 * C / numGroups neighbouring channels form a group; weight and bias are per channel, not per group. Samples do not know
 * of each other, so the batch size does not matter: that is the point of the method. Train and eval are the same.
 *
 * With as many groups as channels it equals instance norm; with one group and no affine step, layer norm over
 * `[C, ...spatial]`. A group of a single value is well defined: y = bias, and no gradient goes to x.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkGroups, checkLike, checkRank, spatialSize } from './_check.ts';
import { moments, rstdOf } from './_moments.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** Options of `groupNorm`. */
export interface GroupNormOptions {
  /** The number of groups; divides the number of channels. Required: the paper's 32 fails for most small networks. */
  numGroups: number;
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
}

/** `groupNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function groupNormDefinition(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  options: GroupNormOptions,
): Tensor {
  const { numGroups, length, eps } = check('groupNormDefinition', x, weight, bias, options);
  const grouped = reshape(x, [x.shape[0]!, numGroups, length]);
  const centred = sub(grouped, mean(grouped, { axis: 2, keepDims: true }));
  const v = mean(square(centred), { axis: 2, keepDims: true });
  const xHat = reshape(mul(centred, rsqrt(add(v, eps))), x.shape);
  return scaleAndShift(xHat, perChannel(weight, x.shape.length), perChannel(bias, x.shape.length));
}

/**
 * `y = (x - mean) / sqrt(v + eps) * weight + bias`, with the mean and biased variance of each sample's group of
 * channels.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; `weight`, `bias`: `[C]` or null. Throws a ShapeError when shapes do not fit or
 * the groups do not divide the channels, and a RangeError for a bad eps or number of groups. Source: arXiv 1803.08494.
 * @example
 * ```ts
 * const x = tensor([[1, 3, 10, 50]]);
 * toArray(groupNorm(x, null, null, { numGroups: 2, eps: 0 })); // [[-1, 1, -1, 1]]
 * ```
 */
export function groupNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  options: GroupNormOptions,
): Tensor {
  const { numGroups, length, eps } = check('groupNorm', x, weight, bias, options);
  const samples = x.shape[0]!;
  const statistics = { outer: 1, channel: samples * numGroups, inner: length };
  const affine = { outer: samples, channel: x.shape[1]!, inner: spatialSize(x) };
  const { mean, variance } = moments(x.data, statistics);
  const inputs = [x, weight, bias] as const;
  const saved = { inputs, mean, rstd: rstdOf(variance, eps), statistics, affine, own: true, options };
  return record(groupNormOp, inputs, saved, standardize(saved));
}

const groupNormOp: Op<StandardizeSaved & { options: GroupNormOptions }> = {
  name: 'groupNorm',
  // dx = rstd (gh - mean(gh) - xHat mean(gh xHat)) with gh = dy weight, means over the group;
  // dWeight = sum dy xHat and dBias = sum dy per channel
  pullback: standardizeBackward,
  definition: ([x, weight, bias], { options }) => groupNormDefinition(x!, weight ?? null, bias ?? null, options),
};

/**
 * Group norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numChannels]`.
 * @example
 * ```ts
 * const norm = new GroupNorm(2, 6);
 * norm.forward(zeros([1, 6, 4, 4])).shape; // [1, 6, 4, 4]
 * ```
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  /** `affine` (default true) makes weight and bias. */
  constructor(
    numGroups: number,
    numChannels: number,
    {
      eps = 1e-5,
      affine = true,
      dtype = 'float32',
    }: { eps?: number; affine?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkCount('GroupNorm', 'numChannels', numChannels);
    checkGroups('GroupNorm', numGroups, numChannels);
    checkEps('GroupNorm', eps);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? new Parameter(ones([numChannels], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numChannels], { dtype })) : null;
  }

  forward(x: Tensor): Tensor {
    checkChannels('GroupNorm', x, this.numChannels);
    return groupNorm(x, this.weight, this.bias, { numGroups: this.numGroups, eps: this.eps });
  }
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  { numGroups, eps = 1e-5 }: GroupNormOptions,
): { numGroups: number; length: number; eps: number } {
  checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
  const channels = x.shape[1]!;
  checkGroups(caller, numGroups, channels);
  checkEps(caller, eps);
  checkLike(caller, 'weight', weight, [channels], x);
  checkLike(caller, 'bias', bias, [channels], x);
  return { numGroups, length: (channels / numGroups) * spatialSize(x), eps };
}
