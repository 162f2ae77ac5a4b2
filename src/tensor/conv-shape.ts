/** What a convolution is between: channels, groups and windows, checked once and shared by its three directions. */
import { ShapeError } from './errors.ts';
import { type Shape, showShape } from './shape.ts';
import { type PerAxis, type Window, windowOver } from './window.ts';

/** Options of a convolution. */
export interface ConvOptions {
  /** Steps from one window to the next, at least 1. Default 1. */
  stride?: PerAxis;
  /** Zeros added on either side of each spatial axis. Default 0. */
  padding?: PerAxis;
  /** Steps between the elements of one window, at least 1. Default 1. */
  dilation?: PerAxis;
  /** Channels are cut into this many groups that do not see each other. Divides both numbers of channels. Default 1. */
  groups?: number;
}

/** A convolution of `[batch, inChannels, ...input]` to `[batch, outChannels, ...output]`. */
export interface ConvShape extends Window {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
}

/**
 * The convolution of an input of shape `x` with a weight of shape `weight`. Throws a ShapeError when the two do not
 * fit each other or the groups, and a RangeError for options out of range.
 */
export function convShape(caller: string, x: Shape, weight: Shape, options: ConvOptions): ConvShape {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  if (x.length < 3 || weight.length !== x.length) {
    throw new ShapeError(
      `${caller}: x must be [N, C, ...spatial] and weight [O, C / groups, ...kernel], with as many axes, got ` +
        `${showShape(x)} and ${showShape(weight)}; reshape one of them`,
    );
  }
  if (!Number.isInteger(groups) || groups < 1) {
    throw new RangeError(`${caller}: groups must be an integer of at least 1, got ${groups}`);
  }
  const [batch, inChannels] = x as [number, number];
  const [outChannels, perGroup] = weight as [number, number];
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new ShapeError(
      `${caller}: groups must divide the channels of input and output, got ${groups} groups for ${inChannels} and ` +
        `${outChannels} channels`,
    );
  }
  if (perGroup * groups !== inChannels) {
    throw new ShapeError(
      `${caller}: axis 1 of weight must have extent ${inChannels / groups} (${inChannels} channels in ${groups} ` +
        `groups), got weight ${showShape(weight)} for x ${showShape(x)}`,
    );
  }
  const window = windowOver(caller, x.slice(2), weight.slice(2), { stride, padding, dilation });
  return { ...window, batch, inChannels, outChannels, groups };
}
