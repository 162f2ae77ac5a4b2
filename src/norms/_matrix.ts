/** A weight seen as a matrix: one row for each output, whatever the rank of the weight and wherever that axis stands. */
import { permute } from '../autograd/permute.ts';
import { reshape } from '../autograd/reshape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { normalizeAxis, type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * `weight` as `[h, w]`: axis `dim` in front, `h` its extent, the other axes in their order as one, differentiably. A
 * vector is a column. Nothing is copied for the first axis. Throws a ShapeError for a scalar and a RangeError for an
 * axis outside the rank.
 */
export function matrixOf(caller: string, weight: Tensor, dim: number): Tensor {
  const { shape } = weight;
  if (shape.length === 0) {
    throw new ShapeError(`${caller}: weight must have an axis, got ${showShape(shape)}; a scalar is no map`);
  }
  const axis = normalizeAxis(caller, dim, shape.length);
  const extent = shape[axis]!;
  return reshape(axis === 0 ? weight : permute(weight, inFront(axis, shape.length)), [extent, sizeOf(shape) / (extent || 1)]);
}

/** Undoes `matrixOf` for a weight of this shape. */
export function weightOf(matrix: Tensor, shape: Shape, dim: number): Tensor {
  const axis = normalizeAxis('weightOf', dim, shape.length);
  if (axis === 0) return reshape(matrix, shape);
  const order = inFront(axis, shape.length);
  const back = order.map((_, at) => order.indexOf(at));
  return permute(reshape(matrix, order.map((from) => shape[from]!)), back);
}

/** The axes with one of them moved to the front. */
function inFront(axis: number, rank: number): number[] {
  return [axis, ...Array.from({ length: rank }, (_, at) => at).filter((at) => at !== axis)];
}
