import { Conv, type ConvLayerOptions } from './conv.ts';

/**
 * Convolution of `[N, in, depth, height, width]` to `[N, out, depth', height', width']` with `kernelSize`, `stride`,
 * `padding`, `dilation`, `groups` and `bias`, as PyTorch's; `weight` is `[out, in / groups, ...kernel]`, `bias`
 * `[out]`. Throws as `Conv` does.
 * @example
 * ```ts
 * const layer = new Conv3d(3, 8, { kernelSize: 3, padding: 1, random: new Random(1) });
 * layer.forward(ones([2, 3, 4, 5, 6])).shape; // [2, 8, 4, 5, 6]
 * ```
 */
export class Conv3d extends Conv {
  constructor(inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super('Conv3d', 3, inChannels, outChannels, options);
  }
}
