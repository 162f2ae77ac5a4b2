/** Cases that a right implementation rejects: a regular case with one thing made wrong that the norm throws at. */
import type { Chooser } from '../../norms/catalog/entry.ts';
import type { Case } from '../case.ts';
import { drawNormCase } from './draw-norm-case.ts';
import { firstOf, type Maker } from './made.ts';
import type { NormCase } from './norm-case.ts';
import { isAnswered, refusal } from './sound.ts';
import { type Spoil, spoilsOf } from './spoils.ts';

export const invalid: Maker = (entry, choose) =>
  firstOf(() => {
    const found = drawNormCase(entry, choose, { among: ['benign'] });
    if (!isAnswered(found)) return null;
    const asked = found.toCase('float64');
    const rejected = spoilsOf(asked).map((kind) => kind.filter((spoil) => rejectionOf(asked, spoil) !== null));
    const kinds = rejected.filter((kind) => kind.length > 0);
    return kinds.length > 0 ? made(found, spoilAmong(kinds, choose)) : null;
  });

function made(found: NormCase, spoil: Spoil): ReturnType<Maker> {
  return {
    found,
    keeps: (smaller) => isAnswered(smaller) && rejectionOf(smaller.toCase('float64'), spoil) !== null,
    says: (smaller) => [spoil.says, `rejected: ${rejectionOf(smaller.toCase('float64'), spoil)}`],
    spoil: spoil.apply,
  };
}

/** Each kind is as likely as another, whatever their numbers. */
function spoilAmong(kinds: readonly (readonly Spoil[])[], choose: Chooser): Spoil {
  return choose.oneOf(choose.oneOf(kinds));
}

/**
 * What the norm says to a spoiled case; null when the case is answered, or fails by accident. Forward alone: it is the
 * norm that has to reject the case, not the gradient.
 */
function rejectionOf(asked: Case, { apply }: Spoil): string | null {
  const spoiled = apply(asked);
  if (!spoiled) return null;
  const forward = { ...spoiled, calls: spoiled.calls.map((call) => ({ ...call, gradOutputs: {} })) };
  const [definition, fused] = [refusal(forward), refusal(forward, 'fused')];
  return definition && fused && isDeliberate(definition) && isDeliberate(fused) ? fused.message : null;
}

/** Whether an error names the function that throws it, as every rejection does. */
function isDeliberate(error: Error): boolean {
  return /^\w+: /.test(error.message);
}
