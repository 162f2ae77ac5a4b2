/** Writing into an existing tensor, in a way that the recorded graph notices. */
import { ShapeError } from './errors.ts';
import { sameShape, showShape } from './shape.ts';
import { Tensor } from './tensor.ts';

/**
 * Copies `values` into `target`, converting to its dtype: what optimizers, initializers and `loadStateDict` use.
 * The write is counted: a graph that saved the old values refuses to go backward with the new ones.
 *
 * Throws a ShapeError when the shapes differ.
 * @example
 * ```ts
 * const weight = tensor([1, 2]);
 * assign(weight, tensor([3, 4]));
 * toArray(weight); // [3, 4]
 * ```
 */
export function assign(target: Tensor, values: Tensor): void {
  if (!sameShape(target.shape, values.shape)) {
    throw new ShapeError(
      `assign: both tensors must have one shape, got ${showShape(target.shape)} and ${showShape(values.shape)}`,
    );
  }
  target.data.set(values.data);
  touch(target);
}

/** Tells the recorded graph that the data of `target` has been written to. */
export function touch(target: Tensor): void {
  target.storage.version++;
}
