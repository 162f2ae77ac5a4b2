/** Mistakes that are the right answer to another case. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Answer, answer } from '../answer.ts';
import { type Case, type CaseCall, mapTensors } from '../case.ts';
import { before, type Mistake } from './mistake.ts';

/** The right answer with other options; `change` gives the options that are different, or null where it has no meaning. */
export function otherConfig(
  name: string,
  says: string,
  change: (config: Case['config'], asked: Case) => Record<string, unknown> | null,
): Mistake {
  return {
    name,
    says,
    fits: (asked) => change(asked.config, asked) !== null,
    answer: (asked) => answer({ ...asked, config: { ...asked.config, ...change(asked.config, asked) } }, 'definition'),
  };
}

/**
 * The right answer to the case with its tensors moved, moved back: what an implementation gives that numbers the elements
 * another way. Tensors of parameters, state and inputs move by their names, and so do outputs and gradients.
 */
export function moved(asked: Case, move: (x: Tensor, name: string) => Tensor, back: (x: Tensor, name: string) => Tensor): Answer[] {
  const all = (tensors: Readonly<Tensors>, by: typeof move): Tensors => mapTensors(tensors, (x, name) => by(x, name));
  const there: Case = {
    ...asked,
    params: all(asked.params, move),
    state: all(asked.state, move),
    calls: asked.calls.map((call) => ({ ...call, inputs: all(call.inputs, move), gradOutputs: all(call.gradOutputs, move) })),
  };
  return answer(there, 'definition').map(({ outputs, grads, stateAfter }) => ({
    outputs: all(outputs, back),
    grads: all(grads, back),
    stateAfter: all(stateAfter, back),
  }));
}

/** One call by itself, from the state that `from` says; answered by the definition. */
export function single(asked: Case, call: CaseCall, from: { readonly params: Tensors; readonly state: Tensors }): Answer {
  return answer({ ...asked, ...from, calls: [call] }, 'definition')[0]!;
}

/** A call, what is before it, and the right answer to it from there. */
export interface Step {
  readonly call: CaseCall;
  readonly from: { readonly params: Tensors; readonly state: Tensors };
  readonly right: Answer;
  /** The answer to another call from the same state, or from another one. */
  again(call: Partial<CaseCall>, state?: Tensors): Answer;
}

/** The calls one by one, each from the state that the mistaken answer before it has left. */
export function stepByStep(asked: Case, change: (step: Step) => Answer): Answer[] {
  const answers: Answer[] = [];
  asked.calls.forEach((call, index) => {
    const from = before(asked, answers, index);
    const again = (other: Partial<CaseCall>, state?: Tensors): Answer =>
      single(asked, { ...call, ...other }, state ? { ...from, state: { ...from.state, ...state } } : from);
    answers.push(change({ call, from, right: single(asked, call, from), again }));
  });
  return answers;
}
