/**
 * Conditional Instance Normalization.
 * V. Dumoulin, J. Shlens, M. Kudlur, A Learned Representation for Artistic Style, ICLR 2017, arXiv 1610.07629.
 *
 *     mean, v       over the spatial axes, for each sample and channel by itself; v biased
 *     xHat          = (x - mean) / sqrt(v + eps)
 *     scale, shift  = the rows of weight and bias, [numStyles, C], that the style of the sample names
 *     y             = xHat * scale + shift
 *
 * One network serves many styles: all it learns of a style is a row of each table. A sample names its style by a label,
 * or mixes the rows by weights, which are used as they are: not normalized, negative ones included. Every sample of a
 * batch may have a style of its own; rows that none of them uses get a gradient of exactly 0. Train and eval are the
 * same. The paper leaves eps out; it stands under the root, as in the authors' code.
 *
 * With one style it equals instance norm; with rows that are computed from a style image it is adaptive instance norm.
 */
import { add } from '../autograd/add.ts';
import { broadcastTo } from '../autograd/broadcast-to.ts';
import { matmul } from '../autograd/matmul.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sub } from '../autograd/sub.ts';
import { take } from '../autograd/take.ts';
import { variance } from '../autograd/variance.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkRank, spatialSize } from './_check.ts';
import { checkLabels, type Labels } from './_labels.ts';
import { moments, rstdOf } from './_moments.ts';
import { perSample, sampleView } from './_per-sample.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** Options of `conditionalInstanceNorm`. */
export interface ConditionalInstanceNormOptions {
  /** What style is: `'select'`, a label for each sample, or `'mix'`, weights of the rows. Default `'select'`. */
  conditioning?: 'select' | 'mix';
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
}

/** `conditionalInstanceNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function conditionalInstanceNormDefinition(
  x: Tensor,
  style: Labels,
  weight: Tensor,
  bias: Tensor,
  options: ConditionalInstanceNormOptions = {},
): Tensor {
  const { eps, chosen } = check('conditionalInstanceNormDefinition', x, style, weight, bias, options);
  return affineDefinition(x, chosen(weight), chosen(bias), eps);
}

/** `xHat * scale + shift` with the statistics of each instance; `scale` and `shift` are `[N, C]` or `[1, C]`. */
function affineDefinition(x: Tensor, scale: Tensor, shift: Tensor, eps: number): Tensor {
  const rank = x.shape.length;
  const axis = x.shape.slice(2).map((_, i) => i + 2);
  const v = variance(x, { axis, keepDims: true });
  const xHat = mul(sub(x, mean(x, { axis, keepDims: true })), rsqrt(add(v, eps)));
  return scaleAndShift(xHat, perSample(scale, rank), perSample(shift, rank));
}

/**
 * `y = (x - mean) / sqrt(v + eps) * scale + shift`, with the mean and biased variance of each sample and channel, and
 * the scale and shift of each sample's style.
 *
 * `x`: `[N, C, L]` to `[N, C, D, H, W]`; `weight`, `bias`: tables `[numStyles, C]`; `style`: with `'select'` labels
 * `[N]`, whose rows are taken, with `'mix'` weights `[N, numStyles]`, or `[numStyles]` for all samples, by which the
 * rows are summed. Throws a ShapeError when shapes do not fit or an instance has a single value, and a RangeError for a
 * label that is not an integer in [0, numStyles) or a bad option. Source: arXiv 1610.07629.
 * @example
 * ```ts
 * const x = tensor([[[1, 3]], [[1, 3]], [[1, 3]]]);
 * const weight = tensor([[1], [10]]);
 * const bias = tensor([[0], [5]]);
 * toArray(conditionalInstanceNorm(x, [0, 1, 0], weight, bias, { eps: 0 })); // [[[-1, 1]], [[-5, 15]], [[-1, 1]]]
 * const half = tensor([0.5, 0.5]);
 * toArray(conditionalInstanceNorm(tensor([[[1, 3]]]), half, weight, bias, { conditioning: 'mix', eps: 0 }));
 * // [[[-3, 8]]]
 * ```
 */
export function conditionalInstanceNorm(
  x: Tensor,
  style: Labels,
  weight: Tensor,
  bias: Tensor,
  options: ConditionalInstanceNormOptions = {},
): Tensor {
  const { eps, chosen } = check('conditionalInstanceNorm', x, style, weight, bias, options);
  const shape = x.shape.slice(0, 2);
  const inputs = [x, broadcastTo(chosen(weight), shape), broadcastTo(chosen(bias), shape)] as const;
  const view = sampleView(x);
  const { mean, variance } = moments(x.data, view);
  const saved = { inputs, mean, rstd: rstdOf(variance, eps), statistics: view, affine: view, own: true, eps };
  return record(conditionalInstanceNormOp, inputs, saved, standardize(saved));
}

