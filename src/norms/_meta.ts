/**
 * The kernel of instance-level meta norm: groups of channels are standardized, and each channel of each sample is scaled
 * and shifted by numbers that are predicted from the statistics of key groups.
 *
 *     scale = weight + sigmoid(code of keyVar)      shift = bias + tanh(code of keyMean)
 *     y     = (x - mean) * rstd * scale + shift
 *
 * Key groups and normalization groups may overlap in any way. Statistics are taken of the largest blocks of channels that
 * divide both, and put together for each, so that x is read for both at once. Whatever is kept or computed beside y and
 * dx is a number for each channel of each sample at most.
 */
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { spatialSize } from './_check.ts';
import { type Code, encode, encodeBackward, sigmoidOf, sigmoidSlopeOf, tanhSlopeOf } from './_meta-code.ts';
import { type Moments, moments, poolMoments, rstdOf } from './_moments.ts';
import { sampleView } from './_per-sample.ts';
import { standardize, type StandardizeSaved, standardizeSums, type Sums } from './_standardize.ts';

/** Options with their defaults, and what follows from them for an input. */
export interface MetaPlan {
  readonly numGroups: number;
  readonly keyGroupSize: number;
  readonly eps: number;
  readonly unbiased: boolean;
  readonly keyGroups: number;
  /** Values in a normalization group. */
  readonly length: number;
  /** Values in a key group. */
  readonly keyLength: number;
}

/** x, weight, bias, encoderWeight, weightDecoder, biasDecoder. */
export type MetaInputs = readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

/** What the derivative is computed from. */
export interface MetaSaved {
  readonly inputs: MetaInputs;
  readonly plan: MetaPlan;
  /** Of each normalization group. */
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
  /** From the variances of the key groups to scales, and from their means to shifts. */
  readonly scaleCode: Code;
  readonly shiftCode: Code;
}

/** Statistics of both kinds of groups, and the codes of those of the key groups. */
export function metaSaved(inputs: MetaInputs, plan: MetaPlan): MetaSaved {
  const [x, , , encoderWeight, weightDecoder, biasDecoder] = inputs;
  const { numGroups, keyGroupSize, keyGroups, length, keyLength, eps, unbiased } = plan;
  const inner = commonDivisor(keyGroupSize, x.shape[1]! / numGroups) * spatialSize(x);
  const parts = moments(x.data, { outer: 1, channel: x.data.length / inner, inner });
  const pooled = (groups: number, size: number): Moments => {
    const found = poolMoments(parts, { outer: 1, channel: x.shape[0]! * groups, inner: size / inner });
    if (unbiased) for (let s = 0; s < found.variance.length; s++) found.variance[s]! *= size / (size - 1);
    return found;
  };
  const { mean, variance } = pooled(numGroups, length);
  const keys = pooled(keyGroups, keyLength);
  return {
    inputs,
    plan,
    mean,
    rstd: rstdOf(variance, eps),
    scaleCode: encode(keys.variance, encoderWeight.data, weightDecoder.data, keyGroups),
    shiftCode: encode(keys.mean, encoderWeight.data, biasDecoder.data, keyGroups),
  };
}

/** `y = (x - mean) * rstd * scale + shift`. */
export function meta(saved: MetaSaved): Tensor {
  return standardize(affineOf(saved));
}

/** What the shared kernel is to do: standardize each normalization group; a scale and a shift for each sample and channel. */
function affineOf({ inputs: [x, weight, bias], plan, mean, rstd, scaleCode, shiftCode }: MetaSaved): StandardizeSaved {
  const [, , scaleLogits] = scaleCode;
  const [, , shiftLogits] = shiftCode;
  const affine = sampleView(x);
  const channels = weight.data.length;
  const scale = new Float64Array(affine.channel);
  const shift = new Float64Array(affine.channel);
  for (let i = 0; i < affine.channel; i++) {
    const key = Math.floor(i / plan.keyGroupSize);
    scale[i] = weight.data[i % channels]! + sigmoidOf(scaleLogits[key]!);
    shift[i] = bias.data[i % channels]! + Math.tanh(shiftLogits[key]!);
  }
  const inputs = [x, new Tensor(scale, [affine.channel]), new Tensor(shift, [affine.channel])] as const;
  return { inputs, mean, rstd, statistics: { outer: 1, channel: mean.length, inner: plan.length }, affine, own: true };
}

