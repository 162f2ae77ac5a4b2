import type { Tensor } from '../tensor/tensor.ts';
import { type Layer, Module } from './module.ts';

/**
 * Layers one after another: `y = layers[n - 1](… layers[1](layers[0](x)))`. With no layer, `y` is `x`. In a state dict
 * the layers are named by their index, as in PyTorch: `0.weight`.
 * @example
 * ```ts
 * const network = new Sequential(new Flatten(), new ReLU());
 * toArray(network.forward(tensor([[[1, -2]]]))); // [[1, 0]]
 * ```
 */
export class Sequential extends Module {
  readonly layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    layers.forEach((layer, i) => {
      if (!(layer instanceof Module)) {
        throw new TypeError(
          `Sequential: every layer must be a Module, got ${typeof layer} at ${i}; wrap it in a Module`,
        );
      }
    });
    this.layers = layers;
  }

  override namedChildren(): [string, Module][] {
    return this.layers.map((layer, i) => [String(i), layer]);
  }

  forward(x: Tensor): Tensor {
    for (const layer of this.layers) x = layer.forward(x);
    return x;
  }
}
