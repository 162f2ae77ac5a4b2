import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';

/**
 * `y = e^x`.
 * @example
 * ```ts
 * toArray(exp(tensor([0, -Infinity]))); // [1, 0]
 * ```
 */
export function exp(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.exp(x.data[i]!);
  return record(expOp, [x], { y: out }, out);
}

const expOp: Op<{ y: Tensor }> = { name: 'exp', pullback: (dy, { y }) => [mul(dy, y)] };
