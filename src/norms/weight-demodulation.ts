/**
 * Weight Demodulation.
 * T. Karras, S. Laine, M. Aittala, J. Hellsten, J. Lehtinen, T. Aila, Analyzing and Improving the Image Quality of
 * StyleGAN, CVPR 2020, arXiv 1912.04958.
 *
 *     modulated[n, o, i, k] = (style[n, i] + styleOffset) weight[o, i, k]
 *     d[n, o]               = 1 / sqrt(sum over i, k of modulated^2 + eps)
 *     result[n, o, i, k]    = d[n, o] modulated[n, o, i, k]
 *
 * Each sample n has a style that scales the input channels of a shared weight; the result is brought back to length 1
 * in each filter, so that outputs keep the spread of the inputs. No statistics of x are used, there is no state, and
 * train and eval are the same.
 *
 * `weightDemodulation` gives the weights of each sample. `modulatedConv` is the layer with them, and never makes them:
 * it scales the input, convolves with the shared weight and scales the output, which is the same and costs O(N O I)
 * beside the convolution.
 */
import { add } from '../autograd/add.ts';
import { conv } from '../autograd/conv.ts';
import { matmul } from '../autograd/matmul.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { sum } from '../autograd/sum.ts';
import { transpose } from '../autograd/transpose.ts';
import { kaimingUniform } from '../nn/init/kaiming.ts';
import { linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { type TensorOptions, zeros } from '../tensor/create.ts';
import type { ConvOptions } from '../tensor/conv-shape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { like } from '../tensor/like.ts';
import type { Random } from '../tensor/random.ts';
import { type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { checkCount, checkEps, checkLike } from './_check.ts';

/** Options of `weightDemodulation`. */
export interface WeightDemodulationOptions {
  /** Bring each filter back to length 1; without, only the style is applied. Default true. */
  demodulate?: boolean;
  /** Added to the sum of squares, under the root; finite, at least 0. Default 1e-8. */
  eps?: number;
  /** Added to the style: 1 for styles around 0. Default 0. */
  styleOffset?: number;
}

/** Options of `modulatedConv`: those of the norm and of the convolution, which has no groups. */
export type ModulatedConvOptions = WeightDemodulationOptions & Omit<ConvOptions, 'groups'>;

/** `weightDemodulation` composed from primitives: what the fused form must equal. */
export function weightDemodulationDefinition(weight: Tensor, style: Tensor, options: WeightDemodulationOptions = {}): Tensor {
  const { demodulate, eps, styleOffset } = check('weightDemodulationDefinition', weight, style, options);
  const [samples, channels] = style.shape as [number, number];
  const kernel = weight.shape.slice(2).map(() => 1);
  const scale = reshape(add(style, styleOffset), [samples, 1, channels, ...kernel]);
  const modulated = mul(scale, weight);
  if (!demodulate) return modulated;
  const axis = modulated.shape.map((_, i) => i).slice(2);
  return mul(modulated, rsqrt(add(sum(square(modulated), { axis, keepDims: true }), eps)));
}

/**
 * The weights of each sample: `d[n, o] style[n, i] weight[o, i, k]`, each filter of length (almost) 1.
 *
 * `weight`: `[O, I]` to `[O, I, D, H, W]`; `style`: `[N, I]`; the result `[N, O, I, ...]`. Throws a ShapeError when
 * they do not fit and a RangeError for options out of range. Source: arXiv 1912.04958.
 * @example
 * ```ts
 * const weight = tensor([[3, 0], [1, 2]]);
 * toArray(weightDemodulation(weight, tensor([[1, 2]]))); // [[[1, 0], [0.2425356, 0.9701425]]]
 * ```
 */
export function weightDemodulation(weight: Tensor, style: Tensor, options: WeightDemodulationOptions = {}): Tensor {
  const { demodulate, eps, styleOffset } = check('weightDemodulation', weight, style, options);
  const [samples, channels] = style.shape as [number, number];
  const filters = weight.shape[0]!;
  const taps = weight.data.length / (filters * channels || 1);
  const result = new Tensor(
    weight.data instanceof Float64Array ? new Float64Array(samples * weight.data.length) : new Float32Array(samples * weight.data.length),
    [samples, ...weight.shape],
  );
  const d = new Float64Array(samples * filters);
  for (let n = 0, to = 0; n < samples; n++) {
    for (let o = 0, from = 0; o < filters; o++) {
      let squares = 0;
      for (let i = 0, at = from; i < channels; i++) {
        const s = style.data[n * channels + i]! + styleOffset;
        let part = 0;
        for (let k = 0; k < taps; k++, at++) part += weight.data[at]! * weight.data[at]!;
        squares += s * s * part;
      }
      const scale = demodulate ? 1 / Math.sqrt(squares + eps) : 1;
      d[n * filters + o] = scale;
      for (let i = 0; i < channels; i++) {
        const s = (style.data[n * channels + i]! + styleOffset) * scale;
        for (let k = 0; k < taps; k++) result.data[to++] = s * weight.data[from++]!;
      }
    }
  }
  const inputs = [weight, style] as const;
  return record(weightDemodulationOp, inputs, { inputs, d, styleOffset, demodulate, options }, result);
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor];
  readonly d: Float64Array;
  readonly styleOffset: number;
  readonly demodulate: boolean;
  readonly options: WeightDemodulationOptions;
}

const weightDemodulationOp: Op<Saved> = {
  name: 'weightDemodulation',
  // with a = sum over i, k of dy result:  dModulated = d (dy - a result);
  // dWeight = sum over n of style dModulated;  dStyle = sum over o, k of weight dModulated
  pullback(dy, { inputs: [weight, style], d, styleOffset, demodulate }) {
    const [samples, channels] = style.shape as [number, number];
    const filters = weight.shape[0]!;
    const block = weight.data.length / (filters || 1);
    const taps = block / (channels || 1);
    const dWeight = new Float64Array(weight.data.length);
    const dStyle = like(style);
    const sums = new Float64Array(channels);
    for (let n = 0; n < samples; n++) {
      sums.fill(0);
      for (let o = 0; o < filters; o++) {
        const scale = d[n * filters + o]!;
        const from = o * block;
        const to = (n * filters + o) * block;
        let a = 0;
        for (let i = 0, at = 0; i < channels; i++) {
          const s = style.data[n * channels + i]! + styleOffset;
          for (let k = 0; k < taps; k++, at++) a += dy.data[to + at]! * s * weight.data[from + at]!;
        }
        // of the result, one factor d; and one more that the projection has
        a = demodulate ? a * scale * scale : 0;
        for (let i = 0, at = 0; i < channels; i++) {
          const s = style.data[n * channels + i]! + styleOffset;
          for (let k = 0; k < taps; k++, at++) {
            const w = weight.data[from + at]!;
            const g = scale * (dy.data[to + at]! - a * s * w);
            dWeight[from + at]! += s * g;
            sums[i]! += w * g;
          }
        }
      }
      dStyle.data.set(sums, n * channels);
    }
    return [new Tensor(rounded(dWeight, weight.dtype), weight.shape), dStyle];
  },
  definition: ([weight, style], { options }) => weightDemodulationDefinition(weight!, style!, options),
};

/** `modulatedConv` as the definition says: each sample convolved with its own weight, as groups of one convolution. */
export function modulatedConvDefinition(
  x: Tensor,
  weight: Tensor,
  style: Tensor,
  bias: Tensor | null = null,
  options: ModulatedConvOptions = {},
): Tensor {
  checkInput('modulatedConvDefinition', x, weight, style, bias);
  const weights = weightDemodulationDefinition(weight, style, options);
  const [samples, filters, channels] = weights.shape as [number, number, number];
  const kernel = weight.shape.slice(2);
  if (kernel.length === 0) {
    const y = reshape(matmul(weights, reshape(x, [samples, channels, 1])), [samples, filters]);
    return bias ? add(y, bias) : y;
  }
  const merged = reshape(x, [1, samples * channels, ...x.shape.slice(2)]);
  const grouped = conv(merged, reshape(weights, [samples * filters, channels, ...kernel]), null, { ...convOnly(options), groups: samples });
  const y = reshape(grouped, [samples, filters, ...grouped.shape.slice(2)]);
  return bias ? add(y, reshape(bias, [filters, ...kernel.map(() => 1)])) : y;
}

/**
 * The layer of StyleGAN2: x convolved with the demodulated weight of its sample, plus bias. Made without any weight of
 * a sample: `y = d[n, o] conv(style[n, i] x, weight)`.
 *
 * `x`: `[N, I, ...spatial]`, for a weight `[O, I]` `[N, I]`; `style`: `[N, I]`; `bias`: `[O]` or null. Throws a
 * ShapeError when they do not fit and a RangeError for options out of range. Source: arXiv 1912.04958.
 * @example
 * ```ts
 * const y = modulatedConv(tensor([[1, 1]]), tensor([[3, 0], [1, 2]]), tensor([[1, 2]]));
 * toArray(y); // [[1, 1.2126781]]
 * ```
 */
export function modulatedConv(
  x: Tensor,
  weight: Tensor,
  style: Tensor,
  bias: Tensor | null = null,
  options: ModulatedConvOptions = {},
): Tensor {
  const { demodulate, eps, styleOffset } = check('modulatedConv', weight, style, options);
  checkInput('modulatedConv', x, weight, style, bias);
  const [filters, channels] = weight.shape as [number, number];
  const ones = weight.shape.slice(2).map(() => 1);
  const scale = styleOffset === 0 ? style : add(style, styleOffset);
  const scaled = mul(x, reshape(scale, [style.shape[0]!, channels, ...ones]));
  let y = ones.length === 0 ? linear(scaled, weight) : conv(scaled, weight, null, convOnly(options));
  if (demodulate) {
    const energy = sum(square(reshape(weight, [filters, channels, -1])), { axis: 2 });
    const d = rsqrt(add(matmul(square(scale), transpose(energy)), eps));
    y = mul(y, reshape(d, [style.shape[0]!, filters, ...ones]));
  }
  return bias ? add(y, reshape(bias, [filters, ...ones])) : y;
}

/** Options of the class. */
export interface WeightDemodulationLayerOptions extends ModulatedConvOptions {
  /** Where the initial weight comes from. */
  random: Random;
  /** Extents of the kernel; one number is a square of two dimensions, an empty list a linear layer. */
  kernelSize: number | Shape;
  /** Whether to add a bias. Default true. */
  bias?: boolean;
  /** Element type. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * A convolution whose weight is modulated by a style and demodulated: `forward(x, style)`.
 * @example
 * ```ts
 * const layer = new WeightDemodulation(3, 8, { kernelSize: 3, padding: 1, random: new Random(1) });
 * layer.forward(ones([2, 3, 5, 5]), ones([2, 3])).shape; // [2, 8, 5, 5]
 * ```
 */
export class WeightDemodulation extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: Readonly<ModulatedConvOptions>;

  constructor(inChannels: number, outChannels: number, layer: WeightDemodulationLayerOptions) {
    super();
    const { random, kernelSize, bias = true, dtype = 'float32', ...options } = layer;
    checkCount('WeightDemodulation', 'inChannels', inChannels);
    checkCount('WeightDemodulation', 'outChannels', outChannels);
    checkOptions('WeightDemodulation', options);
    const kernel = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
    for (const extent of kernel) checkCount('WeightDemodulation', 'kernelSize', extent);
    this.weight = new Parameter(kaimingUniform(random, [outChannels, inChannels, ...kernel], { slope: Math.sqrt(5), dtype }));
    this.bias = bias ? new Parameter(zeros([outChannels], { dtype })) : null;
    this.options = options;
  }

  forward(x: Tensor, style: Tensor): Tensor {
    return modulatedConv(x, this.weight, style, this.bias, this.options);
  }
}

function convOnly({ stride, padding, dilation }: ModulatedConvOptions): ConvOptions {
  return {
    ...(stride !== undefined && { stride }),
    ...(padding !== undefined && { padding }),
    ...(dilation !== undefined && { dilation }),
  };
}

function checkOptions(caller: string, { eps = 1e-8, styleOffset = 0 }: WeightDemodulationOptions): void {
  checkEps(caller, eps);
  if (!Number.isFinite(styleOffset)) throw new RangeError(`${caller}: styleOffset must be finite, got ${styleOffset}`);
}

function check(
  caller: string,
  weight: Tensor,
  style: Tensor,
  options: WeightDemodulationOptions,
): { demodulate: boolean; eps: number; styleOffset: number } {
  checkOptions(caller, options);
  const rank = weight.shape.length;
  if (rank < 2 || rank > 5 || style.shape.length !== 2 || style.shape[1] !== weight.shape[1]) {
    throw new ShapeError(
      `${caller}: weight must be [O, I, ...kernel] and style [N, I], got ${showShape(weight.shape)} and ` +
        `${showShape(style.shape)}; one scale for each sample and input channel`,
    );
  }
  checkLike(caller, 'style', style, style.shape, weight);
  const { demodulate = true, eps = 1e-8, styleOffset = 0 } = options;
  return { demodulate, eps, styleOffset };
}

function checkInput(caller: string, x: Tensor, weight: Tensor, style: Tensor, bias: Tensor | null): void {
  if (x.shape.length !== weight.shape.length || x.shape[0] !== style.shape[0] || x.shape[1] !== weight.shape[1]) {
    throw new ShapeError(
      `${caller}: x must be [N, I, ...spatial] for weight ${showShape(weight.shape)} and style ${showShape(style.shape)}, got ` +
        `${showShape(x.shape)}; there is one style for each sample`,
    );
  }
  checkLike(caller, 'weight', weight, weight.shape, x);
  checkLike(caller, 'bias', bias, [weight.shape[0]!], x);
  if (sizeOf(weight.shape) === 0) throw new ShapeError(`${caller}: weight must not be empty, got ${showShape(weight.shape)}`);
}
