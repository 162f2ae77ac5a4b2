/**
 * Cosine Normalization.
 * C. Luo, J. Zhan, L. Wang, Q. Yang, Cosine Normalization: Using Cosine Similarity Instead of Dot Product in Neural
 * Networks, ICANN 2018, arXiv 1702.05870.
 *
 *     xHat = x / max(|x|, eps)          each row of x, or each patch of an image
 *     wHat = weight / max(|weight|, eps)    each output's weight
 *     y    = <wHat, xHat> + bias
 *
 * The cosine of the angle in place of the dot product: a linear layer or a convolution whose results lie in [-1, 1].
 * `centered` subtracts the mean of x's vector and of the weight first, which gives Pearson's correlation.
 *
 * A patch at the border counts its padding as zeros, in its mean as well, and is compared with the whole weight. eps is
 * a floor and never added, so that scales do not matter above it. The bias, which the paper does not have, is added
 * last. No state; train and eval are the same. A softmax on results in [-1, 1] cannot get confident: multiply them by a
 * temperature.
 */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { matmul } from '../autograd/matmul.ts';
import { mean } from '../autograd/mean.ts';
import { pad } from '../autograd/pad.ts';
import { permute } from '../autograd/permute.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { take } from '../autograd/take.ts';
import { transpose } from '../autograd/transpose.ts';
import { where } from '../autograd/where.ts';
import { kaimingUniform } from '../nn/init/kaiming.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { fromArray, type TensorOptions, zeros } from '../tensor/create.ts';
import { allocate } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Random } from '../tensor/random.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { checkCount, checkLike } from './_check.ts';
import { gather, type Patches, patchesOf, rowsOf, scatter } from './_patches.ts';

/** Options of `cosineNorm`. */
export interface CosineNormOptions {
  /** Subtract the mean of each vector first. Default false. */
  centered?: boolean;
  /** The least divisor of a vector; finite, above 0. Default 1e-8. */
  eps?: number;
  /** Step between patches, for images. Default 1. */
  stride?: number;
  /** Zeros around an image. Default 0. */
  padding?: number;
}

/** `cosineNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function cosineNormDefinition(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: CosineNormOptions = {}): Tensor {
  const { patches, centered, eps, padding } = check('cosineNormDefinition', x, weight, bias, options);
  const filters = weight.shape[0]!;
  const image = weight.shape.length === 4;
  const rows = image ? unfolded(x, patches, padding) : reshape(x, [patches.count, patches.length]);
  const xHat = unit(rows, centered, eps);
  const wHat = unit(reshape(weight, [filters, patches.length]), centered, eps);
  const y = matmul(xHat, transpose(wHat));
  const biased = bias ? add(y, bias) : y;
  const shape = patches.shape(filters);
  if (!image) return reshape(biased, shape);
  const [samples, , height, width] = shape as [number, number, number, number];
  return permute(reshape(biased, [samples, height, width, filters]), [0, 3, 1, 2]);
}

/**
 * `y = <weight, x> / (max(|weight|, eps) max(|x|, eps)) + bias`: the cosine of the angle between each vector of x and
 * each output's weight.
 *
 * With a weight `[O, D]`: `x` `[..., D]`, result `[..., O]`. With a weight `[O, I, kh, kw]`: `x` `[N, I, H, W]`, compared
 * patch by patch, result `[N, O, H', W']`. `bias`: `[O]` or null. A vector of zeros gives 0. Throws a ShapeError when
 * shapes do not fit and a RangeError for options out of range. Source: arXiv 1702.05870.
 * @example
 * ```ts
 * toArray(cosineNorm(tensor([[3, 4]]), tensor([[1, 0], [0, -2]]))); // [[0.6, -0.8]]
 * toArray(cosineNorm(tensor([[1, 2, 3]]), tensor([[1, 3, 2]]), null, { centered: true })); // [[0.5]]
 * ```
 */
