/** Windows over the last two axes: where their maxima lie, their averages, and the adjoint of these. */
import type { FloatArray } from './dtype.ts';
import { sizeOf } from './shape.ts';
import type { Window } from './window.ts';

/**
 * The index in `x` of the maximum of each window: the first of equal ones, and the first NaN where there is one.
 * Padding is never the maximum.
 */
export function maxIndices(x: FloatArray, planes: number, { input, kernel, stride, padding, output }: Window): Int32Array {
  const [height, width] = input as [number, number];
  const [rows, columns] = output as [number, number];
  const index = new Int32Array(planes * rows * columns);
  let to = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * height * width;
    for (let row = 0; row < rows; row++) {
      const top = row * stride[0]! - padding[0]!;
      const bottom = Math.min(top + kernel[0]!, height);
      for (let column = 0; column < columns; column++) {
        const left = column * stride[1]! - padding[1]!;
        const right = Math.min(left + kernel[1]!, width);
        const firstColumn = Math.max(left, 0);
        let best = start + Math.max(top, 0) * width + firstColumn;
        let most = x[best]!;
        for (let i = Math.max(top, 0); i < bottom; i++) {
          const from = start + i * width;
          for (let j = firstColumn; j < right; j++) {
            const value = x[from + j]!;
            // Every comparison with NaN is false: so one is taken as soon as it comes, and kept.
            if (most === most && !(value <= most)) {
              most = value;
              best = from + j;
            }
          }
        }
        index[to++] = best;
      }
    }
  }
  return index;
}

/** `y = sum of a window / its size`; the size leaves padding out when `inside` is set. */
export function averageKernel(y: FloatArray, x: FloatArray, window: Window, inside: boolean): void {
  const { input, kernel, stride, padding, output } = window;
  const [height, width] = input as [number, number];
  const [rows, columns] = output as [number, number];
  const planes = y.length / sizeOf(output);
  const full = kernel[0]! * kernel[1]!;
  let to = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * height * width;
    for (let row = 0; row < rows; row++) {
      const top = Math.max(row * stride[0]! - padding[0]!, 0);
      const bottom = Math.min(row * stride[0]! - padding[0]! + kernel[0]!, height);
      for (let column = 0; column < columns; column++) {
        const left = Math.max(column * stride[1]! - padding[1]!, 0);
        const right = Math.min(column * stride[1]! - padding[1]! + kernel[1]!, width);
        let total = 0;
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) total += x[start + i * width + j]!;
        }
        y[to++] = total / (inside ? (bottom - top) * (right - left) : full);
      }
    }
  }
}

/** The adjoint of `averageKernel`: each element of `dy`, divided by the size of its window, is added to all of it. */
export function averageAdjointKernel(dx: FloatArray, dy: FloatArray, window: Window, inside: boolean): void {
  const { input, kernel, stride, padding, output } = window;
  const [height, width] = input as [number, number];
  const [rows, columns] = output as [number, number];
  const planes = dy.length / sizeOf(output);
  const full = kernel[0]! * kernel[1]!;
  const total = new Float64Array(dx.length);
  let from = 0;
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * height * width;
    for (let row = 0; row < rows; row++) {
      const top = Math.max(row * stride[0]! - padding[0]!, 0);
      const bottom = Math.min(row * stride[0]! - padding[0]! + kernel[0]!, height);
      for (let column = 0; column < columns; column++) {
        const left = Math.max(column * stride[1]! - padding[1]!, 0);
        const right = Math.min(column * stride[1]! - padding[1]! + kernel[1]!, width);
        const share = dy[from++]! / (inside ? (bottom - top) * (right - left) : full);
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) total[start + i * width + j]! += share;
        }
      }
    }
  }
  dx.set(total);
}
