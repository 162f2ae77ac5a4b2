import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/** `y = -x`. */
export function neg(x: Tensor): Tensor {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = -x.data[i]!;
  return record(negOp, [x], {}, out);
}

const negOp: Op<object> = { name: 'neg', exact: true, pullback: (dy) => [neg(dy)] };
