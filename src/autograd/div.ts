import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/** `y = a / b`, broadcasting. */
export function div(x: Operand, y: Operand): Tensor {
  const [a, b, left, right] = operands('div', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! / b.data[i]!;
  return record(divOp, [a, b], { x: b.requiresGrad ? left : null, y: right }, out);
}

const divOp: Op<{ x: Tensor | null; y: Tensor }> = {
  name: 'div',
  pullback(dy, { x, y }, needs) {
    const da = div(dy, y);
    return [da, needs[1] ? neg(mul(da, div(x!, y))) : null];
  },
};
