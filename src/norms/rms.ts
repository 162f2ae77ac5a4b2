/**
 * Root Mean Square Layer Normalization.
 * B. Zhang, R. Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019, arXiv 1910.07467.
 *
 *     q    = mean(x^2)            over the trailing axes `normalizedShape`, about zero and not about the mean
 *     xHat = x / sqrt(q + eps)
 *     y    = xHat * weight
 *
 * The paper has no eps, and the authors' code adds one outside the root; here it stands under it, as in LLaMA, ONNX and
 * PyTorch. Nothing is subtracted, so a shift of x does change y. Train and eval are the same.
 *
 * Defaults elsewhere: ONNX 1e-5, LLaMA 1e-6 or 1e-5, PyTorch the machine epsilon of the dtype.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, record } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { ones, type TensorOptions } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import type { Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { scaleAndShift } from './_affine.ts';
import { checkEps, checkLike } from './_check.ts';
import { slices, trailing } from './_trailing.ts';

/** Options of `rmsNorm`. */
export interface RMSNormOptions {
  /** The trailing axes of x that make up a slice. Default: the shape of weight; required without it. */
  normalizedShape?: number | Shape;
  /** Added to the mean square, under the root; finite, at least 0. Default 1e-6. */
  eps?: number;
}

/** `rmsNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function rmsNormDefinition(x: Tensor, weight: Tensor | null = null, options: RMSNormOptions = {}): Tensor {
  const { axis, eps } = check('rmsNormDefinition', x, weight, options);
  const q = mean(square(x), { axis, keepDims: true });
  const xHat = mul(x, rsqrt(add(q, eps)));
  return scaleAndShift(xHat, weight, null);
}

/**
 * `y = x / sqrt(mean(x^2) + eps) * weight`, with the mean square of each slice.
 *
 * `x`: `[...lead, ...normalizedShape]`; `weight`: `normalizedShape`, or null. Throws a ShapeError when the trailing
 * axes do not fit and a RangeError for a bad eps. Source: arXiv 1910.07467.
 * @example
 * ```ts
 * toArray(rmsNorm(tensor([[3, 4]]), tensor([1, 10]), { eps: 0 })); // [[0.8485281, 11.3137085]]
 * ```
 */
export function rmsNorm(x: Tensor, weight: Tensor | null = null, options: RMSNormOptions = {}): Tensor {
  const { rows, length, eps } = check('rmsNorm', x, weight, options);
  const y = like(x);
  const rstd = new Float64Array(rows);
  for (let row = 0, start = 0; row < rows; row++, start += length) {
    const end = start + length;
    let q = 0;
    for (let i = start; i < end; i++) q += x.data[i]! * x.data[i]!;
    const r = 1 / Math.sqrt(q / length + eps);
    rstd[row] = r;
    if (weight) for (let i = start, j = 0; i < end; i++, j++) y.data[i] = x.data[i]! * r * weight.data[j]!;
    else for (let i = start; i < end; i++) y.data[i] = x.data[i]! * r;
  }
  const inputs = [x, weight] as const;
  return record(rmsNormOp, inputs, { inputs, rstd, length, options }, y);
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor | null];
  readonly rstd: Float64Array;
  readonly length: number;
  readonly options: RMSNormOptions;
}

const rmsNormOp: Op<Saved> = {
  name: 'rmsNorm',
  // dx = rstd (gh - xHat mean(gh xHat)) with gh = dy weight;  dWeight = sum dy xHat
  pullback(dy, { inputs: [x, weight], rstd, length }, needs) {
    const dx = like(x);
    const dWeight = new Float64Array(length);
    const w = weight ? weight.data : new Float64Array(length).fill(1);
    for (let row = 0, start = 0; row < rstd.length; row++, start += length) {
      const end = start + length;
      const r = rstd[row]!;
      let projected = 0;
      for (let i = start, j = 0; i < end; i++, j++) {
        const g = dy.data[i]! * (x.data[i]! * r);
        dWeight[j]! += g;
        projected += g * w[j]!;
      }
      const p = projected / length;
      for (let i = start, j = 0; i < end; i++, j++) dx.data[i] = r * (dy.data[i]! * w[j]! - x.data[i]! * r * p);
    }
    return [dx, needs[1] ? new Tensor(rounded(dWeight, x.dtype), weight!.shape) : null];
  },
  definition: ([x, weight], { options }) => rmsNormDefinition(x!, weight, options),
};

/**
 * RMS norm with its parameter `weight` (ones), of shape `normalizedShape`.
 * @example
 * ```ts
 * new RMSNorm([2, 3]).forward(zeros([5, 2, 3])).shape; // [5, 2, 3]
 * ```
 */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  readonly weight: Parameter | null;

  /** `elementwiseAffine` (default true) makes a weight. */
  constructor(
    normalizedShape: number | Shape,
    {
      eps = 1e-6,
      elementwiseAffine = true,
      dtype = 'float32',
    }: { eps?: number; elementwiseAffine?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkEps('RMSNorm', eps);
    this.normalizedShape = trailing('RMSNorm', normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, { dtype })) : null;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, { normalizedShape: this.normalizedShape, eps: this.eps });
  }
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  { normalizedShape = weight?.shape ?? [], eps = 1e-6 }: RMSNormOptions,
): ReturnType<typeof slices> & { eps: number } {
  const shape = trailing(caller, normalizedShape);
  const found = slices(caller, x, shape);
  checkEps(caller, eps);
  checkLike(caller, 'weight', weight, shape, x);
  return { ...found, eps };
}
