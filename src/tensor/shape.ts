/**
 * Shapes: tuples of extents, outermost first. All tensors are contiguous and row-major, so a shape alone says where
 * an element lies.
 */
import { ShapeError } from './errors.ts';

export type Shape = readonly number[];

/** The number of elements of a tensor of this shape; 1 for the empty shape of a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Whether two shapes are the same, extent by extent. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** A shape for an error message: `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Steps between neighbours along each axis, in elements, of a contiguous row-major tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** `axis` counted from the front; negative axes count from the back. Throws a RangeError outside the rank. */
export function normalizeAxis(caller: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(`${caller}: axis must be an integer in [${-rank}, ${rank - 1}] for rank ${rank}, got ${axis}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** A list of axes as increasing indices from the front; `undefined` means all. Throws for repeated axes. */
export function normalizeAxes(caller: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(caller, axis, rank));
  list.sort((a, b) => a - b);
  if (list.some((axis, i) => axis === list[i - 1])) {
    throw new RangeError(`${caller}: axes must be different, got [${axes}] for rank ${rank}`);
  }
  return list;
}

/** `shape` with each of `axes` (normalized) reduced to extent 1. */
export function keepAxes(shape: Shape, axes: readonly number[]): number[] {
  const kept = shape.slice();
  for (const axis of axes) kept[axis] = 1;
  return kept;
}

/**
 * The shape two shapes broadcast to, by NumPy's rule: aligned at the last axis, an extent of 1 (or a missing axis)
 * stretches to the other's. Throws a ShapeError where both extents are above 1 and differ.
 */
export function broadcastShapes(caller: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const p = a[axis - rank + a.length] ?? 1;
    const q = b[axis - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new ShapeError(
        `${caller}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast: aligned at the last axis, extents ` +
          `must be equal or 1, got ${p} and ${q}; reshape or transpose one of them`,
      );
    }
    shape[axis] = p === 1 ? q : p;
  }
  return shape;
}

/** Throws unless every extent is a non-negative integer. */
export function checkShape(caller: string, shape: Shape): void {
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0) {
      throw new RangeError(`${caller}: a shape is made of non-negative integers, got ${showShape(shape)}`);
    }
  }
}
