import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/** `y = a / b`, broadcasting. */
export function div(x: Operand, y: Operand): Tensor {
  const [a, b] = operands('div', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! / b.data[i]!;
  return record(divOp, [a, b], { a, b }, out);
}

const divOp: Op<{ a: Tensor; b: Tensor }> = {
  name: 'div',
  pullback(dy, { a, b }, needs) {
    const da = div(dy, b);
    return [da, needs[1] ? neg(mul(da, div(a, b))) : null];
  },
};
