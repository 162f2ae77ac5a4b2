import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add } from './add.ts';
import { div } from './div.ts';
import { type Op, record } from './record.ts';

/**
 * `y = log(1 + x)`, to the base e, with all digits where x is small: -Infinity at -1 and NaN below.
 * @example
 * ```ts
 * toArray(log1p(tensor([0, -1, Math.E - 1]))); // [0, -Infinity, 1]
 * ```
 */
export function log1p(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.log1p(x.data[i]!);
  return record(log1pOp, [x], { x }, out);
}

const log1pOp: Op<{ x: Tensor }> = { name: 'log1p', pullback: (dy, { x }) => [div(dy, add(x, 1))] };