/**
 * The gradients of the inputs, in their order; null where `needs` is false. With dScale = sum dy xHat and dShift = sum dy
 * of each channel of each sample, dWeight and dBias are their sums over the samples, and
 *
 *     dLogits = sum of dScale over the key group * sigmoid'      or of dShift, * tanh'
 *
 * goes back through the code to the statistics of the key groups and the matrices.
 */
export function metaBackward(dy: Tensor, saved: MetaSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const { inputs, plan, scaleCode, shiftCode } = saved;
  const [, weight, bias, encoderWeight, weightDecoder, biasDecoder] = inputs;
  const { keyGroupSize, keyGroups } = plan;
  const [, , scaleLogits] = scaleCode;
  const [, , shiftLogits] = shiftCode;
  const affine = affineOf(saved);
  const sums = standardizeSums(dy, affine);
  const { dWeight: dScale, dBias: dShift } = sums;
  const dScaleLogits = sumRuns(dScale, keyGroupSize).map((d, i) => d * sigmoidSlopeOf(scaleLogits[i]!));
  const dShiftLogits = sumRuns(dShift, keyGroupSize).map((d, i) => d * tanhSlopeOf(shiftLogits[i]!));
  const dEncoder = new Float64Array(encoderWeight.data.length);
  const toVariance = encodeBackward(dScaleLogits, scaleCode, encoderWeight.data, weightDecoder.data, keyGroups, dEncoder);
  const toMean = encodeBackward(dShiftLogits, shiftCode, encoderWeight.data, biasDecoder.data, keyGroups, dEncoder);
  return [
    needs[0] ? gradientOfX(dy, saved, affine.inputs[1]!, sums, toMean.dFeature, toVariance.dFeature) : null,
    needs[1] ? tensorLike(sumSamples(dScale, weight.data.length), weight) : null,
    needs[2] ? tensorLike(sumSamples(dShift, bias.data.length), bias) : null,
    needs[3] ? tensorLike(dEncoder, encoderWeight) : null,
    needs[4] ? tensorLike(toVariance.dDecoder, weightDecoder) : null,
    needs[5] ? tensorLike(toMean.dDecoder, biasDecoder) : null,
  ];
}

/** dx: within the normalization groups and, through the prediction, within the key groups. */
function gradientOfX(
  dy: Tensor,
  { inputs: [x, weight], plan, mean, rstd, shiftCode: [keyMean] }: MetaSaved,
  scale: Tensor,
  { scaled, projected }: Pick<Sums, 'scaled' | 'projected'>,
  dKeyMean: Float64Array,
  dKeyVar: Float64Array,
): Tensor {
  const { numGroups, keyGroupSize, length, keyLength, unbiased } = plan;
  const groupSize = weight.data.length / numGroups;
  const lost = unbiased ? 1 : 0;
  const inner = spatialSize(x);
  const dx = like(x);
  for (let a = 0, i = 0; i < x.data.length; a++) {
    const s = Math.floor(a / groupSize);
    const key = Math.floor(a / keyGroupSize);
    const r = rstd[s]!;
    const factor = r * scale.data[a]!;
    const level = dKeyMean[key]! / keyLength - (r * scaled[s]!) / length;
    const slope = (r * r * projected[s]!) / (length - lost);
    const keySlope = (2 * dKeyVar[key]!) / (keyLength - lost);
    const mu = mean[s]!;
    const keyMu = keyMean[key]!;
    for (const end = i + inner; i < end; i++) {
      dx.data[i] = factor * dy.data[i]! + level - slope * (x.data[i]! - mu) + keySlope * (x.data[i]! - keyMu);
    }
  }
  return dx;
}

/** Sums of runs of `length` neighbours. */
function sumRuns(values: Float64Array, length: number): Float64Array {
  const sums = new Float64Array(values.length / length);
  for (let i = 0; i < values.length; i++) sums[Math.floor(i / length)]! += values[i]!;
  return sums;
}

/** `[N, C]` summed over the samples. */
function sumSamples(values: Float64Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) sums[i % channels]! += values[i]!;
  return sums;
}

function tensorLike(values: Float64Array, x: Tensor): Tensor {
  return new Tensor(rounded(values, x.dtype), x.shape);
}

function commonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
