/** Data-parallel training: each replica takes a part of every batch, and what they measure is added up. */
import type { Communicator } from '../../parallel/communicator.ts';
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
