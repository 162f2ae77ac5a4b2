import { erfc } from '../tensor/erf.ts';
import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { normalCdf, normalDensity } from './normal-cdf.ts';
import { type Op, record } from './record.ts';
import { sigmoid } from './sigmoid.ts';
import { square } from './square.ts';

/** Options of `gelu`. */
export interface GeluOptions {
  /** `'none'` for the definition, `'tanh'` for the approximation of GPT-2 and others. Default `'none'`. */
  approximate?: 'none' | 'tanh';
}

/**
 * `y = x * (1 + erf(x / sqrt(2))) / 2`, or with `approximate: 'tanh'`
 * `y = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`. Throws a RangeError for another `approximate`.
 *
 * Source: D. Hendrycks, K. Gimpel, Gaussian error linear units (GELUs), 2016.
 * @example
 * ```ts
 * toArray(gelu(tensor([0, 100]))); // [0, 100]
 * ```
 */
export function gelu(x: Tensor, { approximate = 'none' }: GeluOptions = {}): Tensor {
  if (approximate === 'tanh') {
    // (1 + tanh(u)) / 2 is sigmoid(2u), which keeps its digits in the lower tail.
    const twice = mul(mul(x, add(mul(square(x), 0.044715), 1)), 2 * Math.sqrt(2 / Math.PI));
    return mul(x, sigmoid(twice));
  }
  if (approximate !== 'none') {
    throw new RangeError(`gelu: approximate must be 'none' or 'tanh', got ${String(approximate)}`);
  }
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i]! * 0.5 * erfc(-x.data[i]! * Math.SQRT1_2);
  return record(geluOp, [x], { x }, out);
}

const geluOp: Op<{ x: Tensor }> = {
  name: 'gelu',
  pullback: (dy, { x }) => [mul(dy, add(normalCdf(x), mul(x, normalDensity(x))))],
};
