/**
 * The classifier: three blocks of convolution, norm and rectifier with pooling behind them, and a linear layer. A norm of
 * weights is put into the convolutions; the linear layer, whose outputs have to be of any size, stays plain.
 */
import { assign } from '../../tensor/assign.ts';
import { Conv2d } from '../../nn/conv2d.ts';
import { kaimingNormal } from '../../nn/init/kaiming.ts';
import { Linear } from '../../nn/linear.ts';
import { Flatten } from '../../nn/flatten.ts';
import { AvgPool2d, MaxPool2d } from '../../nn/pooling.ts';
import { ReLU } from '../../nn/activations.ts';
import type { Layer } from '../../nn/module.ts';
import { parametrize } from '../../nn/parametrize.ts';
import { Sequential } from '../../nn/sequential.ts';
import { entryOf } from '../../norms/catalog.ts';
import type { Random } from '../../tensor/random.ts';
import { zeros } from '../../tensor/create.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { recipeOf } from './recipe.ts';
import { stream } from './streams.ts';

/** What the network is built for. */
export interface NetworkOptions {
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** Factor on the initial weights of the convolutions. */
  readonly gain: number;
  readonly seed: number;
}

/** Channels behind each convolution. */
const CHANNELS = [8, 16, 32];

/** Pooling stops before the image gets smaller than this. */
const SMALLEST = 4;

/** The network of the training of this name, or with `none`. All have the same initial weights for the same seed. */
export function createNetwork(label: string, { height, width, classes, gain, seed }: NetworkOptions): Sequential {
  const { norm, weightNorm } = recipeOf(label);
  const random = stream(seed, 'weights');
  const layers: Layer[] = [];
  let extents = [height, width];
  let inChannels = 1;
  CHANNELS.forEach((channels, i) => {
    const conv = convolution(inChannels, channels, gain, random);
    layers.push(weightNorm === null ? conv : parametrize(conv, entryOf(weightNorm).transform!(stream(seed, 'norm'))));
    if (norm !== null) layers.push(createNorm(norm, channels, extents, seed));
    layers.push(new ReLU());
    if (i < CHANNELS.length - 1 && Math.min(...extents) >= 2 * SMALLEST) {
      layers.push(new MaxPool2d({ kernelSize: 2 }));
      extents = extents.map((extent) => Math.floor(extent / 2));
    }
    inChannels = channels;
  });
  layers.push(new AvgPool2d({ kernelSize: 2 }), new Flatten());
  const features = inChannels * sizeOf(extents.map((extent) => Math.floor(extent / 2)));
  layers.push(new Linear(features, classes, { random }));
  return new Sequential(...layers);
}

/** A convolution that keeps height and width, with weights as large as a rectifier behind it needs, times the gain. */
function convolution(inChannels: number, outChannels: number, gain: number, random: Random): Conv2d {
  const layer = new Conv2d(inChannels, outChannels, { kernelSize: 3, padding: 1, random });
  const weight = kaimingNormal(random, layer.weight.shape, { nonlinearity: 'relu' });
  for (let i = 0; i < weight.data.length; i++) weight.data[i]! *= gain;
  assign(layer.weight, weight);
  assign(layer.bias!, zeros(layer.bias!.shape));
  return layer;
}

function createNorm(slug: string, channels: number, spatial: readonly number[], seed: number): Layer {
  return entryOf(slug).classifier!(channels, spatial, stream(seed, 'norm')) as Layer;
}
