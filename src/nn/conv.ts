/** What the convolution layers share: `Conv1d`, `Conv2d` and `Conv3d` only fix the number of spatial axes. */
import { conv } from '../autograd/conv.ts';
import type { ConvOptions } from '../tensor/conv-shape.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { type Random, uniform } from '../tensor/random.ts';
import { showShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type PerAxis, perAxis } from '../tensor/window.ts';
import { checkPositive, checkRandom } from './_check.ts';
import { kaimingUniform } from './init/kaiming.ts';
import { Module } from './module.ts';
import { type Parameter, parameter } from './parameter.ts';

/** Options of the convolution layers. */
export interface ConvLayerOptions extends ConvOptions {
  /** Where the initial weights come from. */
  random: Random;
  /** Extents of the kernel, or one number for all axes. */
  kernelSize: PerAxis;
  /** Whether to add a bias. Default true. */
  bias?: boolean;
  /** Element type. Default `'float32'`. */
  dtype?: DType;
}

/**
 * `conv` with a `weight` `[out, in / groups, ...kernel]` and a `bias` `[out]`, both uniform in `±1 / sqrt(fanIn)` at
 * the start, as in PyTorch; `fanIn` is the product of all extents of the weight but the first.
 */
export abstract class Conv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly #caller: string;

  /** Throws a RangeError for sizes out of range and a ShapeError when `groups` does not divide the channels. */
  constructor(caller: string, rank: number, inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super();
    const { random, kernelSize, bias = true, dtype = 'float32' } = options;
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    checkPositive(caller, 'inChannels', inChannels);
    checkPositive(caller, 'outChannels', outChannels);
    checkPositive(caller, 'groups', groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ShapeError(
        `${caller}: groups must divide the channels, got ${groups} groups for ${inChannels} and ${outChannels} ` +
          'channels; change one of them',
      );
    }
    checkRandom(caller, random);
    const shape = [outChannels, inChannels / groups, ...perAxis(caller, 'kernelSize', kernelSize, rank, 1)];
    this.stride = perAxis(caller, 'stride', stride, rank, 1);
    this.padding = perAxis(caller, 'padding', padding, rank, 0);
    this.dilation = perAxis(caller, 'dilation', dilation, rank, 1);
    this.groups = groups;
    this.#caller = caller;
    const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
    this.weight = parameter(kaimingUniform(random, shape, { slope: Math.sqrt(5), dtype }));
    this.bias = bias ? parameter(uniform(random, [outChannels], -bound, bound, { dtype })) : null;
  }

  forward(x: Tensor): Tensor {
    const rank = this.weight.shape.length;
    const channels = this.weight.shape[1]! * this.groups;
    if (x.shape.length !== rank || x.shape[1] !== channels) {
      throw new ShapeError(
        `${this.#caller}: x must be [N, ${channels}, ...spatial] of rank ${rank}, got ${showShape(x.shape)}; ` +
          'channels come before the spatial axes',
      );
    }
    const { stride, padding, dilation, groups } = this;
    return conv(x, this.weight, this.bias, { stride, padding, dilation, groups });
  }
}
