/**
 * A weight that is a function of parameters: `weight = transforms[n - 1](… transforms[0](original))`.
 *
 * `parametrize` puts one in the place of a layer's weight. During a forward of the layer the weight is computed once,
 * when it is first read, and kept until the forward ends, so that a transform with a state (the power iteration of
 * spectral norm) moves it once per forward. Read at any other time, the weight is computed as in eval, which changes
 * no state.
 */
import { isRecording } from '../autograd/record.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Layer, Module } from './module.ts';
import type { Parameter } from './parameter.ts';

/**
 * A function from a weight to a weight of the same shape and dtype. Any layer of one tensor is one; a norm of weights
 * may have parameters and state of its own, which `initialize` makes from the weight that it will be given.
 */
export type WeightTransform = Layer & {
  /** Called once, by `parametrize`, without recording: makes parameters and state that fit `weight`. */
  initialize?(weight: Tensor): void;
};

let region: Set<Parametrization> | null = null;

/**
 * Runs `body`, in which each parametrized weight is computed once, at its first use, however often its layer is used:
 * for a layer that a network calls several times. Inside another `cacheWeights` it only runs `body`.
 * @example
 * ```ts
 * const layer = parametrize(new Linear(2, 2, { random: new Random(1) }), new Tanh());
 * layer.weight === layer.weight; // false
 * cacheWeights(() => layer.weight === layer.weight); // true
 * ```
 */
export function cacheWeights<T>(body: () => T): T {
  if (region) return body();
  const held = new Set<Parametrization>();
  region = held;
  try {
    return body();
  } finally {
    region = null;
    for (const parametrization of held) parametrization.release();
  }
}

/** The parameter that a layer had, and the transforms between it and the weight that the layer sees. */
export class Parametrization extends Module {
  readonly original: Parameter;
  /** Applied first to last. */
  readonly transforms: WeightTransform[] = [];
  #computed: { readonly weight: Tensor; readonly recording: boolean } | null = null;
  #holders = 0;

  constructor(original: Parameter) {
    super();
    this.original = original;
  }

  override namedChildren(): [string, Module][] {
    return this.transforms.map((transform, i) => [String(i), transform]);
  }

  /** Computes the weight. */
  forward(): Tensor {
    let weight: Tensor = this.original;
    for (const transform of this.transforms) weight = transform.forward(weight);
    return weight;
  }

  /** The weight as in eval: no state of a transform is changed. */
  inspect(): Tensor {
    return inEval(this, () => this.forward());
  }

  /** The weight: the one that is kept during a forward or `cacheWeights`, else that of `inspect`. */
  read(): Tensor {
    if (region && !region.has(this)) {
      region.add(this);
      this.hold();
    }
    if (this.#holders === 0) return this.inspect();
    const recording = isRecording();
    // One that was computed without recording has no path for a gradient.
    if (this.#computed?.recording !== recording) this.#computed = { weight: this.forward(), recording };
    return this.#computed.weight;
  }

  /** Begins a time in which the weight is computed once; each call wants a `release`. */
  hold(): void {
    this.#holders++;
  }

  /** Ends what `hold` began. */
  release(): void {
    if (--this.#holders === 0) this.#computed = null;
  }
}

/** Runs `body` while `module` and all below it are in eval, and puts each back to what it was. */
export function inEval<T>(module: Module, body: () => T): T {
  const trained = module.modules().filter((found) => found.training);
  for (const found of trained) found.training = false;
  try {
    return body();
  } finally {
    for (const found of trained) found.training = true;
  }
}
