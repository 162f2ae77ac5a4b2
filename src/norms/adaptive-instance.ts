/**
 * Adaptive Instance Normalization (AdaIN).
 * X. Huang, S. Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, ICCV 2017,
 * arXiv 1703.06868.
 *
 *     mean, v             of each channel of each sample of x, over its S positions
 *     styleMean, styleStd of each channel of each style:  mean(style), sqrt(variance(style) + styleEps)
 *     xHat = (x - mean) / sqrt(v + eps)
 *     y    = alpha * (styleStd * xHat + styleMean) + (1 - alpha) * x
 *
 * The channels of the content take on the means and standard deviations of the style's. The style is given as feature
 * maps, of any spatial size, or as the statistics themselves, as a learned map produces them. The gradient reaches the
 * content and the style. There are no parameters and no running statistics, and train and eval are the same.
 *
 * Variances are biased, as in the paper; `unbiased` divides by the count less one, in x and in style. The paper shows
 * no eps; the authors' code has 1e-5 for the content and none for the style (`styleEps: 0`).
 *
 * It equals instance norm with weight styleStd and bias styleMean for each sample.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sub } from '../autograd/sub.ts';
import { variance } from '../autograd/variance.ts';
import { Module } from '../nn/module.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { scaleAndShift } from './_affine.ts';
import { checkEps, checkLike, checkRank, spatialSize } from './_check.ts';
import { moments, rstdOf } from './_moments.ts';
import { perSample, sampleView } from './_per-sample.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';
import { checkPositions, styleStatistics, type StyleStatistics, styleStatisticsDefinition } from './_style-statistics.ts';

export { styleStatistics, type StyleStatistics, type StyleStatisticsOptions } from './_style-statistics.ts';

/** Options of `adaptiveInstanceNorm`. */
export interface AdaptiveInstanceNormOptions {
  /** Added to the variance of x, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Added to the variance of style features, under the root; finite, at least 0. Default: eps. */
  styleEps?: number;
  /** Divide squared deviations by the count less one, in x and in style features. Default false. */
  unbiased?: boolean;
  /** How much of the style: 0 gives x back, 1 all of it; in [0, 1]. Default 1. */
  alpha?: number;
}

/** `adaptiveInstanceNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function adaptiveInstanceNormDefinition(
  x: Tensor,
  style: Tensor | StyleStatistics,
  options: AdaptiveInstanceNormOptions = {},
): Tensor {
  const { eps, styleEps, unbiased, alpha } = check('adaptiveInstanceNormDefinition', x, style, options);
  const rank = x.shape.length;
  const axis = x.shape.slice(2).map((_, i) => i + 2);
  const { styleMean, styleStd } =
    style instanceof Tensor ? styleStatisticsDefinition(style, { eps: styleEps, unbiased }) : style;
  const v = variance(x, { axis, keepDims: true, unbiased });
  const xHat = mul(sub(x, mean(x, { axis, keepDims: true })), rsqrt(add(v, eps)));
  const styled = scaleAndShift(xHat, perSample(styleStd, rank), perSample(styleMean, rank));
  return alpha === 1 ? styled : add(mul(styled, alpha), mul(x, 1 - alpha));
}

/**
 * `y = alpha * (styleStd * xHat + styleMean) + (1 - alpha) * x`: x with the mean and standard deviation of each channel
 * of the style.
 *
 * `x`: `[N, C, ...spatial]` of rank 3 or more; `style`: features `[N, C, ...spatial]`, of any other spatial axes, or
 * `{ styleMean, styleStd }` of shape `[N, C]`, where a standard deviation may be any number. One style, `[1, C, …]`,
 * serves the whole batch. Throws a ShapeError when shapes do not fit or there are too few positions for a variance, and
 * a RangeError for a bad eps, styleEps or alpha. Source: arXiv 1703.06868.
 * @example
 * ```ts
 * const x = tensor([[[1, 3, 5, 7]]]);
 * toArray(adaptiveInstanceNorm(x, tensor([[[10, 30]]]), { eps: 0 }));
 * // [[[6.583592, 15.527864, 24.472136, 33.416408]]]
 * const statistics = { styleMean: tensor([[100]]), styleStd: tensor([[0]]) };
 * toArray(adaptiveInstanceNorm(x, statistics, { alpha: 0.5 })); // [[[50.5, 51.5, 52.5, 53.5]]]
 * ```
 */
