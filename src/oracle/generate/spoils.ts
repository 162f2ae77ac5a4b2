/** Ways to make a case invalid, by its options and tensors: which of them a norm rejects, the norm says. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { fromArray } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, mapTensors } from '../case.ts';

/** A way to make a case invalid. */
export interface Spoil {
  readonly says: string;
  /** Null when it does not apply. */
  readonly apply: (asked: Case) => Case | null;
}

/** Kinds of ways, each a list. */
export function spoilsOf(asked: Case): readonly (readonly Spoil[])[] {
  const inputs = asked.calls[0]!.inputs;
  return [
    Object.entries(asked.config).flatMap(([name, value]) => wrongValues(name, value).map((wrong) => option(name, wrong))),
    Object.entries({ ...asked.params, ...asked.state }).flatMap(([name, x]) => axesOf(x).map((axis) => longer(name, axis))),
    Object.entries(inputs).flatMap(([name, x]) => axesOf(x).map((axis) => longer(name, axis))),
    Object.keys(inputs).flatMap((name) => (asked.entry.whole?.includes(name) ? [-1, 1000].map((value) => filled(name, value)) : [])),
    [oneValue],
  ];
}

/** Values that an option may not be allowed to have. */
function wrongValues(name: string, value: unknown): unknown[] {
  if (Array.isArray(value)) return [value.map((extent: unknown, i) => (i === value.length - 1 ? Number(extent) + 1 : extent))];
  if (typeof value === 'string') return ['unknown'];
  if (/eps/i.test(name)) return [-1e-5, -1, NaN, Infinity];
  if (name === 'momentum') return [-0.1, 1.5, NaN];
  return typeof value === 'number' ? [value + 1, 0, -1, 1.5, NaN] : [];
}

function option(name: string, value: unknown): Spoil {
  return { says: `${name} is ${show(value)}`, apply: (asked) => ({ ...asked, config: { ...asked.config, [name]: value } }) };
}

function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** The axes of a tensor; a tensor of no axes may still get one. */
function axesOf(x: Tensor): number[] {
  return x.shape.length === 0 ? [0] : x.shape.map((_, axis) => axis);
}

function longer(name: string, axis: number): Spoil {
  return { says: `${name} has one element too many along axis ${axis}`, apply: (asked) => changed(asked, name, (x) => lengthened(x, axis)) };
}

function filled(name: string, value: number): Spoil {
  return { says: `${name} is ${value} everywhere`, apply: (asked) => changed(asked, name, (x) => withData(x, x.data.map(() => value))) };
}

/** The case with every tensor of a name changed; null when one of them cannot be. */
function changed(asked: Case, name: string, change: (x: Tensor) => Tensor | null): Case | null {
  let failed = false;
  const each = (tensors: Tensors): Tensors =>
    mapTensors(tensors, (x, own) => {
      const next = own === name ? change(x) : x;
      failed ||= !next;
      return next ?? x;
    });
  const next = {
    ...asked,
    params: each(asked.params),
    state: each(asked.state),
    calls: asked.calls.map((call) => ({ ...call, inputs: each(call.inputs) })),
  };
  return failed ? null : next;
}

/** A tensor with its last index along an axis twice. */
function lengthened(x: Tensor, axis: number): Tensor | null {
  if (axis >= Math.max(1, x.shape.length)) return null;
  const shape = x.shape.length === 0 ? [1] : x.shape;
  return taken(x, shape, axis, [...Array(shape[axis]).keys(), shape[axis]! - 1]);
}

function taken(x: Tensor, shape: readonly number[], axis: number, keep: readonly number[]): Tensor {
  const inner = shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const outer = shape.slice(0, axis).reduce((product, extent) => product * extent, 1);
  const values: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (const k of keep) for (let i = 0; i < inner; i++) values.push(x.data[(o * shape[axis]! + k) * inner + i]!);
  }
  return withData(x, values, shape.map((extent, a) => (a === axis ? keep.length : extent)));
}

function withData(x: Tensor, values: ArrayLike<number>, shape: readonly number[] = x.shape): Tensor {
  return fromArray(values, shape, { dtype: x.dtype });
}

/** Every input and the weights of its output cut to one value of each channel. */
const oneValue: Spoil = {
  says: 'one value for each channel',
  apply: (asked) => {
    const cut = (tensors: Tensors): Tensors =>
      mapTensors(tensors, (x) => x.shape.reduce((left, _, axis) => (axis === 1 ? left : taken(left, left.shape, axis, [0])), x));
    return { ...asked, calls: asked.calls.map((call) => ({ ...call, inputs: cut(call.inputs), gradOutputs: cut(call.gradOutputs) })) };
  },
};
