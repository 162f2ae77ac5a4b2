/** The slices of layer norm and RMS norm: the trailing axes of a tensor. */
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkCount } from './_check.ts';

/** `normalizedShape` as a list of positive integers. Throws when it is empty. */
export function trailing(caller: string, normalizedShape: number | Shape): Shape {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (shape.length === 0) {
    throw new ShapeError(`${caller}: normalizedShape must name at least one axis, got []; pass the trailing axes of x`);
  }
  for (const extent of shape) checkCount(caller, 'each extent of normalizedShape', extent);
  return shape;
}

/** How x divides into slices: how many, how long, and over which axes. Throws when its trailing axes are others. */
export function slices(caller: string, x: Tensor, shape: Shape): { rows: number; length: number; axis: number[] } {
  const lead = x.shape.length - shape.length;
  if (lead < 0 || !sameShape(x.shape.slice(lead), shape)) {
    throw new ShapeError(
      `${caller}: the trailing axes of x must be normalizedShape ${showShape(shape)}, got x of shape ` +
        `${showShape(x.shape)}; move the normalized axes last`,
    );
  }
  return {
    rows: sizeOf(x.shape.slice(0, lead)),
    length: sizeOf(shape),
    axis: shape.map((_, i) => lead + i),
  };
}
