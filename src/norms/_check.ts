/** Argument checks that norms share. Each throws before anything is computed or changed. */
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Throws unless eps, or the option of another name that is one, is finite and not negative; 0 is legal. */
export function checkEps(caller: string, eps: number, name: string = 'eps'): void {
  if (!(typeof eps === 'number' && eps >= 0 && eps < Infinity)) {
    throw new RangeError(`${caller}: ${name} must be finite and at least 0, got ${eps}; 1e-5 is usual`);
  }
}

/** Throws unless momentum is in [0, 1]; it weighs the new value. */
export function checkMomentum(caller: string, momentum: number): void {
  if (!(typeof momentum === 'number' && momentum >= 0 && momentum <= 1)) {
    throw new RangeError(
      `${caller}: momentum must be in [0, 1], got ${momentum}; it weighs the new value (Keras' 0.99 is 0.01 here)`,
    );
  }
}

/** Throws unless `value` is an integer of at least 1. */
export function checkCount(caller: string, name: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1)) {
    throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}`);
  }
}

/** Throws unless the rank of x is within [least, most]. */
export function checkRank(caller: string, x: Tensor, least: number, most: number, layout: string): void {
  const rank = x.shape.length;
  if (rank < least || rank > most) {
    const range = most === Infinity ? `at least ${least}` : `${least} to ${most}`;
    throw new ShapeError(`${caller}: x must be ${layout}, of rank ${range}, got shape ${showShape(x.shape)}; reshape it`);
  }
}

/** Throws unless a parameter or a state tensor (null: absent) has the given shape, and the dtype of x. */
export function checkLike(caller: string, name: string, value: Tensor | null, shape: Shape, x: Tensor): void {
  if (!value) return;
  if (!sameShape(value.shape, shape)) {
    throw new ShapeError(
      `${caller}: ${name} must have shape ${showShape(shape)} for x of shape ${showShape(x.shape)}, ` +
        `got ${showShape(value.shape)}`,
    );
  }
  if (value.dtype !== x.dtype) {
    throw new TypeError(`${caller}: ${name} must have the dtype of x, ${x.dtype}, got ${value.dtype}; use cast(${name}, '${x.dtype}')`);
  }
}

/** The number of positions of `[N, C, ...spatial]` behind the channel axis. */
export function spatialSize(x: Tensor): number {
  return sizeOf(x.shape.slice(2));
}

/** Throws unless x is `[N, C, …]` with the number of channels a norm was made for. */
export function checkChannels(caller: string, x: Tensor, channels: number): void {
  if (x.shape[1] !== channels) {
    throw new ShapeError(`${caller}: x must have ${channels} channels at axis 1, got shape ${showShape(x.shape)}`);
  }
}

/** Throws unless `numGroups` is a positive integer that divides the number of channels. */
export function checkGroups(caller: string, numGroups: number, channels: number): void {
  checkCount(caller, 'numGroups', numGroups);
  if (channels % numGroups !== 0) {
    throw new ShapeError(`${caller}: numGroups must divide the number of channels, got ${numGroups} for ${channels}`);
  }
}
