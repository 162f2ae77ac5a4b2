/** Pooling as modules, for `Sequential`: each one is the function of its name with its options held. */
import { avgPool2d, type AvgPoolOptions, globalAveragePool, maxPool2d, type PoolOptions } from '../autograd/pool.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

/** The maximum of each window of `[N, C, height, width]`; see `maxPool2d`. */
export class MaxPool2d extends Module {
  readonly options: PoolOptions;

  constructor(options: PoolOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.options);
  }
}

/** The average of each window of `[N, C, height, width]`; see `avgPool2d`. */
export class AvgPool2d extends Module {
  readonly options: AvgPoolOptions;

  constructor(options: AvgPoolOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.options);
  }
}

/** The mean over all spatial axes, `[N, C, ...spatial]` to `[N, C]`; see `globalAveragePool`. */
export class GlobalAveragePool extends Module {
  forward(x: Tensor): Tensor {
    return globalAveragePool(x);
  }
}
