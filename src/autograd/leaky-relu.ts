import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';

/**
 * `y = x > 0 ? x : slope * x`. The derivative at 0 is `slope`. Throws a RangeError unless the slope is finite.
 *
 * Source: A. L. Maas, A. Y. Hannun, A. Y. Ng, Rectifier nonlinearities improve neural network acoustic models, 2013.
 * @example
 * ```ts
 * toArray(leakyRelu(tensor([-4, 2]), 0.25)); // [-1, 2]
 * ```
 */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  if (!Number.isFinite(slope)) throw new RangeError(`leakyRelu: slope must be finite, got ${slope}; 0.01 is usual`);
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i]! > 0 ? x.data[i]! : slope * x.data[i]!;
  return record(leakyReluOp, [x], { x, slope }, out);
}

const leakyReluOp: Op<{ x: Tensor; slope: number }> = {
  name: 'leakyRelu',
  pullback(dy, { x, slope }) {
    const slopes = like(x);
    for (let i = 0; i < slopes.data.length; i++) slopes.data[i] = x.data[i]! > 0 ? 1 : slope;
    return [mul(dy, slopes)];
  },
};
