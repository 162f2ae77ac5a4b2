import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { exp } from './exp.ts';
import { gate } from './gate.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { where } from './where.ts';

/**
 * `y = x > 0 ? x : alpha * (e^x - 1)`. The derivative at 0 is `alpha`. Throws a RangeError unless alpha is finite.
 *
 * Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, Fast and accurate deep network learning by exponential linear
 * units (ELUs), 2016.
 * @example
 * ```ts
 * toArray(elu(tensor([-Infinity, 0, 2]))); // [-1, 0, 2]
 * ```
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  if (!Number.isFinite(alpha)) throw new RangeError(`elu: alpha must be finite, got ${alpha}; 1 is usual`);
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i]! > 0 ? x.data[i]! : alpha * Math.expm1(x.data[i]!);
  return record(eluOp, [x], { x, alpha }, out);
}

const eluOp: Op<{ x: Tensor; alpha: number }> = {
  name: 'elu',
  pullback(dy, { x, alpha }) {
    const positive = like(x);
    const rest = new Float32Array(x.data.length);
    for (let i = 0; i < rest.length; i++) {
      positive.data[i] = x.data[i]! > 0 ? 1 : 0;
      rest[i] = 1 - positive.data[i]!;
    }
    return [mul(dy, where(positive, 1, mul(exp(gate(x, rest)), alpha)))];
  },
};
