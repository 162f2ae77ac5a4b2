import { Conv, type ConvLayerOptions } from './conv.ts';

/**
 * Convolution of `[N, in, height, width]` to `[N, out, height', width']` with `kernelSize`, `stride`, `padding`,
 * `dilation`, `groups` and `bias`, as PyTorch's; `weight` is `[out, in / groups, kernel height, kernel width]`, `bias`
 * `[out]`. Throws as `Conv` does.
 * @example
 * ```ts
 * const layer = new Conv2d(3, 8, { kernelSize: 3, padding: 1, random: new Random(1) });
 * layer.forward(ones([2, 3, 5, 6])).shape; // [2, 8, 5, 6]
 * ```
 */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super('Conv2d', 2, inChannels, outChannels, options);
  }
}
