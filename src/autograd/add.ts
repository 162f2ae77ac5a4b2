import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/** `y = a + b`, broadcasting. */
export function add(x: Operand, y: Operand): Tensor {
  const [a, b] = operands('add', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! + b.data[i]!;
  return record(addOp, [a, b], {}, out);
}

const addOp: Op<object> = { name: 'add', pullback: (dy) => [dy, dy] };
