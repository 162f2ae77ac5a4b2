/** The statistics that adaptive instance norm takes from a style, differentiable and of use by themselves. */
import { add } from '../autograd/add.ts';
import { equal } from '../autograd/compare.ts';
import { mean } from '../autograd/mean.ts';
import { type Op, recordAll } from '../autograd/record.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { variance } from '../autograd/variance.ts';
import { where } from '../autograd/where.ts';
import { allocate } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { like } from '../tensor/like.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkEps, checkRank, spatialSize } from './_check.ts';
import { moments } from './_moments.ts';
import { sampleView } from './_per-sample.ts';

/** Mean and standard deviation of each channel of each style, both `[N, C]`; `[1, C]` is one style for all samples. */
export interface StyleStatistics {
  readonly styleMean: Tensor;
  /** Taken as it is: 0 and negative numbers are legal, and there is no hidden `1 +`. */
  readonly styleStd: Tensor;
}

/** Options of `styleStatistics`. */
export interface StyleStatisticsOptions {
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Divide squared deviations by the count less one. Default false. */
  unbiased?: boolean;
}

/** `styleStatistics` composed from primitives. */
export function styleStatisticsDefinition(style: Tensor, options: StyleStatisticsOptions = {}): StyleStatistics {
  const { eps, unbiased } = check('styleStatisticsDefinition', style, options);
  const axis = style.shape.slice(2).map((_, i) => i + 2);
  const v = add(variance(style, { axis, unbiased }), eps);
  // the slope of a root at 0 is infinite: there, and only there, the gradient is defined as 0
  const flat = equal(v, 0);
  return { styleMean: mean(style, { axis }), styleStd: where(flat, 0, sqrt(where(flat, 1, v))) };
}

/**
 * `styleMean = mean(style)` and `styleStd = sqrt(variance(style) + eps)` of each channel of each sample: what
 * `adaptiveInstanceNorm` takes in place of a style, mixed with those of other styles if so wished.
 *
 * `style`: `[N, C, ...spatial]`. Where styleStd is 0 its gradient is 0. Throws a ShapeError below rank 3 or with too
 * few positions, and a RangeError for a bad eps. Source: arXiv 1703.06868.
 * @example
 * ```ts
 * const { styleMean, styleStd } = styleStatistics(tensor([[[1, 3], [10, 50]]]), { eps: 0 });
 * toArray(styleMean); // [[2, 30]]
 * toArray(styleStd); // [[1, 20]]
 * ```
 */
export function styleStatistics(style: Tensor, options: StyleStatisticsOptions = {}): StyleStatistics {
  const { eps, unbiased } = check('styleStatistics', style, options);
  const found = moments(style.data, sampleView(style));
  const count = spatialSize(style);
  const freedom = unbiased ? count - 1 : count;
  const std = found.variance.map((v) => Math.sqrt((v * count) / freedom + eps));
  const shape = style.shape.slice(0, 2);
  const [styleMean, styleStd] = [found.mean, std].map((values) => {
    const data = allocate(style.dtype, values.length);
    data.set(values);
    return new Tensor(data, shape);
  }) as [Tensor, Tensor];
  const saved = { inputs: [style] as const, mean: found.mean, std, freedom, options };
  recordAll(styleStatisticsOp, [style], saved, [styleMean, styleStd]);
  return { styleMean, styleStd };
}

interface Saved {
  readonly inputs: readonly [Tensor];
  readonly mean: Float64Array;
  readonly std: Float64Array;
  /** What squared deviations are divided by. */
  readonly freedom: number;
  readonly options: StyleStatisticsOptions;
}

const styleStatisticsOp: Op<Saved> = {
  name: 'styleStatistics',
  // dStyle = dStyleMean / M + dStyleStd (style - styleMean) / (styleStd M), the second M less one when unbiased
  pullback(_dy, { inputs: [style], mean, std, freedom }, _needs, dys) {
    const [dMean, dStd] = dys as readonly [Tensor, Tensor];
    const dStyle = like(style);
    const count = spatialSize(style);
    for (let slice = 0, start = 0; slice < mean.length; slice++, start += count) {
      const shift = dMean.data[slice]! / count;
      const slope = std[slice] === 0 ? 0 : dStd.data[slice]! / (std[slice]! * freedom);
      const mu = mean[slice]!;
      for (let i = start; i < start + count; i++) dStyle.data[i] = shift + slope * (style.data[i]! - mu);
    }
    return [dStyle];
  },
  definition: ([style], { options }) => {
    const { styleMean, styleStd } = styleStatisticsDefinition(style!, options);
    return [styleMean, styleStd];
  },
};

function check(
  caller: string,
  style: Tensor,
  { eps = 1e-5, unbiased = false }: StyleStatisticsOptions,
): Required<StyleStatisticsOptions> {
  checkEps(caller, eps);
  checkRank(caller, style, 3, Infinity, '[N, C, ...spatial]');
  checkPositions(caller, 'style', style, unbiased);
  return { eps, unbiased };
}

/** Throws unless a map has as many positions as its variance needs. */
export function checkPositions(caller: string, name: string, map: Tensor, unbiased: boolean): void {
  if (spatialSize(map) < (unbiased ? 2 : 1)) {
    throw new ShapeError(
      `${caller}: statistics need ${unbiased ? 'two positions when unbiased' : 'a position'}, got ${name} of shape ` +
        showShape(map.shape),
    );
  }
}
