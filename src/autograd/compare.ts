/**
 * Comparisons, element by element and broadcasting: 1 where they hold and 0 elsewhere, NaN compares false. A step has
 * no useful derivative, so the results are constants: no gradient passes through them.
 */
import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Operand, operands } from './operands.ts';
import { noGrad } from './record.ts';

/**
 * `y = a > b ? 1 : 0`.
 * @example
 * ```ts
 * toArray(greater(tensor([1, 2, 3]), 2)); // [0, 0, 1]
 * ```
 */
export function greater(x: Operand, y: Operand): Tensor {
  const [a, b] = noGrad(() => operands('greater', x, y));
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! > b.data[i]! ? 1 : 0;
  return out;
}

/**
 * `y = a < b ? 1 : 0`.
 * @example
 * ```ts
 * toArray(less(tensor([1, 2, 3]), 2)); // [1, 0, 0]
 * ```
 */
export function less(x: Operand, y: Operand): Tensor {
  const [a, b] = noGrad(() => operands('less', x, y));
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! < b.data[i]! ? 1 : 0;
  return out;
}

/**
 * `y = a === b ? 1 : 0`.
 * @example
 * ```ts
 * toArray(equal(tensor([1, 2, 3]), 2)); // [0, 1, 0]
 * ```
 */
export function equal(x: Operand, y: Operand): Tensor {
  const [a, b] = noGrad(() => operands('equal', x, y));
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! === b.data[i]! ? 1 : 0;
  return out;
}
