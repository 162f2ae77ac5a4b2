/** Activations as modules, for `Sequential`: each one is the function of its name with its options held. */
import { elu } from '../autograd/elu.ts';
import { gelu, type GeluOptions } from '../autograd/gelu.ts';
import { leakyRelu } from '../autograd/leaky-relu.ts';
import { relu } from '../autograd/relu.ts';
import { sigmoid } from '../autograd/sigmoid.ts';
import { silu } from '../autograd/silu.ts';
import { softmax } from '../autograd/softmax.ts';
import { softplus } from '../autograd/softplus.ts';
import { tanh } from '../autograd/tanh.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

/** `y = max(x, 0)`; see `relu`. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** `y = x > 0 ? x : slope * x`; see `leakyRelu`. */
export class LeakyReLU extends Module {
  readonly slope: number;

  /** `slope` defaults to 0.01. */
  constructor({ slope = 0.01 }: { slope?: number } = {}) {
    super();
    this.slope = slope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.slope);
  }
}

/** `y = x > 0 ? x : alpha * (exp(x) - 1)`; see `elu`. */
export class ELU extends Module {
  readonly alpha: number;

  /** `alpha` defaults to 1. */
  constructor({ alpha = 1 }: { alpha?: number } = {}) {
    super();
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}

/** `y = 1 / (1 + exp(-x))`; see `sigmoid`. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** `y = tanh(x)`. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** `y = x * P(normal deviate < x)`; see `gelu`. */
export class GELU extends Module {
  readonly options: GeluOptions;

  /** The options of `gelu`. */
  constructor(options: GeluOptions = {}) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.options);
  }
}

/** `y = x / (1 + exp(-x))`; see `silu`. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** `y = log(1 + exp(x))`; see `softplus`. */
export class Softplus extends Module {
  forward(x: Tensor): Tensor {
    return softplus(x);
  }
}

/** `y = exp(x) / sum of exp(x) over axis`; see `softmax`. */
export class Softmax extends Module {
  readonly axis: number;

  /** `axis` defaults to the last one. */
  constructor({ axis = -1 }: { axis?: number } = {}) {
    super();
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.axis);
  }
}
