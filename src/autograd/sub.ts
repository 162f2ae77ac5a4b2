import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { neg } from './neg.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/** `y = a - b`, broadcasting. */
export function sub(x: Operand, y: Operand): Tensor {
  const [a, b] = operands('sub', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! - b.data[i]!;
  return record(subOp, [a, b], {}, out);
}

const subOp: Op<object> = { name: 'sub', pullback: (dy, _, needs) => [dy, needs[1] ? neg(dy) : null] };
