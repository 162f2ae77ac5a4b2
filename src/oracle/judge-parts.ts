/** Which tensors of an answer are judged, and which are not because they were left out. */
import type { Tensors } from '../norms/catalog/entry.ts';
import { type Answer, answer } from './answer.ts';
import type { Case } from './case.ts';
import type { PartialAnswer } from './reply.ts';
import { parts } from './tolerance.ts';

/** A tensor of an answer. */
export interface Part {
  readonly call: number;
  readonly part: (typeof parts)[number];
  readonly name: string;
}

/** What is judged of an answer, in graph order. */
export interface Wanted {
  readonly wanted: readonly Part[];
  /** `grads`, `grads of call 1`, `stateAfter errorMean`, … */
  readonly untested: readonly string[];
  /** Tensors that the right answer does not have. */
  readonly extra: readonly string[];
}

/**
 * Sorts the tensors of the right answer. State that a published backward moves is no longer what it should be once a
 * backward was left out, so that it is then untested too.
 */
export function wantedOf(asked: Case, want: readonly Answer[], results: readonly PartialAnswer[], only?: 'forward' | 'backward'): Wanted {
  const wanted: Part[] = [];
  const untested = new Map<string, number[]>();
  const extra = new Set<string>();
  const leaveOut = (what: string, call: number): void => void untested.set(what, [...(untested.get(what) ?? []), call]);
  const byBackward = movedByBackward(asked, want);
  let backward = only !== 'forward';
  want.forEach((right, call) => {
    const result = results[call];
    backward &&= result?.grads !== undefined || Object.keys(right.grads).length === 0;
    for (const part of parts) {
      const tensors = result?.[part];
      for (const name of Object.keys(tensors ?? {})) if (!right[part][name]) extra.add(`${part} ${name}`);
      const judged = namesOf(asked, call, right, part).filter((name) => {
        if (!only) return true;
        if (part !== 'stateAfter') return (part === 'outputs') === (only === 'forward');
        return byBackward.has(name) === (only === 'backward');
      });
      if (judged.length === 0) continue;
      if (!tensors && part !== 'outputs') {
        leaveOut(part, call);
        continue;
      }
      for (const name of judged) {
        if (part === 'stateAfter' && !backward && byBackward.has(name)) leaveOut(`${part} ${name}`, call);
        else wanted.push({ call, part, name });
      }
    }
  });
  const everywhere = want.length;
  return {
    wanted,
    untested: [...untested].map(([what, calls]) => (calls.length === everywhere ? what : `${what} of call ${calls.join(', ')}`)),
    extra: [...extra],
  };
}

/** Gradients of inputs come first, as the graph has them nearest to the outputs' own tensors. */
function namesOf({ calls }: Case, call: number, right: Answer, part: Part['part']): string[] {
  const names = Object.keys(right[part]);
  if (part !== 'grads') return names;
  const inputs = Object.keys(calls[call]!.inputs);
  return [...inputs.filter((name) => names.includes(name)), ...names.filter((name) => !inputs.includes(name))];
}

/** Names of the state that the backward moves, as a published one may. */
function movedByBackward(asked: Case, want: readonly Answer[]): ReadonlySet<string> {
  if (!asked.entry.published) return new Set();
  const alone = answer({ ...asked, calls: asked.calls.map((call) => ({ ...call, gradOutputs: {} })) }, 'definition');
  const moved = want.flatMap(({ stateAfter }, call) =>
    Object.keys(stateAfter).filter((name) => !same(stateAfter, alone[call]!.stateAfter, name)),
  );
  return new Set(moved);
}

function same(a: Tensors, b: Tensors, name: string): boolean {
  return a[name]!.data.every((value: number, k: number) => Object.is(value, b[name]!.data[k]));
}
