/**
 * Local Contrast Normalization, subtractive and divisive.
 * K. Jarrett, K. Kavukcuoglu, M. Ranzato, Y. LeCun, What is the Best Multi-Stage Architecture for Object Recognition?,
 * ICCV 2009.
 *
 *     A z = weighted average of z over a window of space, and over all maps (channels) of the sample
 *     v   = x - A x
 *     sd  = sqrt(A(v^2))                 the same for every map
 *     c   = mean of sd over space        per sample; or a given threshold
 *     y   = v / max(sd, c, eps)
 *
 * The window is a Gaussian, or a box, whose weights have the sum 1. At a border it is cut, and the weights that are left
 * are scaled to the sum 1, in both steps; with `border: 'zero'` what is outside counts as 0, which darkens the edges.
 * Without `acrossChannels` every map is handled alone, A and c included. Gradients flow through A, sd and c; the
 * derivative of the root is taken as 0 at 0, and at a tie sd comes before c, and both before eps. There are no parameters
 * and no state; train and eval are the same.
 *
 * The paper has no eps: c is 0 for a constant image. Torch7 (`SpatialContrastiveNormalization`) divides the root of the
 * border's sum by its coverage, not by the root of it, so its borders come out too small by sqrt(coverage); pylearn2
 * averages x^2 where this has v^2. Neither is followed.
 *
 * With a box that takes in all, a tiny threshold and a tiny eps it is layer norm over `[C, ...spatial]`, or instance norm
 * without `acrossChannels`.
 */
import { add } from '../autograd/add.ts';
import { cast } from '../autograd/cast.ts';
import { equal, less } from '../autograd/compare.ts';
import { div } from '../autograd/div.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { pad } from '../autograd/pad.ts';
import { type Op, record } from '../autograd/record.ts';
import { slice } from '../autograd/slice.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { where } from '../autograd/where.ts';
import { Module } from '../nn/module.ts';
import { fromArray, full } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type PerAxis, perAxis } from '../tensor/window.ts';
import { checkRank, spatialSize } from './_check.ts';
import { type AxisWindow, axisWindow, windowAdjoint, windowAverages, windowWeights } from './_window-average.ts';

/** Options of `localContrastNorm` and `LocalContrastNorm`. */
export interface LocalContrastNormOptions {
  /** Extent of the window, odd: one number, or one for each spatial axis; may exceed the image. Default 9. */
  kernelSize?: PerAxis;
  /** The weights of the window. Default `'gaussian'`. */
  window?: 'gaussian' | 'box';
  /** Standard deviation of the Gaussian in pixels, above 0. Default null: a quarter of kernelSize, by axis. */
  sigma?: number | null;
  /** Average over all channels too; false handles each channel alone. Default true. */
  acrossChannels?: boolean;
  /** At a border, scale the weights that are left to the sum 1, or count zeros outside. Default `'renormalize'`. */
  border?: 'renormalize' | 'zero';
  /** Least divisor: the mean of sd over the image, or a number of at least 0. Default `'mean'`. */
  threshold?: number | 'mean';
  /** Least divisor in any case; finite, above 0. Default 1e-4. */
  eps?: number;
}

/** `localContrastNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function localContrastNormDefinition(x: Tensor, options: LocalContrastNormOptions = {}): Tensor {
  const { windows, acrossChannels, threshold, eps } = check('localContrastNormDefinition', x, options);
  const A = (z: Tensor): Tensor => averaged(acrossChannels ? mean(z, { axis: 1, keepDims: true }) : z, windows);
  // in double: what the weights lack in the last digit of float32 would show 1 / eps times as large in a constant image
  const exact = cast(x, 'float64');
  const v = sub(exact, A(exact));
  const variance = A(square(v));
  const flat = equal(variance, 0);
  const sd = where(flat, 0, sqrt(where(flat, 1, variance)));
  const space = windows.map((_, k) => k + 2);
  const c = threshold === 'mean' ? mean(sd, { axis: space, keepDims: true }) : full([], threshold, { dtype: 'float64' });
  // a NaN is neither less nor equal to itself, and has to come through as well
  const contrast = where(add(less(sd, c), less(equal(c, c), 1)), c, sd);
  const d = where(less(contrast, eps), eps, contrast);
  return cast(div(v, d), x.dtype);
}

/**
 * `y = v / max(sd, c, eps)` with `v = x - A x` and `sd = sqrt(A(v^2))`, where A averages over a window of space and,
 * unless `acrossChannels` is false, over the channels, and c is the mean of sd over the image or the given threshold.
 *
 * `x`: `[N, C, L]` to `[N, C, D, H, W]`. Throws a ShapeError for another rank and a RangeError for options out of range.
 * Source: ICCV 2009.
 * @example
 * ```ts
 * const x = tensor([[[1, 1, 1, 5, 5, 5]]]);
 * const y = localContrastNorm(x, { kernelSize: 3, window: 'box', threshold: 0 });
 * toArray(y); // [[[0, 0, -1.2247449, 1.2247449, 0, 0]]]
 * ```
 */
