/** The slices of a weight: everything at one index of an axis, or the whole weight. */
import { normalizeAxis, type Shape, sizeOf } from '../tensor/shape.ts';
import type { View } from './_moments.ts';

/** How a weight divides into slices along an axis. */
export interface Slices {
  /** The weight as `[outer, channel, inner]`: a slice is a channel. */
  readonly view: View;
  /** The axes that lie within a slice. */
  readonly axis: readonly number[];
  /** The shape of one number for each slice, to broadcast over the weight. */
  readonly shape: Shape;
}

/** The slices along `dim`, negative counting from the back; null: one slice, the whole weight. Throws out of range. */
export function slicesAlong(caller: string, shape: Shape, dim: number | null): Slices {
  if (dim === null) {
    return { view: { outer: 1, channel: 1, inner: sizeOf(shape) }, axis: shape.map((_, i) => i), shape: [] };
  }
  const kept = normalizeAxis(caller, dim, shape.length);
  return {
    view: { outer: sizeOf(shape.slice(0, kept)), channel: shape[kept]!, inner: sizeOf(shape.slice(kept + 1)) },
    axis: shape.map((_, i) => i).filter((i) => i !== kept),
    shape: shape.map((extent, i) => (i === kept ? extent : 1)),
  };
}

/** The Euclidean norm of each slice, its squares added up in double. */
export function normsOf(x: ArrayLike<number>, { outer, channel, inner }: View): Float64Array {
  const norms = new Float64Array(channel);
  for (let run = 0, i = 0; run < outer * channel; run++) {
    let squares = 0;
    for (const end = i + inner; i < end; i++) squares += x[i]! * x[i]!;
    norms[run % channel]! += squares;
  }
  for (let c = 0; c < channel; c++) norms[c] = Math.sqrt(norms[c]!);
  return norms;
}
