/** Windows that slide over the spatial axes of a tensor: what convolution and pooling share. */
import { ShapeError } from './errors.ts';
import { type Shape, showShape } from './shape.ts';

/** One number for all spatial axes, or a list with one for each. */
export type PerAxis = number | readonly number[];

/** A window over spatial axes: every field has one number for each of them. */
export interface Window {
  /** extents of the input, without padding */
  readonly input: Shape;
  /** elements that a window takes */
  readonly kernel: Shape;
  /** steps from one window to the next */
  readonly stride: Shape;
  /** elements added on either side of the input */
  readonly padding: Shape;
  /** steps between the elements of one window */
  readonly dilation: Shape;
  /** how many windows there are */
  readonly output: Shape;
}

/** `value` as a list of `rank` integers. Throws a RangeError unless each is at least `least`. */
export function perAxis(caller: string, name: string, value: PerAxis, rank: number, least: number): number[] {
  const list = typeof value === 'number' ? new Array<number>(rank).fill(value) : value.slice();
  if (list.length !== rank) {
    throw new RangeError(
      `${caller}: ${name} must be one number or ${rank}, one for each spatial axis, got ${showShape(list)}`,
    );
  }
  for (const entry of list) {
    if (!Number.isInteger(entry) || entry < least) {
      const came = typeof value === 'number' ? value : showShape(list);
      throw new RangeError(`${caller}: ${name} must be made of integers of at least ${least}, got ${came}`);
    }
  }
  return list;
}

/**
 * The windows of extents `kernel` over an input of extents `input`; there are
 * `floor((input + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1` of them along each axis.
 *
 * Throws a RangeError for a number that is not an integer or too small, and a ShapeError when not one window fits.
 */
export function windowOver(
  caller: string,
  input: Shape,
  kernel: PerAxis,
  { stride, padding, dilation }: { stride: PerAxis; padding: PerAxis; dilation: PerAxis },
): Window {
  const rank = input.length;
  const window = {
    input: input.slice(),
    kernel: perAxis(caller, 'kernelSize', kernel, rank, 1),
    stride: perAxis(caller, 'stride', stride, rank, 1),
    padding: perAxis(caller, 'padding', padding, rank, 0),
    dilation: perAxis(caller, 'dilation', dilation, rank, 1),
  };
  const padded = window.input.map((extent, axis) => extent + 2 * window.padding[axis]!);
  const reach = window.kernel.map((extent, axis) => window.dilation[axis]! * (extent - 1) + 1);
  if (reach.some((extent, axis) => extent > padded[axis]!)) {
    throw new ShapeError(
      `${caller}: the window must fit into the padded input, got a window of ${showShape(reach)} over ` +
        `${showShape(padded)}; use a smaller kernel or more padding`,
    );
  }
  const output = reach.map((extent, axis) => Math.floor((padded[axis]! - extent) / window.stride[axis]!) + 1);
  return { ...window, output };
}
