import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { place } from './box.ts';

/**
 * `x` with `widths[k] = [before, after]` elements of `value` added around axis `k`.
 *
 * Throws a ShapeError unless there is a pair for each axis, and a RangeError unless the widths are integers of at
 * least 0.
 * @example
 * ```ts
 * toArray(pad(tensor([1, 2]), [[1, 2]])); // [0, 1, 2, 0, 0]
 * ```
 */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  if (widths.length !== x.shape.length) {
    throw new ShapeError(
      `pad: widths must have a pair [before, after] for each axis of shape ${showShape(x.shape)}, got ${widths.length}`,
    );
  }
  for (const [before, after] of widths) {
    if (!Number.isInteger(before) || !Number.isInteger(after) || before < 0 || after < 0) {
      throw new RangeError(`pad: widths must be integers of at least 0, got [${before}, ${after}]; use slice to cut`);
    }
  }
  return place(
    x,
    {
      whole: x.shape.map((extent, axis) => extent + widths[axis]![0] + widths[axis]![1]),
      start: widths.map(([before]) => before),
      step: widths.map(() => 1),
      shape: x.shape,
    },
    value,
  );
}
