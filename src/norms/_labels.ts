/** Labels: which row of a table each sample takes. */
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** One whole number for each sample: a list, or a tensor `[N]`. */
export type Labels = Tensor | readonly number[];

/**
 * The labels as numbers. Throws a ShapeError unless there is one for each sample, and a RangeError for one that is not
 * an integer in [0, count): a wrong row would be a silent failure, so nothing is clamped or counted from the back.
 */
export function checkLabels(caller: string, labels: Labels, samples: number, count: number): number[] {
  const shape = labels instanceof Tensor ? labels.shape : [labels.length];
  if (shape.length !== 1 || shape[0] !== samples) {
    throw new ShapeError(`${caller}: labels must have shape [${samples}], one for each sample, got ${showShape(shape)}`);
  }
  const values = Array.from(labels instanceof Tensor ? labels.data : labels);
  for (let n = 0; n < samples; n++) {
    const label = values[n]!;
    if (!Number.isInteger(label) || label < 0 || label >= count) {
      throw new RangeError(`${caller}: labels must be integers in [0, ${count}), got ${label} at ${n}`);
    }
  }
  return values;
}
