import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { aroundAxis } from './_around-axis.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { softmax } from './softmax.ts';
import { sub } from './sub.ts';
import { sum } from './sum.ts';

/**
 * `y = x - log(sum of e^x over axis)`: the logarithm of `softmax`, finite also where that underflows to 0.
 *
 * Throws a RangeError for an axis outside the rank.
 * @example
 * ```ts
 * toArray(logSoftmax(tensor([0, -1000]))); // [0, -1000]
 * ```
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const view = aroundAxis('logSoftmax', x.shape, axis);
  const { outer, count, inner } = view;
  const out = like(x);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * count * inner + i;
      const end = start + count * inner;
      let most = -Infinity;
      for (let at = start; at < end; at += inner) if (x.data[at]! > most) most = x.data[at]!;
      let total = 0;
      for (let at = start; at < end; at += inner) total += Math.exp(x.data[at]! - most);
      const logTotal = Math.log(total);
      for (let at = start; at < end; at += inner) out.data[at] = x.data[at]! - most - logTotal;
    }
  }
  return record(logSoftmaxOp, [x], { x, axis: view.axis }, out);
}

const logSoftmaxOp: Op<{ x: Tensor; axis: number }> = {
  name: 'logSoftmax',
  pullback: (dy, { x, axis }) => [sub(dy, mul(softmax(x, axis), sum(dy, { axis, keepDims: true })))],
};
