import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { sigmoid, sigmoidSlope } from './sigmoid.ts';

/**
 * `y = x * sigmoid(x)`, also called swish.
 *
 * Source: S. Elfwing, E. Uchibe, K. Doya, Sigmoid-weighted linear units for neural network function approximation in
 * reinforcement learning, 2018.
 * @example
 * ```ts
 * toArray(silu(tensor([0, 1000]))); // [0, 1000]
 * ```
 */
export function silu(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) {
    const value = x.data[i]!;
    const small = Math.exp(-Math.abs(value));
    out.data[i] = (value * (value < 0 ? small : 1)) / (1 + small);
  }
  return record(siluOp, [x], { x }, out);
}

const siluOp: Op<{ x: Tensor }> = {
  name: 'silu',
  pullback: (dy, { x }) => [mul(dy, add(sigmoid(x), mul(x, sigmoidSlope(x))))],
};
