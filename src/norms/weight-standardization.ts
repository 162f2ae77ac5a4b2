/**
 * Weight Standardization.
 * S. Qiao, H. Wang, C. Liu, W. Shen, A. Yuille, Micro-Batch Training with Batch-Channel Normalization and Weight
 * Standardization, 2019, arXiv 1903.10520.
 *
 *     mean  = mean(weight)                of each filter: over all axes but the first
 *     V     = mean((weight - mean)^2)     biased; divided by n - 1 with `unbiased`
 *     sigma = sqrt(V)
 *     wHat  = (weight - mean) / (sigma + eps)         epsMode 'outside', the paper
 *     wHat  = (weight - mean) / sqrt(V + eps)         epsMode 'inside'
 *
 * The sources disagree in the variance and in where eps goes: the authors' PyTorch code is `unbiased: true`, their
 * TensorFlow code and the paper are the defaults here, timm's StdConv2d is `epsMode: 'inside'` with eps 1e-6. The same
 * eps means different things: outside it compares with sigma, inside with its square.
 *
 * No state: train and eval are the same. 'inside' and biased, it is layer norm of each flattened filter.
 */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { mean } from '../autograd/mean.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { where } from '../autograd/where.ts';
import { Module } from '../nn/module.ts';
import { fromArray } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkEps } from './_check.ts';
import { moments } from './_moments.ts';

/** Options of `weightStandardization`. */
export interface WeightStandardizationOptions {
  /** Keeps the divisor from 0; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Whether eps is added to the standard deviation or, under the root, to the variance. Default `'outside'`. */
  epsMode?: 'outside' | 'inside';
  /** Divide the squares by n - 1 in place of n. Default false. */
  unbiased?: boolean;
}

/** `weightStandardization` composed from primitives: what the fused form must equal. */
export function weightStandardizationDefinition(weight: Tensor, options: WeightStandardizationOptions = {}): Tensor {
  const { eps, inside, count, filters } = check('weightStandardizationDefinition', weight, options);
  const flat = reshape(weight, [filters, -1]);
  const shifted = sub(flat, mean(flat, { axis: 1, keepDims: true }));
  // the mean of what is left is the rounding of the mean
  const centred = sub(shifted, mean(shifted, { axis: 1, keepDims: true }));
  const V = div(sum(square(centred), { axis: 1, keepDims: true }), count);
  // a constant filter is 0 over anything: its divisor is a constant, with no root of 0 to differentiate
  const varies = fromArray(V.data.map((v) => (v === 0 ? 0 : 1)), V.shape, { dtype: V.dtype });
  const safe = where(varies, V, 1);
  const divisor = inside ? sqrt(add(safe, eps)) : add(sqrt(safe), eps);
  const rest = inside ? Math.sqrt(eps) : eps;
  return reshape(div(centred, where(varies, divisor, rest > 0 ? rest : Infinity)), weight.shape);
}

/**
 * `wHat = (weight - mean) / (sigma + eps)` for each filter, so that the filter sums to 0 and has a spread of 1.
 *
 * `weight`: `[O, ...rest]`, of rank 2 or more: linear and convolution layers, grouped ones too. A constant filter gives
 * zeros. Throws a ShapeError when there is no filter or a filter of one value is to have an unbiased variance, and a
 * RangeError for a bad eps or epsMode. Source: arXiv 1903.10520.
 * @example
 * ```ts
 * const weight = tensor([[1, 2, 3, 6]]);
 * toArray(weightStandardization(weight, { eps: 1 })); // [[-0.6966630, -0.3483315, 0, 1.0449945]]
 * toArray(weightStandardization(weight, { eps: 1, epsMode: 'inside' })); // [[-0.9428091, -0.4714045, 0, 1.4142136]]
 * ```
 */
