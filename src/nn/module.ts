/**
 * The base of everything that has parameters: layers, norms, whole networks.
 *
 * A subclass holds plain fields and nothing is registered. A field that is a `Parameter`, or an array of them, is
 * found by `parameters()`; a field that is a `Module`, or an array of them, is a child. Its name in a state dict is the
 * name of the field, dotted after the names of the fields that lead to it (`conv1.weight`, `blocks.0.norm.bias`).
 * State that is no parameter (running statistics) is what `ownBuffers` returns. `#private` fields are not seen.
 */
import { assign } from '../tensor/assign.ts';
import { copy } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { Parameter } from './parameter.ts';

/** Tensors by their dotted names. */
export type StateDict = Record<string, Tensor>;

/** Options of `loadStateDict`. */
export interface LoadOptions {
  /** Throw when a key is missing or unexpected. Default true. */
  strict?: boolean;
}

/** What `loadStateDict` found, for a load that is not strict. */
export interface LoadReport {
  /** Keys of the module that the dict does not have: left as they were. */
  missing: string[];
  /** Keys of the dict that the module does not have: ignored. */
  unexpected: string[];
}

/** A module from one tensor to one tensor: what `Sequential` is made of. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/**
 * A computation with parameters and state. Subclasses give their own signature to `forward`.
 * @example
 * ```ts
 * class Scale extends Module {
 *   readonly weight = parameter(ones([3]));
 *   forward(x: Tensor): Tensor {
 *     return mul(x, this.weight);
 *   }
 * }
 * Object.keys(new Scale().stateDict()); // ['weight']
 * ```
 */
export abstract class Module {
  /** Whether the module trains (the start) or is in use; changed by `train` and `eval`. */
  training = true;

  abstract forward(...inputs: never[]): unknown;

  /** The state of this very module that is no parameter: name to tensor. Norms override it. Default: none. */
  protected ownBuffers(): Record<string, Tensor> {
    return {};
  }

  /** The modules in the fields of this one, in the order of the fields, with the names of the fields. */
  namedChildren(): [string, Module][] {
    return ownFields(this).filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** The modules in the fields of this one. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** This module and all below it, each once, parents before children. */
  modules(): Module[] {
    return [...new Set(paths(this).map(([, module]) => module))];
  }

  /** All parameters of this module and those below it with their dotted names; one that is shared only once. */
  namedParameters(): [string, Parameter][] {
    return unique(paths(this).flatMap(([prefix, module]) => withPrefix(prefix, parametersOf(module))));
  }

  /** All parameters of this module and those below it, each once: what an optimizer takes. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, found]) => found);
  }

  /** All state that is no parameter, with dotted names, each tensor once. */
  namedBuffers(): [string, Tensor][] {
    return unique(paths(this).flatMap(([prefix, module]) => withPrefix(prefix, Object.entries(module.ownBuffers()))));
  }

  /** All state that is no parameter. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /** Sets `training` here and below. */
  train(on = true): this {
    for (const module of this.modules()) module.training = on;
    return this;
  }

  /** Clears `training` here and below. */
  eval(): this {
    return this.train(false);
  }

  /** Takes all parameters out of training: they require no gradient, and one that is there is dropped. */
  freeze(): this {
    for (const found of this.parameters()) {
      found.requiresGrad = false;
      found.grad = null;
    }
    return this;
  }

  /** Undoes `freeze`. */
  unfreeze(): this {
    for (const found of this.parameters()) found.requiresGrad = true;
    return this;
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const found of this.parameters()) found.grad = null;
  }

  /**
   * Copies of all parameters and buffers by their dotted names. A tensor that is shared is there under each of its
   * names, as in PyTorch.
   */
  stateDict(): StateDict {
    const dict: StateDict = {};
    for (const [name, held] of this.#state()) dict[name] = copy(held);
    return dict;
  }

  /**
   * Writes the tensors of `dict` into the parameters and buffers of the same names, converting to their dtype. The
   * tensors of the module stay the same objects. Everything is checked before anything is written.
   *
   * Throws a TypeError for a value that is no tensor, a ShapeError when a shape differs, and, unless `strict` is
   * false, a RangeError when a key is missing or unexpected; the message lists all such keys.
   */
  loadStateDict(dict: Readonly<StateDict>, { strict = true }: LoadOptions = {}): LoadReport {
    const state = this.#state();
    const known = new Set(state.map(([name]) => name));
    const has = (name: string): boolean => Object.prototype.hasOwnProperty.call(dict, name);
    const missing = state.map(([name]) => name).filter((name) => !has(name));
    const unexpected = Object.keys(dict).filter((name) => !known.has(name));
    const shapes: string[] = [];
    for (const [name, held] of state) {
      if (!has(name)) continue;
      const given: unknown = dict[name];
      if (!(given instanceof Tensor)) {
        throw new TypeError(
          `loadStateDict: every value must be a tensor, got ${typeof given} for ${name}; use tensor(...)`,
        );
      }
      if (!sameShape(held.shape, given.shape)) {
        shapes.push(`${name} (${showShape(held.shape)}, got ${showShape(given.shape)})`);
      }
    }
    const problems: string[] = [];
    if (strict && missing.length > 0) problems.push(`missing ${missing.join(', ')}`);
    if (strict && unexpected.length > 0) problems.push(`unexpected ${unexpected.join(', ')}`);
    if (shapes.length > 0) problems.push(`of another shape ${shapes.join(', ')}`);
    if (problems.length > 0) {
      const message = `loadStateDict: keys and shapes must be those of the module, got ${problems.join('; ')}`;
      if (shapes.length > 0) throw new ShapeError(`${message}; build the module with the sizes it was saved with`);
      throw new RangeError(`${message}; rename the keys, or pass { strict: false } to load what fits`);
    }
    for (const [name, held] of state) if (has(name)) assign(held, dict[name]!);
    return { missing, unexpected };
  }

  /** Every name of every parameter and buffer here and below. */
  #state(): [string, Tensor][] {
    return paths(this).flatMap(([prefix, module]) =>
      withPrefix<Tensor>(prefix, [...parametersOf(module), ...Object.entries(module.ownBuffers())]),
    );
  }
}

/** The fields of a module; the elements of an array as `field.0`, `field.1`, …. */
function ownFields(module: Module): [string, unknown][] {
  return Object.entries(module).flatMap(([name, value]: [string, unknown]): [string, unknown][] =>
    Array.isArray(value) ? value.map((entry: unknown, i) => [`${name}.${i}`, entry]) : [[name, value]],
  );
}

function parametersOf(module: Module): [string, Parameter][] {
  return ownFields(module).filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
}

/** Every way from `root` to a module at or below it: its prefix and the module. One that holds itself ends there. */
function paths(root: Module): [string, Module][] {
  const found: [string, Module][] = [];
  const above = new Set<Module>();
  const visit = (prefix: string, module: Module): void => {
    if (above.has(module)) return;
    above.add(module);
    found.push([prefix, module]);
    for (const [name, child] of module.namedChildren()) visit(`${prefix}${name}.`, child);
    above.delete(module);
  };
  visit('', root);
  return found;
}

function withPrefix<T>(prefix: string, entries: readonly [string, T][]): [string, T][] {
  return entries.map(([name, value]) => [prefix + name, value]);
}

function unique<T>(entries: readonly [string, T][]): [string, T][] {
  const seen = new Set<T>();
  return entries.filter(([, value]) => !seen.has(value) && seen.add(value));
}
