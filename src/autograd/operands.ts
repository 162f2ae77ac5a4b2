/** What two-operand primitives share: numbers as scalars, one dtype, broadcasting. */
import { full } from '../tensor/create.ts';
import { broadcastShapes } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { broadcastTo } from './broadcast-to.ts';

/** A tensor, or a number that stands for a scalar of the other operand's dtype. */
export type Operand = Tensor | number;

/**
 * Both operands broadcast to their common shape, differentiably, and then both as they came, numbers as scalars: what a
 * pullback should save, because it is smaller. Throws a TypeError for different dtypes.
 */
export function operands(caller: string, x: Operand, y: Operand): [Tensor, Tensor, Tensor, Tensor] {
  if (typeof x === 'number') x = full([], x, { dtype: typeof y === 'number' ? 'float32' : y.dtype });
  if (typeof y === 'number') y = full([], y, { dtype: x.dtype });
  if (x.dtype !== y.dtype) {
    throw new TypeError(`${caller}: both tensors must have one dtype, got ${x.dtype} and ${y.dtype}; use cast(x, dtype)`);
  }
  const shape = broadcastShapes(caller, x.shape, y.shape);
  return [broadcastTo(x, shape), broadcastTo(y, shape), x, y];
}
