import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/** `y = a * b`, element by element, broadcasting. */
export function mul(x: Operand, y: Operand): Tensor {
  const [a, b] = operands('mul', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! * b.data[i]!;
  return record(mulOp, [a, b], { a, b }, out);
}

const mulOp: Op<{ a: Tensor; b: Tensor }> = {
  name: 'mul',
  pullback: (dy, { a, b }, needs) => [needs[0] ? mul(dy, b) : null, needs[1] ? mul(dy, a) : null],
};
