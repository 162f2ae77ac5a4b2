/**
 * Putting a transform between a layer's parameter and the weight the layer sees, and taking it out again.
 *
 * The layer stays the object it was. Its field `weight` gives the computed weight, with its path for gradients; what
 * was there is the parameter `parametrizations.weight.original`, and the parameters and the state of the transforms
 * are `parametrizations.weight.0.…`, `parametrizations.weight.1.…`, as in PyTorch.
 */
import { detach, noGrad } from '../autograd/record.ts';
import { assign } from '../tensor/assign.ts';
import { copy } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';
import { Parameter, parameter } from './parameter.ts';
import { inEval, Parametrization, type WeightTransform } from './parametrization.ts';

/** Options of `parametrize` and `parametrizationOf`. */
export interface ParametrizeOptions {
  /** The field of the layer that holds the parameter. Default `'weight'`. */
  name?: string;
}

/** Transforms with parameters or state of their own, which belong to one weight. */
const owned: WeakSet<Module> = new WeakSet();

/** Layers whose `forward` keeps the weight while it runs, and the field `forward` that each had of its own. */
const holding: WeakMap<Module, PropertyDescriptor | null> = new WeakMap();

const PREFIX = 'parametrizations.';

/**
 * Makes a weight of `layer` the result of `transform`, and returns the layer. A second call puts its transform on top
 * of the first: `weight = second(first(original))`. The transform gets the mode (train or eval) of the layer, and from
 * then on follows it; `parameters` lists the original and the transform's own parameters. A parameter that was handed
 * to an optimizer before stays the same object.
 *
 * `transform` is any module from one tensor to one of the same shape and dtype; one that has `initialize` belongs to
 * one weight. Throws a TypeError when the layer has no such parameter, or the transform is no module or changes the
 * dtype, a ShapeError when it changes the shape, and a RangeError when it belongs to another weight. The layer is then
 * as before.
 *
 * Load a state dict that was saved from plain weights before this, and one that was saved with a transform after it.
 * @example
 * ```ts
 * const layer = parametrize(new Linear(3, 2, { random: new Random(1) }), new Softplus());
 * layer.weight.data.every((w) => w > 0); // true
 * Object.keys(layer.stateDict()); // ['bias', 'parametrizations.weight.original']
 * Object.keys(bake(layer).stateDict()); // ['weight', 'bias']
 * layer.weight.data.every((w) => w > 0); // true
 * ```
 */
export function parametrize<M extends Module>(
  layer: M,
  transform: WeightTransform,
  { name = 'weight' }: ParametrizeOptions = {},
): M {
  if (!(transform instanceof Module)) {
    throw new TypeError(
      `parametrize: transform must be a Module, got ${typeof transform}; make the function the forward of a class ` +
        'that extends Module',
    );
  }
  const before = parametrizationOf(layer, { name });
  const parametrization = before ?? new Parametrization(plainParameter(layer, name));
  if (owned.has(transform)) {
    throw new RangeError(
      'parametrize: a transform with parameters or state belongs to one weight, got one that is in use; make one for ' +
        'each weight',
    );
  }
  noGrad(() => {
    const weight = detach(parametrization.inspect());
    transform.initialize?.(weight);
    checkResult(weight, inEval(transform, () => transform.forward(weight)));
  });
  if (transform.initialize) owned.add(transform);
  parametrization.transforms.push(transform);
  parametrization.train(layer.training);
  if (!before) attach(layer, name, parametrization);
  return layer;
}

/**
 * What `parametrize` made of a weight: its `original` and its `transforms`; null for a plain one.
 * @example
 * ```ts
 * const layer = parametrize(new Linear(3, 2, { random: new Random(1) }), new Softplus());
 * parametrizationOf(layer)!.original.shape; // [2, 3]
 * parametrizationOf(layer, { name: 'bias' }); // null
 * ```
 */
export function parametrizationOf(layer: Module, { name = 'weight' }: ParametrizeOptions = {}): Parametrization | null {
  if (!(layer instanceof Module)) throw new TypeError(`parametrize: layer must be a Module, got ${typeof layer}`);
  const found = Object.getOwnPropertyDescriptor(layer, PREFIX + name)?.value as unknown;
  return found instanceof Parametrization ? found : null;
}

