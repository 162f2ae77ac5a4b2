import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';

/**
 * `y = sqrt(x)`, with an infinite slope at 0; NaN below.
 * @example
 * ```ts
 * toArray(sqrt(tensor([4, 9]))); // [2, 3]
 * ```
 */
export function sqrt(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.sqrt(x.data[i]!);
  return record(sqrtOp, [x], { y: out }, out);
}

const sqrtOp: Op<{ y: Tensor }> = { name: 'sqrt', pullback: (dy, { y }) => [div(mul(dy, 0.5), y)] };