export function weightStandardization(weight: Tensor, options: WeightStandardizationOptions = {}): Tensor {
  const { eps, inside, count, filters } = check('weightStandardization', weight, options);
  const length = weight.data.length / filters;
  const { mean, variance } = moments(weight.data, { outer: 1, channel: filters, inner: length });
  const sigma = variance.map((v) => Math.sqrt((v * length) / count));
  const divisor = sigma.map((s) => (inside ? Math.sqrt(s * s + eps) : s + eps));
  const wHat = like(weight);
  for (let o = 0, i = 0; o < filters; o++) {
    // eps 0 and a constant filter: 0 / 0 is 0 here
    const scale = divisor[o] === 0 ? 0 : 1 / divisor[o]!;
    for (const end = i + length; i < end; i++) wHat.data[i] = (weight.data[i]! - mean[o]!) * scale;
  }
  const inputs = [weight] as const;
  return record(weightStandardizationOp, inputs, { inputs, mean, sigma, divisor, count, inside, options }, wHat);
}

interface Saved {
  readonly inputs: readonly [Tensor];
  readonly mean: Float64Array;
  readonly sigma: Float64Array;
  readonly divisor: Float64Array;
  readonly count: number;
  readonly inside: boolean;
  readonly options: WeightStandardizationOptions;
}

const weightStandardizationOp: Op<Saved> = {
  name: 'weightStandardization',
  // with c = weight - mean, d the divisor, p = sum dy c and m = n or n - 1:
  // dWeight = (dy - mean(dy) - c p / (m d sigma)) / d outside, (dy - mean(dy) - c p / (m d^2)) / d inside
  pullback(dy, { inputs: [weight], mean, sigma, divisor, count, inside }) {
    const dWeight = like(weight);
    const length = weight.data.length / mean.length;
    for (let o = 0, start = 0; o < mean.length; o++, start += length) {
      const end = start + length;
      const d = divisor[o]!;
      // the second factor of the spread: sigma outside, d inside; a constant filter has no spread to follow
      const s = inside ? d : sigma[o]!;
      let g = 0;
      let p = 0;
      for (let i = start; i < end; i++) {
        g += dy.data[i]!;
        p += dy.data[i]! * (weight.data[i]! - mean[o]!);
      }
      g /= length;
      const k = s === 0 ? 0 : p / (count * d * s);
      const scale = d === 0 ? 0 : 1 / d;
      for (let i = start; i < end; i++) dWeight.data[i] = (dy.data[i]! - g - (weight.data[i]! - mean[o]!) * k) * scale;
    }
    return [dWeight];
  },
  definition: ([weight], { options }) => weightStandardizationDefinition(weight!, options),
};

/**
 * Weight standardization of a layer's weight, to be put into the layer by `parametrize`.
 * @example
 * ```ts
 * const layer = parametrize(new Conv2d(3, 8, { kernelSize: 3, random: new Random(1) }), new WeightStandardization());
 * Math.abs(item(sum(layer.weight))) < 1e-4; // true
 * ```
 */
export class WeightStandardization extends Module {
  readonly options: Readonly<WeightStandardizationOptions>;

  constructor(options: WeightStandardizationOptions = {}) {
    super();
    checkOptions('WeightStandardization', options);
    this.options = { ...options };
  }

  forward(weight: Tensor): Tensor {
    return weightStandardization(weight, this.options);
  }
}

function checkOptions(caller: string, { eps = 1e-5, epsMode = 'outside' }: WeightStandardizationOptions): void {
  checkEps(caller, eps);
  if (epsMode !== 'outside' && epsMode !== 'inside') {
    throw new RangeError(`${caller}: epsMode must be 'outside' or 'inside', got ${String(epsMode)}`);
  }
}

function check(
  caller: string,
  weight: Tensor,
  options: WeightStandardizationOptions,
): { eps: number; inside: boolean; count: number; filters: number } {
  checkOptions(caller, options);
  const { eps = 1e-5, epsMode = 'outside', unbiased = false } = options;
  const filters = weight.shape[0] ?? 0;
  const length = weight.data.length / filters;
  if (weight.shape.length < 2 || weight.data.length === 0 || (unbiased && length < 2)) {
    throw new ShapeError(
      `${caller}: weight must be [O, ...rest] with at least ${unbiased ? 'two values' : 'one value'} in each filter, got ` +
        `shape ${showShape(weight.shape)}${unbiased ? '; one value has no unbiased variance' : ''}`,
    );
  }
  return { eps, inside: epsMode === 'inside', count: unbiased ? length - 1 : length, filters };
}
