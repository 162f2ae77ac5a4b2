import { type Shape, sizeOf } from './shape.ts';

/**
 * Where the elements of a strided view lie: `index[0] * steps[0] + index[1] * steps[1] + …` for every index below
 * `extents`, the last axis fastest. A window, a transpose or a broadcast becomes a list of places by this.
 */
export function offsets(extents: Shape, steps: readonly number[]): Int32Array {
  const out = new Int32Array(sizeOf(extents));
  if (out.length === 0) return out;
  let filled = 1;
  for (let axis = extents.length - 1; axis >= 0; axis--) {
    const count = filled;
    for (let i = 1; i < extents[axis]!; i++) {
      for (let j = 0; j < count; j++) out[filled++] = out[j]! + i * steps[axis]!;
    }
  }
  return out;
}
