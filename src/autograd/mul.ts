import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/** `y = a * b`, element by element, broadcasting. */
export function mul(x: Operand, y: Operand): Tensor {
  const [a, b, left, right] = operands('mul', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! * b.data[i]!;
  return record(mulOp, [a, b], { x: b.requiresGrad ? left : null, y: a.requiresGrad ? right : null }, out);
}

const mulOp: Op<{ x: Tensor | null; y: Tensor | null }> = {
  name: 'mul',
  pullback: (dy, { x, y }, needs) => [needs[0] ? mul(dy, y!) : null, needs[1] ? mul(dy, x!) : null],
};
