import { touch } from '../tensor/assign.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Communicator, ReplicaError } from './communicator.ts';

/**
 * Replaces the gradient of every parameter by its sum over all replicas, between `backward` and `step`: what makes equal
 * copies of a network stay equal. The sum, not the mean: let each replica's loss be its share of the whole loss (the
 * sum over its samples divided by the number of all samples), which also is right for replicas of unequal size.
 *
 * All replicas must pass the same parameters in the same order. Throws a ReplicaError where a parameter has a gradient
 * on some replicas and none on others; then no gradient is changed.
 * @example
 * ```ts
 * const weight = parameter(tensor([1, 2]));
 * backward(sum(square(weight)));
 * allReduceGradients([weight], localCommunicator());
 * toArray(weight.grad!); // [2, 4]
 * ```
 */
export function allReduceGradients(parameters: Iterable<Tensor>, communicator: Communicator): void {
  if (communicator.size === 1) return;
  const all = [...new Set(parameters)];
  let length = all.length;
  for (const parameter of all) length += parameter.data.length;
  // how many replicas have each gradient, and then the gradients one behind the other
  const sums = new Float64Array(length);
  let at = all.length;
  all.forEach(({ grad, data }, i) => {
    if (grad) {
      sums[i] = 1;
      sums.set(grad.data, at);
    }
    at += data.length;
  });
  communicator.allReduce(sums);
  all.forEach((_, i) => {
    if (sums[i] !== 0 && sums[i] !== communicator.size) {
      throw new ReplicaError(
        `allReduceGradients: all replicas must have the same gradients, got that of parameter ${i} from ${sums[i]} of ` +
          `${communicator.size}; let every replica compute the same loss`,
      );
    }
  });
  at = all.length;
  for (const { grad, data } of all) {
    if (grad) {
      grad.data.set(sums.subarray(at, at + data.length));
      touch(grad);
    }
    at += data.length;
  }
}
