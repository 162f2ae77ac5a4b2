import { erfc } from '../tensor/erf.ts';
import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { exp } from './exp.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { square } from './square.ts';

/**
 * `y = (1 + erf(x / sqrt(2))) / 2`: the probability that a normal deviate is below x, accurate in the lower tail.
 * @example
 * ```ts
 * toArray(normalCdf(tensor([-Infinity, 0]))); // [0, 0.5]
 * ```
 */
export function normalCdf(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = 0.5 * erfc(-x.data[i]! * Math.SQRT1_2);
  return record(normalCdfOp, [x], { x }, out);
}

const normalCdfOp: Op<{ x: Tensor }> = { name: 'normalCdf', pullback: (dy, { x }) => [mul(dy, normalDensity(x))] };

/** `y = exp(-x * x / 2) / sqrt(2 * pi)`: the derivative of `normalCdf`. */
export function normalDensity(x: Tensor): Tensor {
  return mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
}
