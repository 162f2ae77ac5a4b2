/** Data-parallel training: each replica takes a part of every batch, and what they measure is added up. */
import { allGather } from '../../parallel/all-gather.ts';
import type { Communicator } from '../../parallel/communicator.ts';
import { touch } from '../../tensor/assign.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';

/** Labelled images, as a batch has them. */
export interface Samples {
  readonly images: Tensor;
  readonly labels: readonly number[];
}

/** The part of a replica: as many samples as each other one has, or one more or less. Empty when there are too few. */
export function shareOf({ images, labels }: Samples, { rank, size }: Communicator): Samples {
  const from = Math.floor((rank * labels.length) / size);
  const to = Math.floor(((rank + 1) * labels.length) / size);
  const shape = images.shape.slice(1);
  const length = sizeOf(shape);
  const data = images.data.subarray(from * length, to * length);
  return { images: new Tensor(data, [to - from, ...shape]), labels: labels.slice(from, to) };
}

/** Sums over all replicas. */
export function totals(communicator: Communicator, ...values: number[]): number[] {
  const sums = Float64Array.from(values);
  communicator.allReduce(sums);
  return [...sums];
}

/**
 * Gives each parameter its mean over all replicas: after the first step, in which a norm may have set it from the samples
 * of its own replica. Equal copies stay as they are, to the bit.
 */
export function settle(parameters: readonly Tensor[], communicator: Communicator): void {
  for (const parameter of parameters) {
    const sums = Float64Array.from(parameter.data);
    communicator.allReduce(sums);
    for (let i = 0; i < sums.length; i++) parameter.data[i] = sums[i]! / communicator.size;
    touch(parameter);
  }
}

/** Throws an Error, on all replicas, unless all have the same parameters. */
export function checkEqual(parameters: readonly Tensor[], communicator: Communicator): void {
  const sums = new Float64Array(parameters.length);
  parameters.forEach(({ data }, at) => {
    for (let i = 0; i < data.length; i++) sums[at]! += data[i]! * (1 + (i % 7));
  });
  const [first, ...others] = allGather(communicator, sums) as [Float64Array, ...Float64Array[]];
  for (const other of others) {
    const at = other.findIndex((sum, i) => !Object.is(sum, first[i]));
    if (at >= 0) throw new Error(`the replicas must have the same parameters, and parameter ${at} differs; train on one thread`);
  }
}
