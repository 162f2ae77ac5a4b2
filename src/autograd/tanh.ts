import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { sigmoidSlope } from './sigmoid.ts';

/**
 * `y = tanh(x)`.
 * @example
 * ```ts
 * toArray(tanh(tensor([0, Infinity]))); // [0, 1]
 * ```
 */
export function tanh(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.tanh(x.data[i]!);
  return record(tanhOp, [x], { x }, out);
}

const tanhOp: Op<{ x: Tensor }> = {
  name: 'tanh',
  // 4 * sigmoid'(2x) is 1 - y^2 without the cancellation where y is near 1.
  pullback: (dy, { x }) => [mul(dy, mul(sigmoidSlope(mul(x, 2)), 4))],
};
