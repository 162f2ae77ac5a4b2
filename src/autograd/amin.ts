import { normalizeAxes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { extreme, shareAmongTies } from './_extreme.ts';
import { type Op, record } from './record.ts';
import { reshape } from './reshape.ts';
import { dropAxes, type ReduceOptions } from './sum.ts';

/**
 * The smallest element over `axis`; NaN if there is one. Equal elements share the gradient equally.
 *
 * Throws a ShapeError when there is nothing to choose from, and a RangeError for an axis outside the rank.
 * @example
 * ```ts
 * toArray(amin(tensor([[1, 4], [3, 2]]), { axis: 0 })); // [1, 2]
 * ```
 */
export function amin(x: Tensor, { axis, keepDims = false }: ReduceOptions = {}): Tensor {
  const out = extreme('amin', x, -1, axis);
  const kept = record(aminOp, [x], { x, y: out }, out);
  return keepDims ? kept : reshape(kept, dropAxes(x.shape, normalizeAxes('amin', axis, x.shape.length)));
}

const aminOp: Op<{ x: Tensor; y: Tensor }> = { name: 'amin', exact: true, pullback: shareAmongTies };