/**
 * Takes all transforms out of `module` and everything below it, and returns it. Each weight is a plain parameter
 * again, the object that was the original, with the values that the weight has in eval; a plain layer that shares the
 * parameter sees them too, and a second parametrized one gets a parameter of its own.
 * @example
 * ```ts
 * const layer = parametrize(new Linear(3, 2, { random: new Random(1) }), new Tanh());
 * const before = layer.eval().forward(ones([1, 3]));
 * const after = bake(layer).forward(ones([1, 3]));
 * toArray(before).toString() === toArray(after).toString(); // true
 * ```
 */
export function bake<M extends Module>(module: M): M {
  const attached = module.modules().flatMap((layer) => attachments(layer).map((entry) => ({ layer, ...entry })));
  // All values before any is written: layers may share an original.
  const weights = noGrad(() => attached.map(({ parametrization }) => parametrization.inspect()));
  const written = new Set<Parameter>();
  attached.forEach(({ layer, name, parametrization }, i) => {
    const { original, transforms } = parametrization;
    const plain = written.has(original) ? parameter(copy(weights[i]!)) : original;
    written.add(original);
    if (weights[i] !== plain) assign(plain, weights[i]!);
    for (const transform of transforms) owned.delete(transform);
    Reflect.deleteProperty(layer, PREFIX + name);
    Object.defineProperty(layer, name, { value: plain, enumerable: true, configurable: true, writable: true });
    stopHolding(layer);
  });
  return module;
}

/** The parametrized weights of this very layer. */
function attachments(layer: Module): { name: string; parametrization: Parametrization }[] {
  return Object.entries(layer).flatMap(([key, value]: [string, unknown]) =>
    value instanceof Parametrization && key.startsWith(PREFIX)
      ? [{ name: key.slice(PREFIX.length), parametrization: value }]
      : [],
  );
}

/** The parameter in a field of the layer. */
function plainParameter(layer: Module, name: string): Parameter {
  const found = Object.getOwnPropertyDescriptor(layer, name)?.value as unknown;
  if (found instanceof Parameter) return found;
  const names = Object.entries(layer).flatMap(([key, value]) => (value instanceof Parameter ? [key] : []));
  throw new TypeError(
    `parametrize: name must be a field of the layer that holds a parameter, got ${name}; it has ` +
      (names.length > 0 ? names.join(', ') : 'none, its children may'),
  );
}

function checkResult(weight: Tensor, result: Tensor): void {
  if (!sameShape(weight.shape, result.shape)) {
    throw new ShapeError(
      `parametrize: transform must keep the shape of the weight, ${showShape(weight.shape)}, got ` +
        `${showShape(result.shape)}; reshape its result`,
    );
  }
  if (weight.dtype !== result.dtype) {
    throw new TypeError(
      `parametrize: transform must keep the dtype of the weight, ${weight.dtype}, got ${result.dtype}; use cast`,
    );
  }
}

/** Puts the computed weight into the layer's field, and sees to it that a forward computes it once. */
function attach(layer: Module, name: string, parametrization: Parametrization): void {
  if (!holding.has(layer)) holdDuringForward(layer);
  Object.defineProperty(layer, PREFIX + name, { value: parametrization, enumerable: true, configurable: true });
  // Not enumerable: the computed weight is none of the fields that hold parameters.
  Object.defineProperty(layer, name, {
    get: () => parametrization.read(),
    set: () => {
      throw new TypeError(`parametrize: ${name} is computed and cannot be set; change the original, or bake the layer`);
    },
    enumerable: false,
    configurable: true,
  });
}

function holdDuringForward(layer: Module): void {
  holding.set(layer, Object.getOwnPropertyDescriptor(layer, 'forward') ?? null);
  const forward = layer.forward as (...inputs: unknown[]) => unknown;
  const held = (...inputs: unknown[]): unknown => {
    const all = attachments(layer);
    for (const { parametrization } of all) parametrization.hold();
    try {
      return forward.apply(layer, inputs);
    } finally {
      for (const { parametrization } of all) parametrization.release();
    }
  };
  Object.defineProperty(layer, 'forward', { value: held, enumerable: false, configurable: true });
}

/** Undoes `holdDuringForward`. */
function stopHolding(layer: Module): void {
  const own = holding.get(layer);
  if (own) Object.defineProperty(layer, 'forward', own);
  else if (own === null) Reflect.deleteProperty(layer, 'forward');
  holding.delete(layer);
}
