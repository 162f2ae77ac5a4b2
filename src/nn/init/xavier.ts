/**
 * Initial weights between the needs of the forward and of the backward pass, for symmetric activations.
 *
 * Source: X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
 */
import type { TensorOptions } from '../../tensor/create.ts';
import { normal, type Random, uniform } from '../../tensor/random.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fans } from './fans.ts';

/** Options of the Xavier initializers. */
export interface XavierOptions extends TensorOptions {
  /** Factor on the standard deviation; see `gain`. Default 1. */
  gain?: number;
}

/**
 * Deviates uniform in `[-bound, bound)`, `bound = gain * sqrt(6 / (fanIn + fanOut))`, for a weight
 * `[out, in, ...kernel]`.
 *
 * Throws a ShapeError below rank 2 and a RangeError for a gain that is not finite.
 * @example
 * ```ts
 * xavierUniform(new Random(1), [3, 4]).shape; // [3, 4]
 * ```
 */
export function xavierUniform(random: Random, shape: Shape, options: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3) * deviation('xavierUniform', shape, options);
  return uniform(random, shape, -bound, bound, options);
}

/** Normal deviates of mean 0 and standard deviation `gain * sqrt(2 / (fanIn + fanOut))`; else as `xavierUniform`. */
export function xavierNormal(random: Random, shape: Shape, options: XavierOptions = {}): Tensor {
  return normal(random, shape, 0, deviation('xavierNormal', shape, options), options);
}

function deviation(caller: string, shape: Shape, { gain = 1 }: XavierOptions): number {
  if (!Number.isFinite(gain)) throw new RangeError(`${caller}: gain must be finite, got ${gain}`);
  const { fanIn, fanOut } = fans(shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}
