/**
 * State dicts with the names of PyTorch, and back.
 *
 * Paths of modules (`layers.1.`) and most names (`weight`, `bias`) are the same in both. Different are
 *
 *     PyTorch                                                here
 *     running_mean, running_var, num_batches_tracked         runningMean, runningVar, numBatchesTracked
 *     parametrizations.weight.original0, …original1          parametrizations.weight.0.weightG, …original
 *     parametrizations.weight.0._u, …0._v                    parametrizations.weight.0.u, …0.v
 *
 * The last two are weight norm and spectral norm as parametrizations. As hooks, which are older, PyTorch's names are
 * `weight_g`, `weight_v` and `weight_orig`, `weight_u`, `weight_v`; those are read too.
 */
import { Tensor } from '../tensor/tensor.ts';
import type { Module, StateDict } from './module.ts';

const statistics = [
  ['running_mean', 'runningMean'],
  ['running_var', 'runningVar'],
  ['num_batches_tracked', 'numBatchesTracked'],
] as const;

/**
 * The tensors of a PyTorch state dict under the names they have here, for `loadStateDict`. Names that are the same in
 * both stay, and so do those that are not known. The tensors are those of `dict`, not copies.
 *
 * PyTorch counts batches in instance norm too, and never uses the count; here instance norm has none. Given the
 * `module` that is to be loaded, counts for which it has no place beside its running statistics are left out.
 *
 * Throws a TypeError for a value that is no tensor, and a RangeError when two names become one.
 * @example
 * ```ts
 * const dict = { '0.weight': ones([2]), '0.bias': zeros([2]), '0.running_mean': tensor([1, 2]),
 *   '0.running_var': ones([2]), '0.num_batches_tracked': tensor(7) };
 * const network = new Sequential(new BatchNorm(2));
 * network.loadStateDict(fromPyTorch(dict, network));
 * toArray(network.stateDict()['0.runningMean']!); // [1, 2]
 * ```
 */
export function fromPyTorch(dict: Readonly<StateDict>, module?: Module): StateDict {
  const has = among(dict);
  const out = renamed('fromPyTorch', dict, (name) => {
    const [, path, weight, part] = /^((?:.*\.)?)(\w+)_(g|v|u|orig)$/.exec(name) ?? [];
    if (weight !== undefined) {
      // weight_v is a direction in weight norm, and a singular vector in spectral norm; pruning has a weight_orig too
      const inside = `${path}parametrizations.${weight}.`;
      if (has(`${path}${weight}_orig`) && has(`${path}${weight}_u`)) return inside + (part === 'orig' ? 'original' : `0.${part}`);
      if (has(`${path}${weight}_g`) && has(`${path}${weight}_v`) && (part === 'g' || part === 'v')) return inside + (part === 'g' ? '0.weightG' : 'original');
    }
    for (const [theirs, ours] of statistics) if (isLast(name, theirs)) return name.slice(0, -theirs.length) + ours;
    return name
      .replace(/((?:^|\.)parametrizations\.[^.]+\.)original0$/, '$10.weightG')
      .replace(/((?:^|\.)parametrizations\.[^.]+\.original)1$/, '$1')
      .replace(/((?:^|\.)parametrizations\.[^.]+\.\d+\.)_([uv])$/, '$1$2');
  });
  if (module) {
    const held = among(module.stateDict());
    for (const name of Object.keys(out)) {
      const besides = isLast(name, 'numBatchesTracked') && name.replace(/numBatchesTracked$/, 'runningMean');
      if (besides && held(besides) && !held(name)) delete out[name];
    }
  }
  return out;
}

/**
 * The tensors of a state dict under the names of PyTorch: the inverse of `fromPyTorch`, with weight norm and spectral
 * norm as parametrizations. What PyTorch has no name for keeps its own. The tensors are those of `dict`, not copies.
 *
 * Throws a TypeError for a value that is no tensor, and a RangeError when two names become one, or for weight norm on top
 * of another transform, which PyTorch does not have.
 * @example
 * ```ts
 * Object.keys(toPyTorch(new BatchNorm(2).stateDict()));
 * // ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
 * Object.keys(toPyTorch(parametrize(new Linear(2, 2, { bias: false, random: new Random(1) }), new WeightNorm()).stateDict()));
 * // ['parametrizations.weight.original1', 'parametrizations.weight.original0']
 * ```
 */
export function toPyTorch(dict: Readonly<StateDict>): StateDict {
  const has = among(dict);
  return renamed('toPyTorch', dict, (name) => {
    for (const [theirs, ours] of statistics) if (isLast(name, ours)) return name.slice(0, -ours.length) + theirs;
    const [, path, part] = /^((?:.*\.)?parametrizations\.[^.]+\.)(original|\d+\.(?:weightG|u|v))$/.exec(name) ?? [];
    if (part === undefined) return name;
    if (part === 'original') return has(`${path}0.weightG`) ? `${name}1` : name;
    if (part === '0.weightG') return `${path}original0`;
    if (part.endsWith('weightG')) {
      throw new RangeError(
        `toPyTorch: weight norm must be the first transform of a weight, as in PyTorch, got ${name}; put it into the layer first`,
      );
    }
    return path + part.replace('.', '._');
  });
}

function renamed(caller: string, dict: Readonly<StateDict>, rename: (name: string) => string): StateDict {
  const names = new Map<string, string>();
  const entries = Object.entries(dict).map(([name, x]: [string, unknown]) => {
    if (!(x instanceof Tensor)) {
      throw new TypeError(`${caller}: every value must be a tensor, got ${typeof x} for ${name}; use tensor(...)`);
    }
    const next = rename(name);
    const other = names.get(next);
    if (other !== undefined) {
      throw new RangeError(`${caller}: names must stay different, got ${other} and ${name}, both for ${next}; take one of them out`);
    }
    names.set(next, name);
    return [next, x] as const;
  });
  return Object.fromEntries(entries);
}

function among(dict: object): (name: string) => boolean {
  return (name) => Object.prototype.hasOwnProperty.call(dict, name);
}

/** Whether `last` is the last part of a dotted name. */
function isLast(name: string, last: string): boolean {
  return name === last || name.endsWith(`.${last}`);
}
