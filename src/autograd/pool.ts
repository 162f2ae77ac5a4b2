/** Pooling: each window over the last two axes becomes one number, its maximum or its average. */
import { allocate } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { averageAdjointKernel, averageKernel, maxIndices } from '../tensor/pool-kernel.ts';
import { type Shape, showShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type PerAxis, type Window, windowOver } from '../tensor/window.ts';
import { mean } from './mean.ts';
import { type Op, record } from './record.ts';
import { reshape } from './reshape.ts';
import { take } from './take.ts';

/** Options of `maxPool2d`. */
export interface PoolOptions {
  /** Height and width of a window, or one number for both. */
  kernelSize: PerAxis;
  /** Steps from one window to the next. Default: `kernelSize`. */
  stride?: PerAxis;
  /** Elements added on every side, at most half of `kernelSize`. Default 0. */
  padding?: PerAxis;
}

/** Options of `avgPool2d`. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts in the size that the sum of a window is divided by. Default true. */
  countIncludePad?: boolean;
}

/**
 * `y = max of each window` over the last two axes of x, `[N, C, height, width]`; padding counts as -Infinity. There are
 * `floor((extent + 2 * padding - kernelSize) / stride) + 1` windows along each axis. Of equal maxima the first in
 * row-major order receives the gradient; a NaN in a window is its maximum.
 *
 * Throws a ShapeError when x has less than 2 axes or no window fits, and a RangeError for options out of range.
 * @example
 * ```ts
 * toArray(maxPool2d(tensor([[[[1, 2, 5, 3], [4, 0, 1, 1]]]]), { kernelSize: 2 })); // [[[[4, 5]]]]
 * ```
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  const window = poolWindow('maxPool2d', x.shape, options);
  const shape = [...x.shape.slice(0, -2), ...window.output];
  const flat = maxIndices(x.data, sizeOf(x.shape.slice(0, -2)), window);
  return take(reshape(x, [x.data.length]), { flat, shape });
}

/**
 * `y = sum of each window / its size` over the last two axes of x, `[N, C, height, width]`; padding counts as 0. Windows
 * lie as those of `maxPool2d`. The size is `kernelSize` squared, or with `countIncludePad: false` the number of
 * elements of x in the window.
 *
 * Throws a ShapeError when x has less than 2 axes or no window fits, and a RangeError for options out of range.
 * @example
 * ```ts
 * toArray(avgPool2d(tensor([[[[1, 2, 5, 3], [5, 0, 1, 1]]]]), { kernelSize: 2 })); // [[[[2, 2.5]]]]
 * ```
 */
export function avgPool2d(x: Tensor, options: AvgPoolOptions): Tensor {
  const window = poolWindow('avgPool2d', x.shape, options);
  return average(x, window, !(options.countIncludePad ?? true));
}

/**
 * `y[n, c] = mean of x[n, c] over all spatial axes`, for x of shape `[N, C, ...spatial]`. Throws a ShapeError when x has
 * no spatial axis.
 * @example
 * ```ts
 * toArray(globalAveragePool(tensor([[[[1, 2], [3, 4]], [[5, 5], [5, 9]]]]))); // [[2.5, 6]]
 * ```
 */
export function globalAveragePool(x: Tensor): Tensor {
  if (x.shape.length < 3) {
    throw new ShapeError(
      `globalAveragePool: x must be [N, C, ...spatial] with at least one spatial axis, got ${showShape(x.shape)}`,
    );
  }
  return mean(x, { axis: x.shape.slice(2).map((_, axis) => axis + 2) });
}

interface Averaged {
  window: Window;
  inside: boolean;
}

function average(x: Tensor, window: Window, inside: boolean): Tensor {
  const shape = [...x.shape.slice(0, -2), ...window.output];
  const y = new Tensor(allocate(x.dtype, sizeOf(shape)), shape);
  averageKernel(y.data, x.data, window, inside);
  return record(averageOp, [x], { window, inside }, y);
}

const averageOp: Op<Averaged> = {
  name: 'avgPool2d',
  pullback: (dy, { window, inside }) => [averageAdjoint(dy, window, inside)],
};

function averageAdjoint(dy: Tensor, window: Window, inside: boolean): Tensor {
  const shape = [...dy.shape.slice(0, -2), ...window.input];
  const dx = new Tensor(allocate(dy.dtype, sizeOf(shape)), shape);
  averageAdjointKernel(dx.data, dy.data, window, inside);
  return record(averageAdjointOp, [dy], { window, inside }, dx);
}

const averageAdjointOp: Op<Averaged> = {
  name: 'avgPool2d (adjoint)',
  pullback: (ddx, { window, inside }) => [average(ddx, window, inside)],
};

/** The windows of a pooling, each of which holds at least one element of x. */
function poolWindow(caller: string, shape: Shape, { kernelSize, stride = kernelSize, padding = 0 }: PoolOptions): Window {
  if (shape.length < 2) {
    throw new ShapeError(`${caller}: x must be [N, C, height, width], got ${showShape(shape)}`);
  }
  const window = windowOver(caller, shape.slice(-2), kernelSize, { stride, padding, dilation: 1 });
  if (window.padding.some((count, axis) => 2 * count > window.kernel[axis]!)) {
    throw new RangeError(
      `${caller}: padding must be at most half of kernelSize, got ${showShape(window.padding)} for kernelSize ` +
        `${showShape(window.kernel)}; a window of nothing but padding has no value`,
    );
  }
  return window;
}
