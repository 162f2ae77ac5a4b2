/** Cases with slices of one element: the mean is the element, the variance is 0, and a slope may be 0 that must not be NaN. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { fromArray, zeros } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { answer } from '../answer.ts';
import { type Case, mapTensors } from '../case.ts';
import { fillDraft } from './draw-norm-case.ts';
import { firstOf, type Maker } from './made.ts';
import type { NormCase } from './norm-case.ts';
import { isSound } from './sound.ts';

export const single: Maker = (entry, choose) =>
  firstOf(() => {
    const draft = entry.draw(choose);
    const sizes = mapTensors(draft.sizes, (extent) => (choose.integer(0, 2) === 0 ? extent : 1));
    const found = fillDraft(entry, { ...draft, sizes }, choose, ['benign']);
    return found && keeps(found) ? { found, keeps, says: () => ['one-element slices'] } : null;
  });

function keeps(found: NormCase): boolean {
  return isSound(found) && isSingle(found);
}

/** Whether no element of an output depends on more than one element of any input that holds measurements. */
function isSingle(found: NormCase): boolean {
  const asked = withoutZeros(found.toCase('float64'));
  const { inputs, gradOutputs, ...rest } = asked.calls[0]!;
  const measured = found.data.flatMap((place) => (place.startsWith('inputs.0.') ? [place.slice('inputs.0.'.length)] : []));
  if (measured.length === 0) return false;
  // in training: evaluation with statistics of its own looks at each element by itself whatever the slices are
  const training = { ...rest, mode: 'train' as const, inputs };
  return Object.entries(gradOutputs).every(([name, dy]) =>
    Array.from(dy.data).every((_, i) => {
      const grads = gradsOf({ ...asked, calls: [{ ...training, gradOutputs: { [name]: only(dy, i) } }] });
      return grads !== null && measured.every((input) => (grads[input]?.data.filter((slope) => slope !== 0).length ?? 0) <= 1);
    }),
  );
}

/** The case with every parameter that is 0 made 1: behind a weight of 0 nothing depends on anything. */
function withoutZeros(asked: Case): Case {
  const params = mapTensors(asked.params, (x) => fromArray(x.data.map((value) => value || 1), x.shape));
  return { ...asked, params };
}

/** The gradients of a case of one call; null when the norm refuses to train on it. */
function gradsOf(asked: Case): Tensors | null {
  try {
    return answer(asked, 'definition')[0]!.grads;
  } catch {
    return null;
  }
}

/** A tensor like `x` that is 1 at one element, and 0. */
function only(x: Tensor, element: number): Tensor {
  const one = zeros(x.shape, { dtype: x.dtype });
  one.data[element] = 1;
  return one;
}
