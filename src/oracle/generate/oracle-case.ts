/** A case as the oracle asks it: a generated case of a norm, the phase that it belongs to, and why it exists. */
import type { Entry } from '../../norms/catalog/entry.ts';
import type { DType } from '../../tensor/dtype.ts';
import { type Case, caseToJson } from '../case.ts';
import { factsOf } from './facts.ts';
import type { Made } from './made.ts';
import type { Phase } from './phases.ts';
import { smallerNormCases } from './smaller-norm-cases.ts';

export class OracleCase {
  readonly entry: Entry;
  /** Its place in the run. */
  readonly index: number;
  readonly phase: Phase;
  readonly #made: Made;

  constructor(entry: Entry, index: number, phase: Phase, made: Made) {
    this.entry = entry;
    this.index = index;
    this.phase = phase;
    this.#made = made;
  }

  /** Why the case exists, in words: `regular`, `offset 1e4`, `N = 1`, `eps shows`. */
  get flags(): readonly string[] {
    const { found, says } = this.#made;
    return [this.phase, ...says(found), ...factsOf(found)];
  }

  /** What is asked, in memory of its own. */
  toCase(dtype: DType): Case {
    const { found, spoil } = this.#made;
    const asked = found.toCase(dtype);
    return spoil?.(asked) ?? asked;
  }

  /** The case as in a message: what `caseFromJson` reads, with the phase and the flags. */
  toJson(dtype: DType): object {
    const { norm, ...rest } = caseToJson(this.toCase(dtype)) as { norm: string };
    return { norm, phase: this.phase, flags: this.flags, ...rest };
  }

  /** The cases of the same phase that are one step smaller, the most promising first. */
  *smaller(): IterableIterator<OracleCase> {
    const { found: before, mend, keeps } = this.#made;
    for (const candidate of smallerNormCases(before)) {
      const found = mend?.(candidate) ?? candidate;
      // mending may undo the step, and shrinking would not end
      if (mend && String(found) === String(before)) continue;
      if (keeps(found)) yield new OracleCase(this.entry, this.index, this.phase, { ...this.#made, found });
    }
  }

  toString(): string {
    return `${this.flags.join(', ')}\n${this.#made.found}`;
  }
}
