/** Convolution by its usual names, which fix the number of spatial axes. */
import { ShapeError } from '../tensor/errors.ts';
import type { ConvOptions } from '../tensor/conv-shape.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { conv } from './conv.ts';

/** `conv` for `x` `[N, C, L]` and `weight` `[O, C / groups, K]`. Throws a ShapeError for another rank. */
export function conv1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  return ofRank('conv1d', 3, x, weight, bias, options);
}

/**
 * `conv` for `x` `[N, C, H, W]` and `weight` `[O, C / groups, KH, KW]`. Throws a ShapeError for another rank.
 * @example
 * ```ts
 * const x = reshape(arange(0, 9), [1, 1, 3, 3]);
 * toArray(conv2d(x, ones([1, 1, 2, 2]))); // [[[[8, 12], [20, 24]]]]
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  return ofRank('conv2d', 4, x, weight, bias, options);
}

/** `conv` for `x` `[N, C, D, H, W]` and `weight` `[O, C / groups, KD, KH, KW]`. Throws a ShapeError for another rank. */
export function conv3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  return ofRank('conv3d', 5, x, weight, bias, options);
}

function ofRank(caller: string, rank: number, x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions): Tensor {
  if (x.shape.length !== rank || weight.shape.length !== rank) {
    throw new ShapeError(
      `${caller}: x and weight must have rank ${rank}, got ${showShape(x.shape)} and ${showShape(weight.shape)}; ` +
        'add the batch and channel axes, or use conv',
    );
  }
  return conv(x, weight, bias, options);
}