export function cosineNorm(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: CosineNormOptions = {}): Tensor {
  const { patches, centered, eps } = check('cosineNorm', x, weight, bias, options);
  const filters = weight.shape[0]!;
  const { count, length } = patches;
  const directions = Float64Array.from(weight.data);
  const lengths = new Float64Array(filters);
  for (let o = 0; o < filters; o++) lengths[o] = toUnit(directions.subarray(o * length, (o + 1) * length), centered, eps);
  const y = allocate(x.dtype, count * filters);
  const vector = new Float64Array(length);
  for (let p = 0; p < count; p++) {
    gather(x.data, patches, p, vector);
    toUnit(vector, centered, eps);
    for (let o = 0, at = 0; o < filters; o++) {
      let cosine = 0;
      for (let i = 0; i < length; i++, at++) cosine += vector[i]! * directions[at]!;
      y[patches.place(p, o, filters)] = bias ? cosine + bias.data[o]! : cosine;
    }
  }
  const inputs = [x, weight, bias] as const;
  const saved = { inputs, directions, lengths, patches, centered, eps, options };
  return record(cosineNormOp, inputs, saved, new Tensor(y, patches.shape(filters)));
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor, Tensor | null];
  /** wHat, and the lengths that the weights had. */
  readonly directions: Float64Array;
  readonly lengths: Float64Array;
  readonly patches: Patches;
  readonly centered: boolean;
  readonly eps: number;
  readonly options: CosineNormOptions;
}

const cosineNormOp: Op<Saved> = {
  name: 'cosineNorm',
  // per vector p and weight o, c the cosine without bias:
  // dx = (sum over o of dy wHat - xHat sum of dy c) / max(|x|, eps), dWeight alike over p;
  // below the floor the divisor is constant, and the second term is left out
  pullback(dy, { inputs: [x, weight, bias], directions, lengths, patches, centered, eps }, needs) {
    const filters = lengths.length;
    const { count, length } = patches;
    const dx = new Float64Array(x.data.length);
    const toward = new Float64Array(weight.data.length);
    const along = new Float64Array(filters);
    const dBias = new Float64Array(filters);
    const vector = new Float64Array(length);
    const change = new Float64Array(length);
    for (let p = 0; p < count; p++) {
      gather(x.data, patches, p, vector);
      const size = toUnit(vector, centered, eps);
      change.fill(0);
      let drawn = 0;
      for (let o = 0; o < filters; o++) {
        const g = dy.data[patches.place(p, o, filters)]!;
        let cosine = 0;
        for (let i = 0, at = o * length; i < length; i++, at++) {
          cosine += vector[i]! * directions[at]!;
          change[i]! += g * directions[at]!;
          toward[at]! += g * vector[i]!;
        }
        dBias[o]! += g;
        along[o]! += g * cosine;
        drawn += g * cosine;
      }
      const pull = size <= eps ? 0 : drawn;
      const scale = 1 / (size <= eps ? eps : size);
      for (let i = 0; i < length; i++) change[i] = (change[i]! - vector[i]! * pull) * scale;
      scatter(dx, patches, p, change);
    }
    for (let o = 0, at = 0; o < filters; o++) {
      const size = lengths[o]!;
      const pull = size <= eps ? 0 : along[o]!;
      const scale = 1 / (size <= eps ? eps : size);
      for (let i = 0; i < length; i++, at++) toward[at] = (toward[at]! - directions[at]! * pull) * scale;
    }
    return [
      new Tensor(rounded(dx, x.dtype), x.shape),
      new Tensor(rounded(toward, weight.dtype), weight.shape),
      needs[2] ? new Tensor(rounded(dBias, bias!.dtype), bias!.shape) : null,
    ];
  },
  definition: ([x, weight, bias], { options }) => cosineNormDefinition(x!, weight!, bias ?? null, options),
};

/** Options of the class. */
export interface CosineNormLayerOptions extends CosineNormOptions {
  /** Where the initial weight comes from. */
  random: Random;
  /** The side of a square kernel; without, a linear layer. */
  kernelSize?: number;
  /** Whether to add a bias. Default true. */
  bias?: boolean;
  /** Element type. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * A linear layer or convolution that gives cosines, with `weight` and `bias` (zeros).
 * @example
 * ```ts
 * const layer = new CosineNorm(3, 8, { kernelSize: 3, padding: 1, random: new Random(1) });
 * layer.forward(ones([2, 3, 5, 5])).shape; // [2, 8, 5, 5]
 * ```
 */
export class CosineNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: Readonly<CosineNormOptions>;

