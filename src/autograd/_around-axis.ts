import { normalizeAxis, type Shape, sizeOf } from '../tensor/shape.ts';

/** A contiguous tensor read around one axis: element `(o, j, i)` is at `(o * count + j) * inner + i`. */
export interface AxisView {
  /** The axis, counted from the front. */
  readonly axis: number;
  /** The number of elements in front of the axis. */
  readonly outer: number;
  /** The extent of the axis. */
  readonly count: number;
  /** The number of elements behind the axis. */
  readonly inner: number;
}

/** `shape` seen around `axis`. Throws a RangeError, in the name of `caller`, for an axis outside the rank. */
export function aroundAxis(caller: string, shape: Shape, axis: number): AxisView {
  const at = normalizeAxis(caller, axis, shape.length);
  return { axis: at, outer: sizeOf(shape.slice(0, at)), count: shape[at]!, inner: sizeOf(shape.slice(at + 1)) };
}
