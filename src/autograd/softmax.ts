import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { aroundAxis } from './_around-axis.ts';
import { gate } from './gate.ts';
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
  pullback: (dy, { y, axis }) => [softmaxBackward(dy, y, axis)],
};

/**
 * `dx = y * (dy - sum of dy * y)`, with all dy less the one of the largest y of their slice, which changes nothing as y
 * sums to 1: where y is near 1, dy and its mean would be nearly equal, and their difference nothing but rounding.
 */
export function softmaxBackward(dy: Tensor, y: Tensor, axis: number): Tensor {
  const apart = sub(dy, sum(gate(dy, largest(y, axis)), { axis, keepDims: true }));
  return mul(y, sub(apart, sum(mul(apart, y), { axis, keepDims: true })));
}

/** 1 at the (first) largest element of each slice, 0 elsewhere. */
function largest(y: Tensor, axis: number): Float32Array {
  const { outer, count, inner } = aroundAxis('softmax', y.shape, axis);
  const marks = new Float32Array(y.data.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * count * inner + i;
      let at = start;
      for (let j = start; j < start + count * inner; j += inner) if (y.data[j]! > y.data[at]!) at = j;
      marks[at] = 1;
    }
  }
  return marks;
}
