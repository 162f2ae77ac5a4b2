import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { type Op, record } from './record.ts';

/**
 * `y = 1 / (1 + e^(-x))`, accurate in both tails.
 * @example
 * ```ts
 * toArray(sigmoid(tensor([0, Infinity]))); // [0.5, 1]
 * ```
 */
export function sigmoid(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) {
    const value = x.data[i]!;
    const small = Math.exp(-Math.abs(value));
    out.data[i] = (value < 0 ? small : 1) / (1 + small);
  }
  return record(sigmoidOp, [x], { x }, out);
}

const sigmoidOp: Op<{ x: Tensor }> = { name: 'sigmoid', pullback: (dy, { x }) => [mul(dy, sigmoidSlope(x))] };

/** The derivative of `sigmoid`: `y * (1 - y)`, written `sigmoid(x) * sigmoid(-x)`, which does not cancel where y is near 1. */
export function sigmoidSlope(x: Tensor): Tensor {
  return mul(sigmoid(x), sigmoid(neg(x)));
}