  constructor(inChannels: number, outChannels: number, layer: CosineNormLayerOptions) {
    super();
    const { random, kernelSize, bias = true, dtype = 'float32', ...options } = layer;
    checkCount('CosineNorm', 'inChannels', inChannels);
    checkCount('CosineNorm', 'outChannels', outChannels);
    if (kernelSize !== undefined) checkCount('CosineNorm', 'kernelSize', kernelSize);
    checkOptions('CosineNorm', options);
    const shape = kernelSize === undefined ? [outChannels, inChannels] : [outChannels, inChannels, kernelSize, kernelSize];
    this.weight = new Parameter(kaimingUniform(random, shape, { slope: Math.sqrt(5), dtype }));
    this.bias = bias ? new Parameter(zeros([outChannels], { dtype })) : null;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return cosineNorm(x, this.weight, this.bias, this.options);
  }
}

/** Makes `vector` one of length 1, in place, its mean subtracted first when `centered`; the length it had. */
function toUnit(vector: Float64Array, centered: boolean, eps: number): number {
  // twice, because the mean of what is left is the rounding of the mean
  for (let pass = 0; centered && pass < 2; pass++) {
    let mean = 0;
    for (let i = 0; i < vector.length; i++) mean += vector[i]!;
    mean /= vector.length;
    for (let i = 0; i < vector.length; i++) vector[i]! -= mean;
  }
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  const size = Math.sqrt(squares);
  const divisor = size <= eps ? eps : size;
  for (let i = 0; i < vector.length; i++) vector[i]! /= divisor;
  return size;
}

/** `toUnit` of each row, from primitives. */
function unit(rows: Tensor, centered: boolean, eps: number): Tensor {
  const centre = (x: Tensor): Tensor => sub(x, mean(x, { axis: 1, keepDims: true }));
  const vectors = centered ? centre(centre(rows)) : rows;
  const squares = sum(square(vectors), { axis: 1, keepDims: true });
  // where the floor holds the divisor is a constant, with no root of 0 to differentiate
  const long = fromArray(squares.data.map((q) => (Math.sqrt(q) <= eps ? 0 : 1)), squares.shape, { dtype: squares.dtype });
  return div(vectors, where(long, sqrt(where(long, squares, 1)), eps));
}

/** The patches of an image as rows `[N H' W', I kh kw]`. */
function unfolded(x: Tensor, { count, length, offsets }: Patches, padding: number): Tensor {
  const [samples, channels, height, width] = x.shape as [number, number, number, number];
  // one element of padding is enough: every offset outside the image points at it
  const padded = pad(reshape(x, [samples, channels * height * width]), [[0, 0], [0, padding > 0 ? 1 : 0]]);
  const indices = offsets.flatMap((list) => Array.from(list, (at) => (at < 0 ? channels * height * width : at)));
  return reshape(take(padded, indices, 1), [count, length]);
}

function checkOptions(caller: string, { eps = 1e-8, stride = 1, padding = 0 }: CosineNormOptions): void {
  if (!(eps > 0 && eps < Infinity)) {
    throw new RangeError(`${caller}: eps must be finite and above 0, because it is the least divisor, got ${eps}; 1e-8 is usual`);
  }
  checkCount(caller, 'stride', stride);
  if (!Number.isInteger(padding) || padding < 0) {
    throw new RangeError(`${caller}: padding must be an integer of at least 0, got ${padding}`);
  }
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: CosineNormOptions,
): { patches: Patches; centered: boolean; eps: number; padding: number } {
  checkOptions(caller, options);
  const { centered = false, eps = 1e-8, stride = 1, padding = 0 } = options;
  const image = weight.shape.length === 4;
  const fits = image ? x.shape.length === 4 && x.shape[1] === weight.shape[1] : x.shape.length >= 1 && x.shape[x.shape.length - 1] === weight.shape[1];
  if ((!image && weight.shape.length !== 2) || !fits || weight.data.length === 0) {
    throw new ShapeError(
      `${caller}: x must be [..., D] for a weight [O, D], or [N, I, H, W] for [O, I, kh, kw], got ${showShape(x.shape)} and ` +
        showShape(weight.shape),
    );
  }
  checkLike(caller, 'weight', weight, weight.shape, x);
  checkLike(caller, 'bias', bias, [weight.shape[0]!], x);
  const patches = image ? patchesOf(caller, x.shape, weight.shape.slice(2), stride, padding) : rowsOf(x.shape);
  return { patches, centered, eps, padding };
}