export function adaptiveInstanceNorm(
  x: Tensor,
  style: Tensor | StyleStatistics,
  options: AdaptiveInstanceNormOptions = {},
): Tensor {
  const { eps, styleEps, unbiased, alpha } = check('adaptiveInstanceNorm', x, style, options);
  const { styleMean, styleStd } = style instanceof Tensor ? styleStatistics(style, { eps: styleEps, unbiased }) : style;
  // the unbiased rstd is shrink times the biased one that has an eps of eps * shrink^2: so one kernel serves both
  const count = spatialSize(x);
  const shrink = unbiased ? Math.sqrt((count - 1) / count) : 1;
  const found = moments(x.data, sampleView(x));
  const rstd = rstdOf(found.variance, eps * shrink * shrink);
  const saved = { inputs: [x, styleMean, styleStd] as const, mean: found.mean, rstd, shrink, alpha, options };
  const y = standardize(affineOf(saved));
  if (alpha !== 1) blend(y, x, alpha);
  return record(adaptiveInstanceNormOp, saved.inputs, saved, y);
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor, Tensor];
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
  /** `sqrt((S - 1) / S)` for the unbiased variance, 1 for the biased. */
  readonly shrink: number;
  readonly alpha: number;
  readonly options: AdaptiveInstanceNormOptions;
}

const adaptiveInstanceNormOp: Op<Saved> = {
  name: 'adaptiveInstanceNorm',
  // with gh = alpha styleStd dy, and S - 1 in place of S below the last sum when unbiased:
  // dx = rstd (gh - sum(gh) / S - xHat sum(gh xHat) / S) + (1 - alpha) dy
  // dStyleMean = alpha sum(dy);  dStyleStd = alpha sum(dy xHat);  over the samples too where they share a style
  pullback(dy, saved, needs) {
    const { inputs, shrink, alpha } = saved;
    const [dx = null, dScale, dShift] = standardizeBackward(dy, affineOf(saved), [needs[0]!, needs[2]!, needs[1]!]);
    if (dx && alpha !== 1) blend(dx, dy, alpha);
    return [
      dx,
      dShift ? gathered(dShift, alpha, inputs[1]) : null,
      dScale ? gathered(dScale, alpha * shrink, inputs[2]) : null,
    ];
  },
  definition: ([x, styleMean, styleStd], { options }) =>
    adaptiveInstanceNormDefinition(x!, { styleMean: styleMean!, styleStd: styleStd! }, options),
};

/** Options of `AdaptiveInstanceNorm`. */
export interface AdaptiveInstanceNormLayerOptions extends AdaptiveInstanceNormOptions {
  /** What `forward` takes besides x: feature maps, or `{ styleMean, styleStd }`. Default `'features'`. */
  style?: 'features' | 'statistics';
}

/**
 * AdaIN with its options. It has no parameters; `alpha` may be changed between calls.
 * @example
 * ```ts
 * const norm = new AdaptiveInstanceNorm({ alpha: 0.5 });
 * norm.forward(zeros([4, 3, 8, 8]), ones([1, 3, 5, 5])).shape; // [4, 3, 8, 8]
 * ```
 */
export class AdaptiveInstanceNorm extends Module {
  readonly eps: number;
  readonly styleEps: number;
  readonly unbiased: boolean;
  readonly style: 'features' | 'statistics';
  alpha: number;

  constructor({
    eps = 1e-5,
    styleEps = eps,
    unbiased = false,
    alpha = 1,
    style = 'features',
  }: AdaptiveInstanceNormLayerOptions = {}) {
    super();
    checkNumbers('AdaptiveInstanceNorm', eps, styleEps, alpha);
    if (style !== 'features' && style !== 'statistics') {
      throw new RangeError(`AdaptiveInstanceNorm: style must be 'features' or 'statistics', got ${String(style)}`);
    }
    this.eps = eps;
    this.styleEps = styleEps;
    this.unbiased = unbiased;
    this.alpha = alpha;
    this.style = style;
  }

