/**
 * Initial weights that give each output the variance of the inputs.
 *
 * Source: Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, Efficient backprop, 1998.
 */
import type { TensorOptions } from '../../tensor/create.ts';
import { normal, type Random, uniform } from '../../tensor/random.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fans } from './fans.ts';

/**
 * Deviates uniform in `[-bound, bound)`, `bound = sqrt(3 / fanIn)`, for a weight `[out, in, ...kernel]`. Throws a
 * ShapeError below rank 2.
 * @example
 * ```ts
 * lecunUniform(new Random(1), [3, 4]).shape; // [3, 4]
 * ```
 */
export function lecunUniform(random: Random, shape: Shape, options: TensorOptions = {}): Tensor {
  const bound = Math.sqrt(3 / fans(shape).fanIn);
  return uniform(random, shape, -bound, bound, options);
}

/** Normal deviates (not truncated) of mean 0 and standard deviation `1 / sqrt(fanIn)`; else as `lecunUniform`. */
export function lecunNormal(random: Random, shape: Shape, options: TensorOptions = {}): Tensor {
  return normal(random, shape, 0, 1 / Math.sqrt(fans(shape).fanIn), options);
}
