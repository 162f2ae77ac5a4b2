import { allocate } from './dtype.ts';
import { Tensor } from './tensor.ts';

/** A new tensor of zeros with the shape and dtype of `x`: where a kernel writes its result. */
export function like(x: Tensor): Tensor {
  return new Tensor(allocate(x.dtype, x.data.length), x.shape);
}