export function localContrastNorm(x: Tensor, options: LocalContrastNormOptions = {}): Tensor {
  const found = check('localContrastNorm', x, options);
  const { groups, maps, positions, eps } = found;
  const { average, sd, c } = contrasts(x, found);
  const y = like(x);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let m = 0; m < maps; m++) {
      for (let p = 0, at = g * positions; p < positions; p++, at++, i++) {
        y.data[i] = (x.data[i]! - average[at]!) / divisor(sd[at]!, c[g]!, eps);
      }
    }
  }
  const inputs = [x] as const;
  const { windows, ...sizes } = found;
  const columns = windows.map((window) => window.columns);
  return record(localContrastNormOp, inputs, { inputs, average, sd, c, columns, sizes, options }, y);
}

/** `x` read as `[groups, maps, positions]`: what is averaged together is a group. */
interface Sizes {
  readonly groups: number;
  readonly maps: number;
  readonly positions: number;
  readonly grid: Shape;
}

/** What is subtracted, and what the divisor is the largest of, by group and position; c by group. */
interface Contrasts {
  readonly average: Float64Array;
  readonly sd: Float64Array;
  readonly c: Float64Array;
}

interface Saved extends Contrasts {
  readonly inputs: readonly [Tensor];
  readonly columns: readonly Float64Array[];
  readonly sizes: Omit<Checked, 'windows'>;
  readonly options: LocalContrastNormOptions;
}

const localContrastNormOp: Op<Saved> = {
  name: 'localContrastNorm',
  // gd = -(sum over maps of dy v) / d^2;  gsd = gd where d is sd, and (c = mean of sd) the mean of gd where d is c
  // gv = dy / d + v A'(gsd / sd);  dx = gv - A'(sum over maps of gv)        A': the adjoint of A, 1 / maps included
  pullback(dy, { inputs: [x], average, sd, c, columns, sizes: { groups, maps, positions, grid, eps, threshold } }) {
    const dx = like(x);
    // sums over maps of dy and v belong to gv, that of dy v to gd
    const slope = new Float64Array(sd.length);
    const sumDy = new Float64Array(sd.length);
    const sumV = new Float64Array(sd.length);
    for (let g = 0; g < groups; g++) {
      for (let m = 0, i = g * maps * positions; m < maps; m++) {
        for (let p = 0, at = g * positions; p < positions; p++, at++, i++) {
          const v = x.data[i]! - average[at]!;
          slope[at]! += dy.data[i]! * v;
          sumDy[at]! += dy.data[i]!;
          sumV[at]! += v;
        }
      }
      const end = (g + 1) * positions;
      let low = 0;
      for (let at = g * positions; at < end; at++) {
        const d = divisor(sd[at]!, c[g]!, eps);
        const gd = -slope[at]! / d / d;
        if (sd[at]! < c[g]! && c[g]! >= eps) low += gd;
        slope[at] = sd[at]! < c[g]! || sd[at]! < eps ? 0 : gd;
      }
      const share = threshold === 'mean' ? low / positions : 0;
      for (let at = g * positions; at < end; at++) slope[at] = sd[at] === 0 ? 0 : (slope[at]! + share) / sd[at]! / maps;
    }
    windowAdjoint(slope, grid, columns);
    const sumGv = sumDy;
    for (let g = 0, at = 0; g < groups; g++) {
      for (let p = 0; p < positions; p++, at++) {
        sumGv[at] = (sumDy[at]! / divisor(sd[at]!, c[g]!, eps) + sumV[at]! * slope[at]!) / maps;
      }
    }
    windowAdjoint(sumGv, grid, columns);
    for (let g = 0, i = 0; g < groups; g++) {
      for (let m = 0; m < maps; m++) {
        for (let p = 0, at = g * positions; p < positions; p++, at++, i++) {
          const gv = dy.data[i]! / divisor(sd[at]!, c[g]!, eps) + (x.data[i]! - average[at]!) * slope[at]!;
          dx.data[i] = gv - sumGv[at]!;
        }
      }
    }
    return [dx];
  },
  definition: ([x], { options }) => localContrastNormDefinition(x!, options),
};

