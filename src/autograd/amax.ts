import { normalizeAxes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { extreme, shareAmongTies } from './_extreme.ts';
import { type Op, record } from './record.ts';
import { reshape } from './reshape.ts';
import { dropAxes, type ReduceOptions } from './sum.ts';

/**
 * The largest element over `axis`; NaN if there is one. Equal elements share the gradient equally.
 *
 * Throws a ShapeError when there is nothing to choose from, and a RangeError for an axis outside the rank.
 * @example
 * ```ts
 * toArray(amax(tensor([[1, 4], [3, 2]]), { axis: 0 })); // [3, 4]
 * ```
 */
export function amax(x: Tensor, { axis, keepDims = false }: ReduceOptions = {}): Tensor {
  const out = extreme('amax', x, 1, axis);
  const kept = record(amaxOp, [x], { x, y: out }, out);
  return keepDims ? kept : reshape(kept, dropAxes(x.shape, normalizeAxes('amax', axis, x.shape.length)));
}

const amaxOp: Op<{ x: Tensor; y: Tensor }> = { name: 'amax', exact: true, pullback: shareAmongTies };
