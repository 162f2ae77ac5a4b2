/** The cases of a run, one by one: each is a function of its place in the run, so that a run can be cut up and repeated. */
import type { Entry } from '../../norms/catalog/entry.ts';
import { Random } from '../../tensor/random.ts';
import { chooserFrom } from './chooser.ts';
import { constant } from './constant.ts';
import { invalid } from './invalid.ts';
import type { Maker } from './made.ts';
import { nonFinite } from './non-finite.ts';
import { offset } from './offset.ts';
import { OracleCase } from './oracle-case.ts';
import { type Phase, phaseAt } from './phases.ts';
import { regular } from './regular.ts';
import { single } from './single.ts';

/** The run that a case is of. */
export interface CaseOptions {
  readonly seed: number;
  /** The number of cases of the run. */
  readonly runs: number;
  /** The phases of the run. Default: all. */
  readonly phases?: readonly Phase[];
}

const makers: Readonly<Record<Phase, Maker>> = { regular, single, constant, offset, 'non-finite': nonFinite, invalid };

/**
 * The case at a place of a run. It depends on the entry, the place and the run alone: whoever asks for every n-th place
 * has an n-th of the run. Where a norm has no case of a phase, regular ones stand in its place.
 */
export function caseAt(entry: Entry, index: number, { seed, runs, phases }: CaseOptions): OracleCase {
  const phase = phaseAt(index, runs, phases);
  const choose = chooserFrom(new Random(hash(`${seed} ${entry.slug} ${index}`)));
  const made = makers[phase](entry, choose);
  if (made) return new OracleCase(entry, index, phase, made);
  return new OracleCase(entry, index, 'regular', regular(entry, choose)!);
}

/** FNV-1a of 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}