/**
 * Local contrast norm as a module; it has neither parameters nor state.
 * @example
 * ```ts
 * const norm = new LocalContrastNorm({ kernelSize: 7, acrossChannels: false });
 * norm.forward(zeros([1, 3, 32, 32])).shape; // [1, 3, 32, 32]
 * ```
 */
export class LocalContrastNorm extends Module {
  readonly options: LocalContrastNormOptions;

  constructor(options: LocalContrastNormOptions = {}) {
    super();
    this.options = { ...options };
    const { kernelSize } = this.options;
    checkOptions('LocalContrastNorm', this.options, typeof kernelSize === 'object' ? kernelSize.length : 1);
  }

  forward(x: Tensor): Tensor {
    return localContrastNorm(x, this.options);
  }
}

/** `A x`, sd and c. */
function contrasts(x: Tensor, found: Checked): Contrasts {
  const { groups, positions, grid, windows, threshold } = found;
  const average = mapMeans(x, found);
  windowAverages(average, grid, windows, true);
  const sd = mapSquares(x, average, found);
  windowAverages(sd, grid, windows, false);
  const c = new Float64Array(groups);
  for (let g = 0, at = 0; g < groups; g++) {
    let total = 0;
    for (const end = at + positions; at < end; at++) total += sd[at] = Math.sqrt(sd[at]!);
    c[g] = threshold === 'mean' ? total / positions : threshold;
  }
  return { average, sd, c };
}

/**
 * How near the divisor is to a tie, where the norm has a kink: the least distance of the larger two of sd, c and eps, for
 * a divisor of 1. The single position of a 1 x 1 image is its own mean, and no tie.
 */
export function distanceToTie(x: Tensor, options: LocalContrastNormOptions = {}): number {
  const found = check('distanceToTie', x, options);
  const { positions, threshold, eps } = found;
  const { sd, c } = contrasts(x, found);
  const alone = threshold === 'mean' && positions === 1;
  let least = Infinity;
  for (let at = 0; at < sd.length; at++) {
    const rivals = [sd[at]!, alone ? 0 : c[Math.floor(at / positions)]!, eps].sort((a, b) => b - a);
    least = Math.min(least, 1 - rivals[1]! / rivals[0]!);
  }
  return least;
}

/** `max(sd, c, eps)`; NaN if sd or c is. */
function divisor(sd: number, c: number, eps: number): number {
  const contrast = sd < c || c !== c ? c : sd;
  return contrast < eps ? eps : contrast;
}

/** The mean over the maps of each group; by the differences to the first, so that equal maps have exactly that mean. */
function mapMeans(x: Tensor, { groups, maps, positions }: Sizes): Float64Array {
  const out = new Float64Array(groups * positions);
  for (let g = 0; g < groups; g++) {
    const first = g * maps * positions;
    for (let m = 1, i = first + positions; m < maps; m++) {
      for (let p = 0, at = g * positions; p < positions; p++, at++, i++) out[at]! += x.data[i]! - x.data[first + p]!;
    }
    for (let p = 0, at = g * positions; p < positions; p++, at++) out[at] = x.data[first + p]! + out[at]! / maps;
  }
  return out;
}

/** The mean over the maps of `(x - average)^2`. */
function mapSquares(x: Tensor, average: Float64Array, { groups, maps, positions }: Sizes): Float64Array {
  const out = new Float64Array(groups * positions);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let m = 0; m < maps; m++) {
      for (let p = 0, at = g * positions; p < positions; p++, at++, i++) {
        const v = x.data[i]! - average[at]!;
        out[at]! += v * v;
      }
    }
  }
  for (let at = 0; at < out.length; at++) out[at]! /= maps;
  return out;
}