const conditionalInstanceNormOp: Op<StandardizeSaved & { eps: number }> = {
  name: 'conditionalInstanceNorm',
  // dx = rstd (gh - mean(gh) - xHat mean(gh xHat)) with gh = dy scale;  dScale = sum dy xHat and dShift = sum dy, of each
  // sample and channel; taking the rows adds them up where their sample took them from, mixing by the weights
  pullback: standardizeBackward,
  definition: ([x, scale, shift], { eps }) => affineDefinition(x!, scale!, shift!, eps),
};

/**
 * Conditional instance norm with its tables `weight` (ones) and `bias` (zeros), of shape `[numStyles, numFeatures]`.
 * @example
 * ```ts
 * const norm = new ConditionalInstanceNorm(3, 10);
 * norm.forward(zeros([2, 3, 4, 4]), [7, 0]).shape; // [2, 3, 4, 4]
 * ```
 */
export class ConditionalInstanceNorm extends Module {
  readonly numFeatures: number;
  readonly numStyles: number;
  readonly conditioning: 'select' | 'mix';
  readonly eps: number;
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(
    numFeatures: number,
    numStyles: number,
    {
      conditioning = 'select',
      eps = 1e-5,
      dtype = 'float32',
    }: ConditionalInstanceNormOptions & { dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkCount('ConditionalInstanceNorm', 'numFeatures', numFeatures);
    checkCount('ConditionalInstanceNorm', 'numStyles', numStyles);
    checkConditioning('ConditionalInstanceNorm', conditioning);
    checkEps('ConditionalInstanceNorm', eps);
    this.numFeatures = numFeatures;
    this.numStyles = numStyles;
    this.conditioning = conditioning;
    this.eps = eps;
    this.weight = new Parameter(ones([numStyles, numFeatures], { dtype }));
    this.bias = new Parameter(zeros([numStyles, numFeatures], { dtype }));
  }

  /** `style`: labels `[N]`, or weights `[N, numStyles]` or `[numStyles]`, as `conditioning` says. */
  forward(x: Tensor, style: Labels): Tensor {
    checkChannels('ConditionalInstanceNorm', x, this.numFeatures);
    const { conditioning, eps } = this;
    return conditionalInstanceNorm(x, style, this.weight, this.bias, { conditioning, eps });
  }
}

function checkConditioning(caller: string, conditioning: string): void {
  if (conditioning !== 'select' && conditioning !== 'mix') {
    throw new RangeError(`${caller}: conditioning must be 'select' or 'mix', got ${conditioning}`);
  }
}

function check(
  caller: string,
  x: Tensor,
  style: Labels,
  weight: Tensor,
  bias: Tensor,
  { conditioning = 'select', eps = 1e-5 }: ConditionalInstanceNormOptions,
): { eps: number; chosen: (table: Tensor) => Tensor } {
  checkRank(caller, x, 3, 5, '[N, C, ...spatial]');
  checkEps(caller, eps);
  checkConditioning(caller, conditioning);
  const [samples, channels] = x.shape as [number, number];
  if (weight.shape.length !== 2 || weight.shape[1] !== channels) {
    throw new ShapeError(
      `${caller}: weight must be [numStyles, ${channels}] for x of shape ${showShape(x.shape)}, got ${showShape(weight.shape)}`,
    );
  }
  checkLike(caller, 'weight', weight, weight.shape, x);
  checkLike(caller, 'bias', bias, weight.shape, x);
  if (spatialSize(x) < 2) {
    throw new ShapeError(
      `${caller}: statistics of an instance need more than one spatial element, got x of shape ${showShape(x.shape)}`,
    );
  }
  const numStyles = weight.shape[0]!;
  if (conditioning === 'select') {
    const labels = checkLabels(caller, style, samples, numStyles);
    return { eps, chosen: (table) => take(table, labels) };
  }
  if (!(style instanceof Tensor)) throw new TypeError(`${caller}: style weights must be a tensor; use tensor(...)`);
  const shared = style.shape.length === 1;
  checkLike(caller, 'style weights', style, shared ? [numStyles] : [samples, numStyles], x);
  return { eps, chosen: (table) => matmul(shared ? reshape(style, [1, numStyles]) : style, table) };
}
