import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gate } from './gate.ts';
import { type Op, record } from './record.ts';

/**
 * `y = max(x, 0)`, with a slope of 0 at 0.
 * @example
 * ```ts
 * toArray(relu(tensor([-1, 0, 2]))); // [0, 0, 2]
 * ```
 */
export function relu(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i]! <= 0 ? 0 : x.data[i]!;
  return record(reluOp, [x], { y: out }, out);
}

const reluOp: Op<{ y: Tensor }> = {
  name: 'relu',
  exact: true,
  pullback(dy, { y }) {
    const positive = new Float32Array(y.data.length);
    for (let i = 0; i < positive.length; i++) positive[i] = y.data[i]! <= 0 ? 0 : 1;
    return [gate(dy, positive)];
  },
};
