import { full } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { broadcastShapes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { broadcastTo } from './broadcast-to.ts';
import { gate } from './gate.ts';
import { type Operand, operands } from './operands.ts';
import { noGrad, type Op, record } from './record.ts';

/**
 * `y = condition ? a : b`, element by element, all three broadcasting. The condition holds where it is not 0; it gets
 * no gradient. What is not selected gets a gradient of 0, also where the incoming one is infinite or NaN.
 *
 * A NaN or infinity on the side that is not selected does not show in `y`; its own derivative is still evaluated, so
 * guard the argument too: `where(c, sqrt(where(c, x, 1)), 0)`.
 * @example
 * ```ts
 * toArray(where(tensor([1, 0]), tensor([5, 6]), -1)); // [5, -1]
 * ```
 */
export function where(condition: Tensor, x: Operand, y: Operand): Tensor {
  if (typeof x === 'number' && typeof y === 'number') x = full([], x, { dtype: condition.dtype });
  const [p, q] = operands('where', x, y);
  const shape = broadcastShapes('where', condition.shape, p.shape);
  const c = noGrad(() => broadcastTo(condition, shape));
  const a = broadcastTo(p, shape);
  const b = broadcastTo(q, shape);
  const selected = new Float32Array(c.data.length);
  const out = like(a);
  for (let i = 0; i < selected.length; i++) {
    selected[i] = c.data[i] === 0 ? 0 : 1;
    out.data[i] = selected[i] === 0 ? b.data[i]! : a.data[i]!;
  }
  return record(whereOp, [a, b], { selected }, out);
}

const whereOp: Op<{ selected: Float32Array }> = {
  name: 'where',
  exact: true,
  pullback(dy, { selected }, needs) {
    return [needs[0] ? gate(dy, selected) : null, needs[1] ? gate(dy, rest(selected)) : null];
  },
};

/** `1 - selected`. */
function rest(selected: Float32Array): Float32Array {
  const weights = new Float32Array(selected.length);
  for (let i = 0; i < weights.length; i++) weights[i] = 1 - selected[i]!;
  return weights;
}
