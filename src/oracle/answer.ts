/** The right answers to a case: outputs, gradients and state, call by call. */
import { grad } from '../autograd/backward.ts';
import { clone } from '../autograd/clone.ts';
import { noGrad } from '../autograd/record.ts';
import type { Form, Tensors } from '../norms/catalog/entry.ts';
import { copy } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Case, leaves, mapTensors } from './case.ts';

/** What one call returns, and what it leaves behind. */
export interface Answer {
  readonly outputs: Tensors;
  /** Gradients of the inputs and parameters, of the outputs weighted by the case's gradOutputs; empty without them. */
  readonly grads: Tensors;
  /** After the backward too, which some norms move state in. */
  readonly stateAfter: Tensors;
}

/**
 * Runs a case with one form of its norm. Nothing of the case is changed. Throws whatever the norm throws at an invalid
 * case, and a RangeError for a weight of an output that the norm does not have.
 */
export function answer({ entry, config, params, state, calls }: Case, form: Form = 'fused'): Answer[] {
  const running = leaves(state, false);
  const setByCalls = leaves(Object.fromEntries(Object.entries(params).filter(([name]) => entry.sets?.includes(name))), true);
  const frozen = entry.frozen?.(config) ?? [];
  return calls.map(({ mode, op, inputs, gradOutputs }) => {
    const own = { ...leaves(params, (name) => !frozen.includes(name)), ...setByCalls };
    const weights = { ...own, ...copiesOf(own, entry.copies?.(config) ?? {}) };
    const given = leaves(inputs, (name) => !entry.constants?.includes(name));
    const call = { config, params: weights, state: running, mode, ...(op !== undefined && { op }), inputs: given };
    const asked = Object.keys(gradOutputs);
    const run = (): Tensors => entry.apply(form, call);
    const outputs = asked.length > 0 ? run() : noGrad(run);
    for (const name of asked) {
      if (!outputs[name]) throw new RangeError(`gradOutputs: ${entry.slug} has no output "${name}"`);
    }
    const asking = { ...weights, ...given };
    const wanted = Object.keys(asking).filter((name) => asking[name]!.requiresGrad);
    const reached = asked.filter((name) => outputs[name]!.requiresGrad);
    const grads =
      asked.length === 0
        ? []
        : grad(
            reached.map((name) => outputs[name]!),
            wanted.map((name) => asking[name]!),
            { gradOutputs: reached.map((name) => gradOutputs[name]!), allowUnused: true },
          );
    return {
      outputs: mapTensors(outputs, (y) => copy(y)),
      grads: Object.fromEntries(grads.map((gradient, i) => [wanted[i]!, gradient])),
      stateAfter: mapTensors({ ...setByCalls, ...running }, (s) => copy(s)),
    };
  });
}

/** The copies of those parameters that are there, connected to them. */
function copiesOf(params: Readonly<Tensors>, copies: Readonly<Record<string, string>>): Tensors {
  return Object.fromEntries(
    Object.entries(copies).flatMap(([copied, name]): [string, Tensor][] => (params[name] ? [[copied, clone(params[name])]] : [])),
  );
}
