/** Mistakes that are a change of the right gradients, in any norm: gradients are linear in those of the outputs. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { answer } from '../answer.ts';
import { type Case, type CaseCall, mapTensors } from '../case.ts';
import { mapped, type Mistake, replaced } from './mistake.ts';

/** The inputs whose gradient is the dx of a case: x, those of replicas, or the weight that is normalized. */
function mainInputs({ inputs }: CaseCall): string[] {
  const [first = ''] = Object.keys(inputs);
  return Object.keys(inputs).filter((name) => name === first || /^x\d*$/.test(name));
}

/** A mistake in dx alone, element by element. */
function inDx(name: string, says: string, change: (dx: Tensor) => Tensor): Mistake {
  return {
    name,
    says,
    fits: ({ calls }) => calls.some((call) => Object.keys(call.gradOutputs).length > 0),
    answer: (asked, right) =>
      replaced(right, ({ grads }, index) => ({
        grads: Object.fromEntries(mainInputs(asked.calls[index]!).flatMap((name) => (grads[name] ? [[name, change(grads[name])]] : []))),
      })),
  };
}

export const inputGradients = (): readonly Mistake[] => [
  inDx('dx-zero', 'with 0 for dx', (dx) => mapped(dx, () => 0)),
  inDx('dx-clipped', 'with dx clipped at 1', (dx) => mapped(dx, (value) => Math.max(-1, Math.min(1, value)))),
  inDx('tail-skipped', 'with the last n mod 4 elements of dx left out', (dx) =>
    mapped(dx, (value, i) => (i < dx.data.length - (dx.data.length % 4) ? value : 0)),
  ),
  inDx('dx-sign', 'with the other sign of dx', (dx) => mapped(dx, (value) => -value)),
];

/** Names of parameters of a kind, those of replicas among them. */
const names = { weight: /weight\d*$/i, bias: /bias\d*$/i };

/** A mistake in the gradients of the weights, or of the biases. */
function inParameters(
  kind: 'weight' | 'bias',
  name: string,
  says: string,
  change: (asked: Case, index: number, grads: Tensors) => Tensors,
): Mistake {
  const ours = (asked: Case, parameter: string): boolean => Boolean(asked.params[parameter]) && names[kind].test(parameter);
  return {
    name,
    says,
    fits: (asked) =>
      Object.keys(asked.params).some((parameter) => ours(asked, parameter)) &&
      asked.calls.every(({ inputs }) => (inputs.x ?? inputs.x0) !== undefined),
    answer: (asked, right) =>
      replaced(right, ({ grads }, index) => ({
        grads: Object.fromEntries(Object.entries(change(asked, index, grads)).filter(([parameter]) => ours(asked, parameter))),
      })),
  };
}

/** The gradients of a call when `keep` says which outputs count, and how much of each of their elements. */
function masked(asked: Case, index: number, keep: (name: string, i: number, dy: Tensor) => number): Tensors {
  const kept = (dys: Tensors): Tensors => mapTensors(dys, (dy, name) => mapped(dy, (value, i) => value * keep(name, i, dy)));
  const calls = asked.calls.map((call, at) => (at === index ? { ...call, gradOutputs: kept(call.gradOutputs) } : call));
  return answer({ ...asked, calls }, 'definition')[index]!.grads;
}

/** How many elements of x are summed up for each element of a parameter. */
function summed(asked: Case, index: number, parameter: Tensor): number {
  const { inputs } = asked.calls[index]!;
  return inputs.x ? inputs.x.data.length / parameter.data.length : NaN;
}

const lastSample = (_: string, i: number, dy: Tensor): number => (i >= dy.data.length - dy.data.length / dy.shape[0]! ? 1 : 0);
const samplesOf = (asked: Case, index: number): number => asked.calls[index]!.inputs.x?.shape[0] ?? NaN;

/** The same mistakes in dWeight and in dBias. */
function reductions(kind: 'weight' | 'bias'): Mistake[] {
  const d = kind === 'weight' ? 'dWeight' : 'dBias';
  return [
    inParameters(kind, `d-${kind}-mean`, `with the mean in place of the sum in ${d}`, (asked, index, grads) =>
      mapTensors(grads, (gradient) => mapped(gradient, (value) => value / summed(asked, index, gradient))),
    ),
    inParameters(kind, `d-${kind}-mean-over-samples`, `with ${d} divided by the number of samples`, (asked, index, grads) =>
      mapTensors(grads, (gradient) => mapped(gradient, (value) => value / samplesOf(asked, index))),
    ),
    inParameters(kind, `d-${kind}-last-sample`, `with ${d} of the last sample alone`, (asked, index) => masked(asked, index, lastSample)),
    inParameters(kind, `d-${kind}-first-sample`, `with ${d} of the first sample alone`, (asked, index) =>
      masked(asked, index, (_, i, dy) => (i < dy.data.length / dy.shape[0]! ? 1 : 0)),
    ),
    inParameters(kind, `d-${kind}-sign`, `with the other sign of ${d}`, (_, __, grads) =>
      mapTensors(grads, (gradient) => mapped(gradient, (value) => -value)),
    ),
    inParameters(kind, `d-${kind}-zero`, `with 0 for ${d}`, (_, __, grads) =>
      mapTensors(grads, (gradient) => mapped(gradient, () => 0)),
    ),
  ];
}

export const parameterGradients = (): readonly Mistake[] => [
  ...reductions('weight'),
  ...reductions('bias'),
  {
    name: 'gradient-overwritten',
    says: 'with the gradient of a tensor that is used more than once overwritten in place of added up',
    fits: ({ calls }) => calls.some((call) => Object.keys(call.gradOutputs).length > 1),
    // what is left is the part of the output that goes backward last: the first one
    answer: (asked, right) =>
      replaced(right, ({ grads }, index) => {
        const [first] = Object.keys(asked.calls[index]!.gradOutputs);
        const left = masked(asked, index, (name) => (name === first ? 1 : 0));
        return { grads: Object.fromEntries(Object.entries(left).filter(([name]) => asked.params[name] && grads[name])) };
      }),
  },
];
