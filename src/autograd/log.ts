import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { div } from './div.ts';
import { type Op, record } from './record.ts';

/**
 * `y = log(x)`, to the base e: -Infinity at 0 and NaN below.
 * @example
 * ```ts
 * toArray(log(tensor([1, 0]))); // [0, -Infinity]
 * ```
 */
export function log(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.log(x.data[i]!);
  return record(logOp, [x], { x }, out);
}

const logOp: Op<{ x: Tensor }> = { name: 'log', pullback: (dy, { x }) => [div(dy, x)] };