/**
 * The weighted average over each window from primitives: along one axis after the other, `z` moved by each step, its
 * difference to `z` weighed, and added up. Differences, so that a constant part of an image has no contrast, not even one
 * of rounding: its root would have any slope.
 */
function averaged(z: Tensor, windows: readonly AxisWindow[]): Tensor {
  let average = z;
  windows.forEach(({ reach, rows, coverage }, k) => {
    const axis = k + 2;
    const count = z.shape[axis]!;
    const width = 2 * reach + 1;
    const alongAxis = (values: Float64Array): Tensor => fromArray(values, [count, ...z.shape.slice(axis + 1).map(() => 1)]);
    const middle = average;
    const padded = pad(middle, z.shape.map((_, at) => (at === axis ? [reach, reach] : [0, 0])));
    average = mul(middle, alongAxis(coverage));
    for (let step = 0; step < width; step++) {
      if (step === reach) continue;
      const weights = alongAxis(rows.filter((_weight, i) => i % width === step));
      average = add(average, mul(sub(slice(padded, axis, step, step + count), middle), weights));
    }
  });
  return average;
}

/** Options with their defaults. */
interface Options {
  readonly lengths: readonly number[];
  readonly sigma: number | null;
  readonly window: 'gaussian' | 'box';
  readonly acrossChannels: boolean;
  readonly border: 'renormalize' | 'zero';
  readonly threshold: number | 'mean';
  readonly eps: number;
}

interface Checked extends Sizes {
  readonly windows: readonly AxisWindow[];
  readonly acrossChannels: boolean;
  readonly threshold: number | 'mean';
  readonly eps: number;
}

function checkOptions(caller: string, options: LocalContrastNormOptions, rank: number): Options {
  const { kernelSize = 9, window = 'gaussian', sigma = null, acrossChannels = true } = options;
  const { border = 'renormalize', threshold = 'mean', eps = 1e-4 } = options;
  const lengths = perAxis(caller, 'kernelSize', kernelSize, rank, 1);
  if (lengths.some((length) => length % 2 === 0)) {
    throw new RangeError(`${caller}: kernelSize must be odd, to have a middle, got ${lengths.join(', ')}; add 1`);
  }
  if (window !== 'gaussian' && window !== 'box') {
    throw new RangeError(`${caller}: window must be 'gaussian' or 'box', got ${String(window)}`);
  }
  if (sigma !== null && !(Number.isFinite(sigma) && sigma > 0)) {
    throw new RangeError(`${caller}: sigma must be finite and above 0, in pixels, or null, got ${sigma}`);
  }
  if (border !== 'renormalize' && border !== 'zero') {
    throw new RangeError(`${caller}: border must be 'renormalize' or 'zero', got ${String(border)}`);
  }
  if (threshold !== 'mean' && !(Number.isFinite(threshold) && threshold >= 0)) {
    throw new RangeError(`${caller}: threshold must be 'mean' or finite and at least 0, got ${String(threshold)}`);
  }
  if (!(Number.isFinite(eps) && eps > 0)) {
    throw new RangeError(`${caller}: eps must be finite and above 0, got ${eps}; 1e-4 is usual`);
  }
  return { lengths, sigma, window, acrossChannels, border, threshold, eps };
}

function check(caller: string, x: Tensor, options: LocalContrastNormOptions): Checked {
  checkRank(caller, x, 3, 5, '[N, C, ...spatial]');
  const [samples, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const { lengths, sigma, window, acrossChannels, border, threshold, eps } = checkOptions(caller, options, spatial.length);
  const windows = lengths.map((length, k) => {
    const weights = windowWeights(length, window === 'box' ? null : (sigma ?? length / 4));
    return axisWindow(weights, spatial[k]!, border === 'renormalize');
  });
  const groups = acrossChannels ? samples : samples * channels;
  const maps = acrossChannels ? channels : 1;
  const sizes = { groups, maps, positions: spatialSize(x), grid: [groups, ...spatial] };
  return { ...sizes, windows, acrossChannels, threshold, eps };
}
