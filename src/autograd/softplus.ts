import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { sigmoid } from './sigmoid.ts';

/**
 * `y = log(1 + e^x)`, computed as `max(x, 0) + log(1 + e^(-|x|))`, which neither overflows nor loses the tail.
 * @example
 * ```ts
 * toArray(softplus(tensor([-Infinity, 1000]))); // [0, 1000]
 * ```
 */
export function softplus(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) {
    const value = x.data[i]!;
    out.data[i] = (value > 0 ? value : 0) + Math.log1p(Math.exp(-Math.abs(value)));
  }
  return record(softplusOp, [x], { x }, out);
}

const softplusOp: Op<{ x: Tensor }> = { name: 'softplus', pullback: (dy, { x }) => [mul(dy, sigmoid(x))] };
