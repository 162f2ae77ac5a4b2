import { copy } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/**
 * `x` in another dtype, rounded to nearest; `x` itself when it has that dtype. The gradient is cast back.
 * @example
 * ```ts
 * cast(tensor([1, 2]), 'float64').dtype; // 'float64'
 * ```
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (dtype !== 'float32' && dtype !== 'float64') {
    throw new TypeError(`cast: dtype must be 'float32' or 'float64', got ${String(dtype)}`);
  }
  if (x.dtype === dtype) return x;
  return record(castOp, [x], { from: x.dtype }, copy(x, { dtype }));
}

const castOp: Op<{ from: DType }> = { name: 'cast', pullback: (dy, { from }) => [cast(dy, from)] };
