import { type Op, record } from '../autograd/record.ts';
import { copy } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Communicator } from './communicator.ts';

/**
 * `y = the sum of x over all replicas`, differentiably: when the losses of all replicas are added up, the gradient of
 * each replica's x is the sum of the gradients of all the y. All replicas must go backward through it together.
 * @example
 * ```ts
 * toArray(allReduce(tensor([1, 2]), localCommunicator())); // [1, 2]
 * ```
 */
export function allReduce(x: Tensor, communicator: Communicator): Tensor {
  if (communicator.size === 1) return x;
  const y = copy(x);
  const sums = Float64Array.from(x.data);
  communicator.allReduce(sums);
  y.data.set(sums);
  return record(allReduceOp, [x], { communicator }, y);
}

const allReduceOp: Op<{ communicator: Communicator }> = {
  name: 'allReduce',
  pullback: (dy, { communicator }) => [allReduce(dy, communicator)],
};