  forward(x: Tensor, style: Tensor | StyleStatistics): Tensor {
    if (style instanceof Tensor !== (this.style === 'features')) {
      const wanted = this.style === 'features' ? 'a tensor of features' : '{ styleMean, styleStd }';
      throw new TypeError(`AdaptiveInstanceNorm: style must be ${wanted}; set the option style for the other form`);
    }
    const { eps, styleEps, unbiased, alpha } = this;
    return adaptiveInstanceNorm(x, style, { eps, styleEps, unbiased, alpha });
  }
}

/** What the kernel is to do: standardize each channel of each sample, and give it a scale and a shift of its own. */
function affineOf({ inputs: [x, styleMean, styleStd], mean, rstd, shrink, alpha }: Saved): StandardizeSaved {
  const view = sampleView(x);
  const scale = new Float64Array(view.channel);
  const shift = new Float64Array(view.channel);
  const styles = styleMean.data.length;
  for (let i = 0; i < view.channel; i++) {
    scale[i] = alpha * shrink * styleStd.data[i % styles]!;
    shift[i] = alpha * styleMean.data[i % styles]!;
  }
  const inputs = [x, new Tensor(scale, [view.channel]), new Tensor(shift, [view.channel])] as const;
  return { inputs, mean, rstd, statistics: view, affine: view, own: true };
}

/** Adds `(1 - alpha) * x` to y. */
function blend(y: Tensor, x: Tensor, alpha: number): void {
  const keep = 1 - alpha;
  for (let i = 0; i < y.data.length; i++) y.data[i]! += keep * x.data[i]!;
}

/** `factor * values` for each style: summed over the samples where they share one. */
function gathered({ data }: Tensor, factor: number, like: Tensor): Tensor {
  const total = new Float64Array(like.data.length);
  for (let i = 0; i < data.length; i++) total[i % total.length]! += factor * data[i]!;
  return new Tensor(rounded(total, like.dtype), like.shape);
}

function check(
  caller: string,
  x: Tensor,
  style: Tensor | StyleStatistics,
  { eps = 1e-5, styleEps = eps, unbiased = false, alpha = 1 }: AdaptiveInstanceNormOptions,
): Required<AdaptiveInstanceNormOptions> {
  checkRank(caller, x, 3, Infinity, '[N, C, ...spatial]');
  checkNumbers(caller, eps, styleEps, alpha);
  const features = style instanceof Tensor;
  const given = features ? style : style.styleMean;
  const [samples, channels] = x.shape;
  const fits = features ? given.shape.length >= 3 : given.shape.length === 2;
  if (!fits || given.shape[1] !== channels || (given.shape[0] !== 1 && given.shape[0] !== samples)) {
    throw new ShapeError(
      `${caller}: ${features ? 'style' : 'styleMean'} must be [N, C${features ? ', ...spatial' : ''}] with the channels of x ` +
        `and as many samples or one, got ${showShape(given.shape)} for x of shape ${showShape(x.shape)}`,
    );
  }
  checkLike(caller, features ? 'style' : 'styleMean', given, given.shape, x);
  if (!features) checkLike(caller, 'styleStd', style.styleStd, given.shape, x);
  checkPositions(caller, 'x', x, unbiased);
  if (features) checkPositions(caller, 'style', style, unbiased);
  return { eps, styleEps, unbiased, alpha };
}

function checkNumbers(caller: string, eps: number, styleEps: number, alpha: number): void {
  checkEps(caller, eps);
  checkEps(caller, styleEps, 'styleEps');
  if (!(typeof alpha === 'number' && alpha >= 0 && alpha <= 1)) {
    throw new RangeError(`${caller}: alpha must be in [0, 1], got ${alpha}; 1 is all style, 0 all content`);
  }
}
