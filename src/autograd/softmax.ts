import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { aroundAxis } from './_around-axis.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { sub } from './sub.ts';
import { sum } from './sum.ts';

/**
 * `y = e^x / sum of e^x over axis`, with the maximum subtracted first, so that nothing overflows. A slice that is all
 * -Infinity, or holds +Infinity or NaN, gives NaN.
 *
 * Throws a RangeError for an axis outside the rank.
 * @example
 * ```ts
 * toArray(softmax(tensor([1000, 1000]))); // [0.5, 0.5]
 * ```
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  const view = aroundAxis('softmax', x.shape, axis);
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
      for (let at = start; at < end; at += inner) out.data[at] = Math.exp(x.data[at]! - most) / total;
    }
  }
  return record(softmaxOp, [x], { y: out, axis: view.axis }, out);
}

const softmaxOp: Op<{ y: Tensor; axis: number }> = {
  name: 'softmax',
  pullback: (dy, { y, axis }) => [mul(y, sub(dy, sum(mul(dy, y), { axis, keepDims: true })))],
};
