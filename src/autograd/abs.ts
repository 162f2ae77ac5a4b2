import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gate } from './gate.ts';
import { type Op, record } from './record.ts';

/**
 * `y = |x|`, with a slope of 0 at 0.
 * @example
 * ```ts
 * toArray(abs(tensor([-2, 3]))); // [2, 3]
 * ```
 */
export function abs(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.abs(x.data[i]!);
  return record(absOp, [x], { x }, out);
}

const absOp: Op<{ x: Tensor }> = {
  name: 'abs',
  exact: true,
  pullback(dy, { x }) {
    const signs = new Float32Array(x.data.length);
    for (let i = 0; i < signs.length; i++) signs[i] = Math.sign(x.data[i]!);
    return [gate(dy, signs)];
  },
};
