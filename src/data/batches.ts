import { ShapeError } from '../tensor/errors.ts';
import { allocate } from '../tensor/dtype.ts';
import type { Random } from '../tensor/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Dataset } from './dataset.ts';

/** Some samples of a dataset. */
export interface Batch {
  /** `[size, 1, height, width]`, a copy. */
  readonly images: Tensor;
  readonly labels: readonly number[];
  /** Where the samples stand in the dataset. */
  readonly indices: readonly number[];
}

/** Options of `batches`. */
export interface BatchesOptions {
  /** Samples in a batch, a positive integer. */
  size: number;
  /** Shuffles the samples; drawn from once, before the first batch. Default: the dataset's order. */
  random?: Random;
  /** Leave out a last batch that is not full. Default false. */
  dropLast?: boolean;
}

/**
 * One pass over a dataset in batches: each sample once, but for those that `dropLast` leaves out.
 *
 * Throws a RangeError for a size that is no positive integer and a ShapeError when images and labels differ in number.
 * @example
 * ```ts
 * const digits = syntheticDigits(5, { random: new Random(1) });
 * [...batches(digits, { size: 2 })].map((batch) => batch.indices); // [[0, 1], [2, 3], [4]]
 * ```
 */
export function batches(dataset: Dataset, { size, random, dropLast = false }: BatchesOptions): Generator<Batch, void> {
  const count = dataset.labels.length;
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`batches: size must be a positive integer, got ${size}`);
  if (dataset.images.shape[0] !== count) {
    throw new ShapeError(
      `batches: there must be one label per image, got ${dataset.images.shape[0]} images and ${count} labels`,
    );
  }
  const order = random ? random.permutation(count) : Array.from({ length: count }, (_, i) => i);
  return inOrder(dataset, order, size, dropLast ? count - (count % size) : count);
}

function* inOrder({ images, labels }: Dataset, order: readonly number[], size: number, end: number): Generator<Batch, void> {
  const shape = images.shape.slice(1);
  const length = images.data.length / Math.max(1, labels.length);
  for (let start = 0; start < end; start += size) {
    const indices = order.slice(start, Math.min(start + size, end));
    const data = allocate(images.dtype, indices.length * length);
    indices.forEach((index, i) => data.set(images.data.subarray(index * length, (index + 1) * length), i * length));
    yield { images: new Tensor(data, [indices.length, ...shape]), labels: indices.map((index) => labels[index]!), indices };
  }
}
