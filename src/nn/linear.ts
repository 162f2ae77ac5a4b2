import { add } from '../autograd/add.ts';
import { matmul } from '../autograd/matmul.ts';
import { transpose } from '../autograd/transpose.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { type Random, uniform } from '../tensor/random.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkPositive, checkRandom } from './_check.ts';
import { kaimingUniform } from './init/kaiming.ts';
import { Module } from './module.ts';
import { type Parameter, parameter } from './parameter.ts';

/**
 * `y = x · weightᵀ + bias`: `x` `[..., in]`, `weight` `[out, in]`, `bias` `[out]` or null, `y` `[..., out]`.
 *
 * Throws a ShapeError when the shapes do not fit.
 * @example
 * ```ts
 * toArray(linear(tensor([[1, 2]]), tensor([[1, 0], [1, 1]]), tensor([10, 20]))); // [[11, 23]]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const [out, inner] = weight.shape;
  if (weight.shape.length !== 2 || x.shape[x.shape.length - 1] !== inner) {
    throw new ShapeError(
      `linear: x must be [..., in] and weight [out, in], got ${showShape(x.shape)} and ${showShape(weight.shape)}; ` +
        'flatten x, or transpose the weight',
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(`linear: bias must be [${out}], got ${showShape(bias.shape)}`);
  }
  const y = matmul(x, transpose(weight));
  return bias ? add(y, bias) : y;
}

/** Options of `Linear`. */
export interface LinearOptions {
  /** Where the initial weights come from. */
  random: Random;
  /** Whether to add a bias. Default true. */
  bias?: boolean;
  /** Element type. Default `'float32'`. */
  dtype?: DType;
}

/**
 * A fully connected layer: `linear` with a `weight` `[out, in]` and a `bias` `[out]`, both uniform in `±1 / sqrt(in)`
 * at the start, as in PyTorch. Throws a RangeError for sizes that are no positive integers.
 * @example
 * ```ts
 * const layer = new Linear(3, 2, { random: new Random(1) });
 * layer.forward(ones([5, 3])).shape; // [5, 2]
 * ```
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { random, bias = true, dtype = 'float32' }: LinearOptions) {
    super();
    checkPositive('Linear', 'inFeatures', inFeatures);
    checkPositive('Linear', 'outFeatures', outFeatures);
    checkRandom('Linear', random);
    const bound = 1 / Math.sqrt(inFeatures);
    this.weight = parameter(kaimingUniform(random, [outFeatures, inFeatures], { slope: Math.sqrt(5), dtype }));
    this.bias = bias ? parameter(uniform(random, [outFeatures], -bound, bound, { dtype })) : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
