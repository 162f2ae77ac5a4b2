import { Conv, type ConvLayerOptions } from './conv.ts';

/**
 * Convolution of `[N, in, length]` to `[N, out, length']` with `kernelSize`, `stride`, `padding`, `dilation`, `groups`
 * and `bias`, as PyTorch's; `weight` is `[out, in / groups, kernel]`, `bias` `[out]`. Throws as `Conv` does.
 * @example
 * ```ts
 * const layer = new Conv1d(3, 8, { kernelSize: 3, padding: 1, random: new Random(1) });
 * layer.forward(ones([2, 3, 5])).shape; // [2, 8, 5]
 * ```
 */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super('Conv1d', 1, inChannels, outChannels, options);
  }
}
