import { ShapeError } from '../../tensor/errors.ts';
import { type Shape, showShape, sizeOf } from '../../tensor/shape.ts';

/** How many inputs an output of a layer is made of, and how many outputs an input goes into. */
export interface Fans {
  fanIn: number;
  fanOut: number;
}

/**
 * The fans of a weight `[out, in, ...kernel]`: `fanIn = in * kernel elements`, `fanOut = out * kernel elements`, as
 * PyTorch counts them. Throws a ShapeError below rank 2.
 * @example
 * ```ts
 * fans([8, 4, 3, 3]); // { fanIn: 36, fanOut: 72 }
 * ```
 */
export function fans(shape: Shape): Fans {
  if (shape.length < 2) {
    throw new ShapeError(
      `fans: the shape must be [out, in, ...kernel], got ${showShape(shape)}; a bias has no fans of its own`,
    );
  }
  const kernel = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * kernel, fanOut: shape[0]! * kernel };
}
