import { reshape } from '../autograd/reshape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { normalizeAxis, showShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

/** Options of `Flatten`. */
export interface FlattenOptions {
  /** First axis to join. Default 1: the batch stays. */
  startAxis?: number;
  /** Last axis to join. Default -1. */
  endAxis?: number;
}

/**
 * Joins the axes from `startAxis` to `endAxis` into one. The forward throws a RangeError for axes outside the rank, a
 * ShapeError when they are in the wrong order.
 * @example
 * ```ts
 * new Flatten().forward(ones([2, 3, 4, 5])).shape; // [2, 60]
 * ```
 */
export class Flatten extends Module {
  readonly startAxis: number;
  readonly endAxis: number;

  constructor({ startAxis = 1, endAxis = -1 }: FlattenOptions = {}) {
    super();
    this.startAxis = startAxis;
    this.endAxis = endAxis;
  }

  forward(x: Tensor): Tensor {
    const { shape } = x;
    const start = normalizeAxis('Flatten', this.startAxis, shape.length);
    const end = normalizeAxis('Flatten', this.endAxis, shape.length) + 1;
    if (start >= end) {
      throw new ShapeError(
        `Flatten: startAxis must not be after endAxis, got ${start} and ${end - 1} of ${showShape(shape)}`,
      );
    }
    return reshape(x, [...shape.slice(0, start), sizeOf(shape.slice(start, end)), ...shape.slice(end)]);
  }
}
