/** The indices that `take` and `scatterAdd` accept. */
import { type Shape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Checked indices: none is negative, all are below the extent they were checked for. */
export interface CheckedIndices {
  readonly flat: Int32Array;
  readonly shape: Shape;
}

/**
 * Indices into an axis: a list, or a tensor of integers of any shape (float32 holds them exactly up to 16,777,216).
 * Negative ones count from the back.
 */
export type Indices = Tensor | readonly number[] | CheckedIndices;

/** The indices as non-negative integers. Throws a RangeError for one that is not an integer in [-count, count). */
export function checkIndices(caller: string, indices: Indices, count: number): CheckedIndices {
  if (!(indices instanceof Tensor) && !('length' in indices)) return indices;
  const values = indices instanceof Tensor ? indices.data : indices;
  const shape = indices instanceof Tensor ? indices.shape : [indices.length];
  const flat = new Int32Array(values.length);
  for (let j = 0; j < flat.length; j++) {
    const index = values[j]!;
    if (!Number.isInteger(index) || index < -count || index >= count) {
      throw new RangeError(
        `${caller}: indices must be integers in [${-count}, ${count - 1}], got ${index} at ${j} of ${showShape(shape)}`,
      );
    }
    flat[j] = index < 0 ? index + count : index;
  }
  return { flat, shape };
}
