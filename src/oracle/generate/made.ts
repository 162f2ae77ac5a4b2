/** What the makers of the phases have in common. */
import type { Chooser, Entry } from '../../norms/catalog/entry.ts';
import type { Case } from '../case.ts';
import type { NormCase } from './norm-case.ts';

/** A case of a phase, and what has to stay true of it while it shrinks. */
export interface Made {
  readonly found: NormCase;
  /** Whether a smaller case still belongs to the phase, and may be judged. */
  readonly keeps: (found: NormCase) => boolean;
  /** Brings a smaller case back into the phase. */
  readonly mend?: (found: NormCase) => NormCase;
  /** What is special about the case, in words. */
  readonly says: (found: NormCase) => readonly string[];
  /** Makes the case invalid; null when it does not apply to it. */
  readonly spoil?: (asked: Case) => Case | null;
}

/** Makes a case of a phase; null when the norm seems to have none. */
export type Maker = (entry: Entry, choose: Chooser) => Made | null;

/** How often a maker tries before it gives up. */
export const attempts = 60;

/** The first thing that is made in a number of attempts; null when nothing is. */
export function firstOf<T>(make: (attempt: number) => T | null): T | null {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const made = make(attempt);
    if (made) return made;
  }
  return null;
}
