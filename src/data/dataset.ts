import type { Tensor } from '../tensor/tensor.ts';

/** Labelled images. */
export interface Dataset {
  /** `[N, 1, height, width]`, float32, 0 (background) to 1. */
  readonly images: Tensor;
  /** The class of each image, an integer in [0, classes). */
  readonly labels: readonly number[];
  /** The number of classes. */
  readonly classes: number;
}
