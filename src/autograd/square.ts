import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';

/** `y = x * x`. */
export function square(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i]! * x.data[i]!;
  return record(squareOp, [x], { x }, out);
}

const squareOp: Op<{ x: Tensor }> = { name: 'square', pullback: (dy, { x }) => [mul(mul(dy, 2), x)] };
