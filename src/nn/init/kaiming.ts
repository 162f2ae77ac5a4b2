/**
 * Initial weights that keep the variance of a signal through layers with rectifiers.
 *
 * Source: K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, 2015.
 */
import type { TensorOptions } from '../../tensor/create.ts';
import { normal, type Random, uniform } from '../../tensor/random.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fans } from './fans.ts';
import { gain, type Nonlinearity } from './gain.ts';

/** Options of the Kaiming initializers. */
export interface KaimingOptions extends TensorOptions {
  /** Which fan to divide by: of the forward pass or of the backward pass. Default `'fanIn'`. */
  mode?: 'fanIn' | 'fanOut';
  /** The activation that follows. Default `'leakyRelu'`. */
  nonlinearity?: Nonlinearity;
  /** Slope of leakyRelu for negative inputs; PyTorch's `a`. Default 0. */
  slope?: number;
}

/**
 * Deviates uniform in `[-bound, bound)`, `bound = gain * sqrt(3 / fan)`, for a weight `[out, in, ...kernel]`.
 *
 * Throws a ShapeError below rank 2 and a RangeError for an unknown mode or activation.
 * @example
 * ```ts
 * kaimingUniform(new Random(1), [8, 4, 3, 3]).shape; // [8, 4, 3, 3]
 * ```
 */
export function kaimingUniform(random: Random, shape: Shape, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * deviation('kaimingUniform', shape, options);
  return uniform(random, shape, -bound, bound, options);
}

/** Normal deviates of mean 0 and standard deviation `gain / sqrt(fan)`; else as `kaimingUniform`. */
export function kaimingNormal(random: Random, shape: Shape, options: KaimingOptions = {}): Tensor {
  return normal(random, shape, 0, deviation('kaimingNormal', shape, options), options);
}

function deviation(caller: string, shape: Shape, options: KaimingOptions): number {
  const { mode = 'fanIn', nonlinearity = 'leakyRelu', slope = 0 } = options;
  if (mode !== 'fanIn' && mode !== 'fanOut') {
    throw new RangeError(`${caller}: mode must be fanIn or fanOut, got ${String(mode)}`);
  }
  return gain(nonlinearity, slope) / Math.sqrt(fans(shape)[mode]);
}
