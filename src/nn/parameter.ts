/** The tensors of a module that training changes. */
import { Tensor } from '../tensor/tensor.ts';

/**
 * A tensor that a module finds among its fields and an optimizer updates. It requires a gradient until it is frozen.
 *
 * Made by `parameter`. An optimizer or `loadStateDict` changes its data, never the object, so whoever holds it stays
 * up to date.
 */
export class Parameter extends Tensor {
  /** Over the memory of `values`, which is not copied. */
  constructor(values: Tensor) {
    super(values.data, values.shape, true, values.storage);
  }
}

/**
 * A parameter over the memory of `values`, which is not copied.
 * @example
 * ```ts
 * parameter(ones([3])).requiresGrad; // true
 * ```
 */
export function parameter(values: Tensor): Parameter {
  return new Parameter(values);
}
