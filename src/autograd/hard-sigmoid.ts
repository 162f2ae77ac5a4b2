import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gate } from './gate.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';

/**
 * `y = min(max(x / 6 + 1/2, 0), 1)`. The slope is 1/6 for -3 < x < 3, and 0 at these points and beyond, as in PyTorch.
 * @example
 * ```ts
 * toArray(hardSigmoid(tensor([-4, 0, 1.5]))); // [0, 0.5, 0.75]
 * ```
 */
export function hardSigmoid(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) {
    const value = x.data[i]!;
    out.data[i] = value <= -3 ? 0 : value >= 3 ? 1 : value / 6 + 0.5;
  }
  return record(hardSigmoidOp, [x], { x }, out);
}

const hardSigmoidOp: Op<{ x: Tensor }> = {
  name: 'hardSigmoid',
  pullback(dy, { x }) {
    const inside = new Float32Array(x.data.length);
    for (let i = 0; i < inside.length; i++) inside[i] = x.data[i]! <= -3 || x.data[i]! >= 3 ? 0 : 1;
    return [mul(gate(dy, inside), 1 / 6)];
  },
};
