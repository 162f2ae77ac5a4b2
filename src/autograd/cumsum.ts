import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { aroundAxis } from './_around-axis.ts';
import { type Op, record } from './record.ts';

/** Options of `cumsum`. */
export interface CumsumOptions {
  /** Sum from the end: `y[j] = x[j] + x[j + 1] + …`. Default false. */
  reverse?: boolean;
}

/**
 * Running sums along `axis`, `y[j] = x[0] + … + x[j]`, accumulated in double. Throws a RangeError for an axis outside
 * the rank.
 * @example
 * ```ts
 * toArray(cumsum(tensor([1, 2, 3]), 0)); // [1, 3, 6]
 * ```
 */
export function cumsum(x: Tensor, axis: number, { reverse = false }: CumsumOptions = {}): Tensor {
  const view = aroundAxis('cumsum', x.shape, axis);
  const { outer, count, inner } = view;
  const first = reverse ? (count - 1) * inner : 0;
  const step = reverse ? -inner : inner;
  const out = like(x);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let at = o * count * inner + first + i;
      let total = 0;
      for (let j = 0; j < count; j++, at += step) {
        total += x.data[at]!;
        out.data[at] = total;
      }
    }
  }
  return record(cumsumOp, [x], { axis: view.axis, reverse }, out);
}

const cumsumOp: Op<{ axis: number; reverse: boolean }> = {
  name: 'cumsum',
  pullback: (dy, { axis, reverse }) => [cumsum(dy, axis, { reverse: !reverse })],
};
