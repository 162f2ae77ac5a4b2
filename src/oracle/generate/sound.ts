/** Whether a case may be judged: the norm takes it, and is not so near to a kink that right implementations may differ. */
import type { Form, Tensors } from '../../norms/catalog/entry.ts';
import { answer } from '../answer.ts';
import type { Case } from '../case.ts';
import type { NormCase } from './norm-case.ts';

/** Whether the norm takes the case in both dtypes. */
export function isAnswered(found: NormCase): boolean {
  return refusal(found.toCase('float64')) === null && refusal(found.toCase('float32')) === null;
}

/** What is thrown at a case; null when it is answered. */
export function refusal(asked: Case, form: Form = 'definition'): Error | null {
  try {
    answer(asked, form);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Whether a case is answered, and each of its calls is away from kinks with the state and parameters that it finds. */
export function isSound(found: NormCase): boolean {
  return isAnswered(found) && isSmooth(found.toCase('float64'));
}

function isSmooth(asked: Case): boolean {
  const { entry, config, calls } = asked;
  if (!entry.smooth) return true;
  const after = answer(asked, 'definition');
  return calls.every(({ mode, op, inputs }, i) => {
    const moved: Tensors = i === 0 ? {} : after[i - 1]!.stateAfter;
    const params = { ...asked.params, ...pickOf(moved, asked.params) };
    const state = { ...asked.state, ...pickOf(moved, asked.state) };
    return entry.smooth!({ config, params, state, mode, ...(op !== undefined && { op }), inputs });
  });
}

/** Those of `tensors` that `names` has too. */
function pickOf(tensors: Readonly<Tensors>, names: object): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => name in names));
}
