import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';

/** `y = 1 / sqrt(x)`. */
export function rsqrt(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = 1 / Math.sqrt(x.data[i]!);
  return record(rsqrtOp, [x], { x }, out);
}

const rsqrtOp: Op<{ x: Tensor }> = {
  name: 'rsqrt',
  pullback(dy, { x }) {
    const y = rsqrt(x);
    return [mul(mul(dy, -0.5), mul(mul(y, y), y))];
  },
};
