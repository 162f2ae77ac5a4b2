/**
 * Layer Normalization.
 * J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, 2016, arXiv 1607.06450.
 *
 *     mean = mean(x)              over the trailing axes `normalizedShape`, of each slice by itself
 *     v    = mean((x - mean)^2)   biased
 *     xHat = (x - mean) / sqrt(v + eps)
 *     y    = xHat * weight + bias
 *
 * There is one weight and one bias for every position in the slice. Train and eval are the same, and no slice knows of
 * another. The paper has no eps; as in every implementation it stands under the root.
 *
 * With `normalizedShape` `[C, ...spatial]` and no affine step it is group norm with one group; group norm's weight is
 * per channel, this one per position. RMS norm is layer norm of a slice that is centred already.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { scaleAndShift } from './_affine.ts';
import { checkEps, checkLike } from './_check.ts';
import { moments, rstdOf } from './_moments.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';
import { slices, trailing } from './_trailing.ts';

/** Options of `layerNorm`. */
export interface LayerNormOptions {
  /** The trailing axes of x that make up a slice. Default: the shape of weight, or of bias; required without both. */
  normalizedShape?: number | Shape;
  /** Added to the variance, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
}

/** `layerNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function layerNormDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  options: LayerNormOptions = {},
): Tensor {
  const { axis, eps } = check('layerNormDefinition', x, weight, bias, options);
  const centred = sub(x, mean(x, { axis, keepDims: true }));
  const v = mean(square(centred), { axis, keepDims: true });
  const xHat = mul(centred, rsqrt(add(v, eps)));
  return scaleAndShift(xHat, weight, bias);
}

/**
 * `y = (x - mean) / sqrt(v + eps) * weight + bias`, with the mean and the biased variance of each slice.
 *
 * `x`: `[...lead, ...normalizedShape]`; `weight` and `bias`: `normalizedShape`, or null. Throws a ShapeError when the
 * trailing axes do not fit and a RangeError for a bad eps. Source: arXiv 1607.06450.
 * @example
 * ```ts
 * const x = tensor([[1, 2, 3], [10, 10, 40]]);
 * toArray(layerNorm(x, null, null, { normalizedShape: 3, eps: 0 }));
 * // [[-1.2247449, 0, 1.2247449], [-0.7071068, -0.7071068, 1.4142136]]
 * ```
 */
export function layerNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  options: LayerNormOptions = {},
): Tensor {
  const { rows, length, eps } = check('layerNorm', x, weight, bias, options);
  const statistics = { outer: 1, channel: rows, inner: length };
  const affine = { outer: rows, channel: length, inner: 1 };
  const { mean, variance } = moments(x.data, statistics);
  const inputs = [x, weight, bias] as const;
  const saved = { inputs, mean, rstd: rstdOf(variance, eps), statistics, affine, own: true, options };
  return record(layerNormOp, inputs, saved, standardize(saved));
}

const layerNormOp: Op<StandardizeSaved & { options: LayerNormOptions }> = {
  name: 'layerNorm',
  // dx = rstd (gh - mean(gh) - xHat mean(gh xHat)) with gh = dy weight;  dWeight = sum dy xHat;  dBias = sum dy
  pullback: standardizeBackward,
  definition: ([x, weight, bias], { options }) => layerNormDefinition(x!, weight, bias, options),
};

/**
 * Layer norm with its parameters: `weight` (ones) and `bias` (zeros), both of shape `normalizedShape`.
 * @example
 * ```ts
 * const norm = new LayerNorm(4, { eps: 1e-6 });
 * norm.forward(zeros([2, 4])).shape; // [2, 4]
 * ```
 */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  /** `elementwiseAffine` (default true) makes a weight and, unless `bias` is false, a bias. */
  constructor(
    normalizedShape: number | Shape,
    {
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
      dtype = 'float32',
    }: { eps?: number; elementwiseAffine?: boolean; bias?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkEps('LayerNorm', eps);
    this.normalizedShape = trailing('LayerNorm', normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, { dtype })) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape, { dtype })) : null;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, { normalizedShape: this.normalizedShape, eps: this.eps });
  }
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  { normalizedShape = weight?.shape ?? bias?.shape ?? [], eps = 1e-5 }: LayerNormOptions,
): ReturnType<typeof slices> & { eps: number } {
  const shape = trailing(caller, normalizedShape);
  const found = slices(caller, x, shape);
  checkEps(caller, eps);
  checkLike(caller, 'weight', weight, shape, x);
  checkLike(caller, 'bias', bias, shape, x);
  return { ...found, eps };
}
