/**
 * What all optimizers share: parameter groups, state, saving and loading. An optimizer is a `Rule` (its settings, what
 * it remembers, how it changes one parameter) and a thin class that hands the rule to this one.
 */
import { touch } from '../tensor/assign.ts';
import { copy } from '../tensor/create.ts';
import type { FloatArray } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { like } from '../tensor/like.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** What every optimizer can be set to. */
export interface Settings {
  /** Learning rate; finite, at least 0. */
  lr: number;
}

/** Parameters and the settings they are trained with, which may be changed between steps: `group.lr = 0.01`. */
export type Group<S extends Settings> = S & { parameters: readonly Tensor[] };

/** Parameters with settings of their own; those left out are the optimizer's. */
export type GroupOptions<S extends Settings> = Partial<S> & { parameters: Iterable<Tensor> };

/** What is remembered about one parameter. */
export interface ParameterState {
  /** Steps taken, this one included. */
  step: number;
  /** Tensors like the parameter, by name. */
  readonly slots: Record<string, Tensor>;
}

/** An optimization method. */
export interface Rule<S extends Settings> {
  /** Name in error messages. */
  readonly name: string;
  /** Every setting with its default. */
  readonly defaults: S;
  /** Throws when a setting is out of range. */
  readonly check: (settings: S) => void;
  /** Names of the tensors that are remembered about a parameter under these settings. */
  readonly slots: (settings: S) => readonly string[];
  /** Changes the data of one parameter. Must not write into the gradient. */
  readonly update: (parameter: Tensor, gradient: FloatArray, state: ParameterState, settings: S) => void;
}

/** A saved optimizer: `groups` and `steps` are plain JSON, `tensors` fits a tensor file. */
export interface OptimizerState<S extends Settings> {
  /** Settings of each group and the numbers of its parameters, which are counted through all groups. */
  groups: (S & { parameters: number[] })[];
  /** Steps taken by each parameter; 0 for one that never had a gradient. */
  steps: number[];
  /** What is remembered, under `number.name`: `3.momentumBuffer`. */
  tensors: Record<string, Tensor>;
}

/** An optimizer over groups of parameters. */
export class Optimizer<S extends Settings> {
  readonly groups: readonly Group<S>[];
  readonly #rule: Rule<S>;
  readonly #state = new Map<Tensor, ParameterState>();

  /**
   * `parameters`: tensors, or groups `{ parameters, lr, … }` with settings that override `options`.
   *
   * Throws a RangeError for a setting out of range, no parameters, or one that is given twice, and a TypeError for a
   * parameter that is no tensor or is the result of an operation.
   */
  constructor(rule: Rule<S>, parameters: Iterable<Tensor | GroupOptions<S>>, options: Partial<S> = {}) {
    const given = [...parameters];
    const loose = given.filter((entry): entry is Tensor => entry instanceof Tensor);
    if (loose.length > 0 && loose.length < given.length) {
      throw new TypeError(
        `${rule.name}: parameters must be all tensors or all groups, got both; put the tensors in a group`,
      );
    }
    const groups = (loose.length > 0 ? [{ parameters: loose }] : given) as GroupOptions<S>[];
    this.#rule = rule;
    const settings = { ...rule.defaults, ...options };
    this.groups = groups.map((group) => ({ ...settings, ...group, parameters: [...group.parameters] }));
    const seen = new Set<Tensor>();
    for (const { parameters: list } of this.groups) {
      for (const parameter of list) {
        checkParameter(rule.name, parameter);
        if (seen.has(parameter)) {
          throw new RangeError(`${rule.name}: a parameter may be given once, got one of them twice`);
        }
        seen.add(parameter);
      }
    }
    if (seen.size === 0) {
      throw new RangeError(`${rule.name}: there must be parameters, got none; pass model.parameters()`);
    }
    for (const group of this.groups) rule.check(group);
  }

