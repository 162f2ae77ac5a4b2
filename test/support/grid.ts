import { fromArray } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import type { Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/**
 * Random multiples of `unit` in [-16 units, 16 units]. Sums of up to 65,000 products of two of them are exact in
 * float32, in whatever order they are taken, so that tests may ask for equality.
 */
export function grid(random: Random, shape: readonly number[], dtype: DType, unit = 0.25): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, () => (random.integer(33) - 16) * unit);
  return fromArray(values, shape, { dtype });
}
