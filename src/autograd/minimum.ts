import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gate } from './gate.ts';
import { type Operand, operands } from './operands.ts';
import { type Op, record } from './record.ts';

/**
 * The smaller of a and b, element by element, broadcasting; NaN if either is NaN. At a tie each side gets half of the
 * gradient; next to a NaN, the NaN gets it.
 * @example
 * ```ts
 * toArray(minimum(tensor([1, 5]), 3)); // [1, 3]
 * ```
 */
export function minimum(x: Operand, y: Operand): Tensor {
  const [a, b] = operands('minimum', x, y);
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) {
    const p = a.data[i]!;
    const q = b.data[i]!;
    out.data[i] = p < q || p !== p ? p : q;
  }
  return record(minimumOp, [a, b], { a, b }, out);
}

const minimumOp: Op<{ a: Tensor; b: Tensor }> = {
  name: 'minimum',
  exact: true,
  pullback: (dy, { a, b }, needs) => [
    needs[0] ? gate(dy, shares(a, b)) : null,
    needs[1] ? gate(dy, shares(b, a)) : null,
  ],
};

/** How much of the gradient goes to `a`. */
function shares(a: Tensor, b: Tensor): Float32Array {
  const weights = new Float32Array(a.data.length);
  for (let i = 0; i < weights.length; i++) {
    const p = a.data[i]!;
    const q = b.data[i]!;
    weights[i] = p < q || p !== p ? 1 : p === q ? 0.5 : 0;
  }
  return weights;
}
