import { normalizeAxis } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { boxAlong, crop } from './box.ts';

/**
 * The elements `start, start + step, …` below `end` along `axis`. As in Python, negative positions count from the back
 * and positions beyond an end are cut off; without `end`, up to the end.
 *
 * Throws a RangeError for an axis outside the rank, positions that are not integers, or a step below 1 (see `flip`).
 * @example
 * ```ts
 * toArray(slice(tensor([1, 2, 3, 4]), 0, -3)); // [2, 3, 4]
 * ```
 */
export function slice(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
  const at = normalizeAxis('slice', axis, x.shape.length);
  const extent = x.shape[at]!;
  const stop = end ?? extent;
  if (!Number.isInteger(start) || !(Number.isInteger(stop) || stop === Infinity)) {
    throw new RangeError(`slice: start and end must be integers, got ${start} and ${stop}`);
  }
  if (!Number.isInteger(step) || step < 1) {
    throw new RangeError(`slice: step must be a positive integer, got ${step}; use flip to reverse an axis`);
  }
  const first = position(start, extent);
  const count = Math.max(0, Math.ceil((position(stop, extent) - first) / step));
  if (count === extent) return x;
  return crop(x, boxAlong(x.shape, at, first, step, count));
}

/** A Python position as one in [0, extent]. */
function position(at: number, extent: number): number {
  return Math.min(extent, at < 0 ? Math.max(0, at + extent) : at);
}
