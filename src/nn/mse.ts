import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkReduction, reduced, type Reduction } from './_reduction.ts';

/** Options of `mse`. */
export interface MSEOptions {
  /** The mean over all elements, their sum, or each. Default `'mean'`. */
  reduction?: Reduction;
}

/**
 * Squared error `(x - target)^2`, by default its mean over all elements, a scalar.
 *
 * Throws a ShapeError when the shapes differ (nothing is broadcast: that hides mistakes) and a RangeError for an
 * unknown reduction.
 * @example
 * ```ts
 * item(mse(tensor([1, 2]), tensor([1, 4]))); // 2
 * ```
 */
export function mse(x: Tensor, target: Tensor, { reduction = 'mean' }: MSEOptions = {}): Tensor {
  checkReduction('mse', reduction);
  if (!sameShape(x.shape, target.shape)) {
    throw new ShapeError(
      `mse: x and target must have one shape, got ${showShape(x.shape)} and ${showShape(target.shape)}; ` +
        'reshape one of them',
    );
  }
  return reduced(square(sub(x, target)), reduction);
}
