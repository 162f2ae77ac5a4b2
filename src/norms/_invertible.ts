/**
 * Activations that can be undone: y is found from z, and so is the slope, without any other number.
 *
 *     z = y                      where y >= 0
 *     z = a y                    below 0: leakyRelu, and identity with a = 1
 *     z = a (e^y - 1)            below 0: elu
 *
 * The slope at y = 0 is 1. The factor a has to be above 0, or z would not tell y.
 */
import { add } from '../autograd/add.ts';
import { less } from '../autograd/compare.ts';
import { div } from '../autograd/div.ts';
import { elu } from '../autograd/elu.ts';
import { exp } from '../autograd/exp.ts';
import { log1p } from '../autograd/log1p.ts';
import { mul } from '../autograd/mul.ts';
import { where } from '../autograd/where.ts';
import type { FloatArray } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The activations by name. */
export type InvertibleActivation = 'leakyRelu' | 'elu' | 'identity';

/** What becomes of numbers below 0: times the factor, after an exponential or not. */
export interface Bend {
  readonly factor: number;
  readonly exponential: boolean;
}

/** The bend of an activation. Throws a RangeError for another name, and for a factor that is not finite and above 0. */
export function bendOf(caller: string, activation: InvertibleActivation, activationParam: number): Bend {
  if (activation === 'identity') return { factor: 1, exponential: false };
  if (activation !== 'leakyRelu' && activation !== 'elu') {
    throw new RangeError(
      `${caller}: activation must be 'leakyRelu', 'elu' or 'identity', got '${String(activation)}'; ` +
        'one that does not rise everywhere cannot be undone',
    );
  }
  if (!(typeof activationParam === 'number' && activationParam > 0 && activationParam < Infinity)) {
    throw new RangeError(
      `${caller}: activationParam must be finite and above 0 for '${activation}' to be undone, got ${activationParam}; ` +
        '0.01 is the default, 1 is usual for elu',
    );
  }
  return { factor: activationParam, exponential: activation === 'elu' };
}

/** Applies the activation to `values` where they stand. */
export function bend(values: FloatArray, { factor, exponential }: Bend): void {
  if (!exponential && factor === 1) return;
  for (let i = 0; i < values.length; i++) {
    const y = values[i]!;
    if (y < 0) values[i] = factor * (exponential ? Math.expm1(y) : y);
  }
}

/**
 * Whether z of these y does not tell y well enough any more: e^y has gone under in the rounding of `e^y - 1`. An error of
 * z is larger in y by e^-y, which is 3e3 at the bound for float32, and 7e10 at that for float64.
 */
export function isSaturated(y: FloatArray, { exponential }: Bend): boolean {
  if (!exponential) return false;
  const least = y instanceof Float32Array ? -8 : -25;
  for (let i = 0; i < y.length; i++) if (y[i]! < least) return true;
  return false;
}

/** z of y, in primitives. */
export function bent(y: Tensor, { factor, exponential }: Bend): Tensor {
  return where(less(y, 0), exponential ? elu(y, factor) : mul(y, factor), y);
}

/** y of z, in primitives. */
export function straightened(z: Tensor, { factor, exponential }: Bend): Tensor {
  const ratio = div(z, factor);
  return where(less(z, 0), exponential ? log1p(ratio) : ratio, z);
}

/** dz/dy in primitives, from z; or from y when that is what was kept. */
export function slopes(value: Tensor, { factor, exponential }: Bend, isY: boolean): Tensor {
  const below = less(value, 0);
  if (!exponential) return where(below, factor, 1);
  return where(below, isY ? mul(exp(where(below, value, 0)), factor) : add(value, factor), 1);
}