  /**
   * One update of every parameter that has a gradient; the others, and their state, are left alone. Throws, before
   * anything is changed, when a setting is out of range or a gradient does not have the shape of its parameter.
   */
  step(): void {
    const { name, check, update } = this.#rule;
    for (const group of this.groups) {
      check(group);
      for (const { grad, shape } of group.parameters) {
        if (grad && !sameShape(grad.shape, shape)) {
          throw new ShapeError(
            `${name}: a gradient must have the shape of its parameter, ${showShape(shape)}, got ` +
              `${showShape(grad.shape)}; let backward make it`,
          );
        }
      }
    }
    for (const group of this.groups) {
      for (const parameter of group.parameters) {
        if (!parameter.grad) continue;
        let state = this.#state.get(parameter);
        if (!state) this.#state.set(parameter, (state = { step: 0, slots: {} }));
        state.step++;
        update(parameter, parameter.grad.data, state, group);
        touch(parameter);
      }
    }
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const { parameters } of this.groups) for (const parameter of parameters) parameter.grad = null;
  }

  /** Copies of the settings and of everything remembered: with these, training goes on bit for bit. */
  stateDict(): OptimizerState<S> {
    const tensors: Record<string, Tensor> = {};
    const steps: number[] = [];
    const groups = this.groups.map((group) => ({
      ...group,
      parameters: group.parameters.map((parameter) => {
        const state = this.#state.get(parameter);
        const index = steps.push(state?.step ?? 0) - 1;
        if (state) {
          for (const name of this.#rule.slots(group)) {
            const slot = state.slots[name];
            if (slot) tensors[`${index}.${name}`] = copy(slot);
          }
        }
        return index;
      }),
    }));
    return { groups, steps, tensors };
  }

  /**
   * Takes over what `stateDict` gave, for the same groups of parameters in the same order. Throws, before anything is
   * changed, a RangeError when groups, settings, steps or names do not fit, and a ShapeError when a tensor does not.
   */
  loadStateDict(saved: OptimizerState<S>): void {
    const { name: caller, check, slots, defaults } = this.#rule;
    const fail = (rule: string): never => {
      throw new RangeError(`${caller}.loadStateDict: ${rule}; build the optimizer with the groups it was saved with`);
    };
    const sizes = this.groups.map((group) => group.parameters.length).join(', ');
    const came = saved.groups.map((group) => group.parameters.length).join(', ');
    if (sizes !== came) fail(`groups must have [${sizes}] parameters, got [${came}]`);
    const known = new Set<string>();
    const next = new Map<Tensor, ParameterState>();
    let index = 0;
    const settings = this.groups.map((group, g) => {
      const wanted = saved.groups[g]!;
      check(wanted);
      for (const parameter of group.parameters) {
        const step = saved.steps[index]!;
        if (!Number.isSafeInteger(step) || step < 0) {
          fail(`steps must be integers of at least 0, got ${step} at ${index}`);
        }
        if (step > 0) {
          const state: ParameterState = { step, slots: {} };
          for (const name of slots(wanted)) {
            const key = `${index}.${name}`;
            known.add(key);
            state.slots[name] = checkedSlot(caller, key, saved.tensors[key], parameter);
          }
          next.set(parameter, state);
        }
        index++;
      }
      const taken: Partial<S> = {};
      for (const name of Object.keys(defaults) as (keyof S)[]) taken[name] = wanted[name];
      return taken;
    });
    if (saved.steps.length !== index) fail(`steps must be one per parameter, ${index}, got ${saved.steps.length}`);
    const unexpected = Object.keys(saved.tensors).filter((key) => !known.has(key));
    if (unexpected.length > 0) fail(`tensors must be those of the settings, got also ${unexpected.join(', ')}`);
    this.groups.forEach((group, g) => Object.assign(group, settings[g]));
    this.#state.clear();
    for (const [parameter, state] of next) this.#state.set(parameter, state);
  }
}

/** The remembered tensor of this name; zeros like the parameter when there is none yet. */
export function slot(state: ParameterState, name: string, parameter: Tensor): FloatArray {
  return (state.slots[name] ??= like(parameter)).data;
}

function checkParameter(caller: string, parameter: unknown): void {
  if (!(parameter instanceof Tensor)) {
    throw new TypeError(`${caller}: a parameter must be a tensor, got ${typeof parameter}; pass model.parameters()`);
  }
  if (parameter.source) {
    throw new TypeError(
      `${caller}: a parameter must be a leaf, got the result of an operation; pass what it was made from`,
    );
  }
}

/** A copy of a saved tensor in the dtype of the parameter. */
function checkedSlot(caller: string, key: string, saved: unknown, parameter: Tensor): Tensor {
  if (!(saved instanceof Tensor)) {
    throw new RangeError(`${caller}.loadStateDict: tensors must have ${key}, got ${typeof saved}`);
  }
  if (!sameShape(saved.shape, parameter.shape)) {
    throw new ShapeError(
      `${caller}.loadStateDict: ${key} must have the shape of its parameter, ${showShape(parameter.shape)}, got ` +
        showShape(saved.shape),
    );
  }
  return copy(saved, { dtype: parameter.dtype });
}
