/**
 * A catalogued mistake: what an implementation that makes it would answer. A failing answer is compared with what each
 * mistake would have given for the same case, and the ones that match are named.
 *
 * A mistake is one of three things: the right answer to a changed case (`change-case.ts`), a change of the right answer
 * (`change-answer.ts`), or a plain recomputation with something wrong in it (`standardization.ts` for the norms that are
 * a standardization over a view, and small ones for single norms).
 */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { copy } from '../../tensor/create.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Answer } from '../answer.ts';
import { type Case, mapTensors } from '../case.ts';
import type { PartialAnswer } from '../reply.ts';

/** A mistake that implementations are known to make. */
export interface Mistake {
  /** Unique: `mean-g-dropped`. */
  readonly name: string;
  /** Ends the sentence «your dx equals ours …»: `without the term mean(g)`. */
  readonly says: string;
  /** Whether a case may show it. */
  fits(asked: Case): boolean;
  /**
   * What an implementation with the mistake answers. `asked` is in float64, `right` are its right answers. A mistake
   * with a number of its own, as the size of a step, takes that number from `got`. May throw where it has no answer.
   */
  answer(asked: Case, right: readonly Answer[], got: readonly PartialAnswer[]): readonly Answer[];
  /**
   * For a mistake of rounding, which has the right answer as its exact one: the rounding unit that it really computes
   * with, or null when it shows in how far the answer moves when each of its own steps is rounded. It explains an answer
   * that no other mistake explains.
   */
  readonly rounds?: number | null;
}

/** A mistake whose `fits` is made of a condition on the slug and one on the case. */
export type Fits = (asked: Case) => boolean;

/** Fits cases of these norms. */
export function of(...slugs: readonly string[]): Fits {
  return ({ entry }) => slugs.includes(entry.slug);
}

/** Right answers with tensors of some calls replaced; a name that is not among the right ones is left out. */
export function replaced(right: readonly Answer[], change: (call: Answer, index: number) => Partial<Answer> | null): Answer[] {
  return right.map((call, index) => {
    const found = change(call, index);
    const merged = (part: keyof Answer): Tensors =>
      mapTensors(call[part], (own, name) => found?.[part]?.[name] ?? own);
    return { outputs: merged('outputs'), grads: merged('grads'), stateAfter: merged('stateAfter') };
  });
}

/** A tensor like x with each element changed. */
export function mapped(x: Tensor, change: (value: number, i: number) => number): Tensor {
  return new Tensor(Float64Array.from(x.data, (value, i) => change(value, i)), x.shape);
}

/** A tensor of float64 in the shape of another. */
export function shaped(data: Float64Array, like: Tensor): Tensor {
  return new Tensor(data, like.shape);
}

/** The case with every tensor in float64, in memory of its own. */
export function inDouble(asked: Case): Case {
  const double = (tensors: Readonly<Tensors>): Tensors => mapTensors(tensors, (x) => copy(x, { dtype: 'float64' }));
  return {
    ...asked,
    dtype: 'float64',
    params: double(asked.params),
    state: double(asked.state),
    calls: asked.calls.map((call) => ({ ...call, inputs: double(call.inputs), gradOutputs: double(call.gradOutputs) })),
  };
}

/** State and parameters set by calls, as they are before a call. */
export function before(asked: Case, right: readonly Answer[], index: number): { params: Tensors; state: Tensors } {
  const after = index === 0 ? {} : right[index - 1]!.stateAfter;
  const held = (tensors: Readonly<Tensors>): Tensors => mapTensors(tensors, (own, name) => after[name] ?? own);
  return { params: held(asked.params), state: held(asked.state) };
}
