import { ShapeError } from '../tensor/errors.ts';
import { normalizeAxis, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { slice } from './slice.ts';

/**
 * `x` cut along `axis` into pieces of the given extents; a single number cuts pieces of that extent, and the last one
 * is what remains.
 *
 * Throws a ShapeError unless the extents add up to that of the axis, and a RangeError for extents that are not
 * integers of at least 0 (1 for a single number) or an axis outside the rank.
 * @example
 * ```ts
 * split(tensor([1, 2, 3, 4, 5]), 2).map(toArray); // [[1, 2], [3, 4], [5]]
 * ```
 */
export function split(x: Tensor, extents: number | readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis('split', axis, x.shape.length);
  const extent = x.shape[at]!;
  const least = typeof extents === 'number' ? 1 : 0;
  for (const piece of typeof extents === 'number' ? [extents] : extents) {
    if (!Number.isInteger(piece) || piece < least) {
      throw new RangeError(`split: extents must be integers of at least ${least}, got ${extents}`);
    }
  }
  const pieces =
    typeof extents === 'number'
      ? Array.from({ length: Math.ceil(extent / extents) }, (_, k) => Math.min(extents, extent - k * extents))
      : extents;
  let end = 0;
  for (const piece of pieces) end += piece;
  if (end !== extent) {
    throw new ShapeError(`split: extents must add up to ${extent}, axis ${at} of ${showShape(x.shape)}, got [${extents}]`);
  }
  let start = 0;
  return pieces.map((piece) => slice(x, at, start, (start += piece)));
}
