/** One planted mistake against the oracle: after how many cases it is refuted, and what the diagnosis says. */
import { answerable } from '../../src/norms/catalog.ts';
import type { Case } from '../../src/oracle/case.ts';
import { diagnoseAll, type Failing } from '../../src/oracle/diagnose.ts';
import { caseAt } from '../../src/oracle/generate/case-at.ts';
import { judge, profiles } from '../../src/oracle/judge.ts';
import { replyFromJson } from '../../src/oracle/reply.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import type { Mutant } from '../mutants/mutant.ts';
import { Planted } from './plant.ts';

/** What became of a planted mistake. */
export interface Found {
  readonly mutant: Mutant & { readonly mistake: string };
  /** Cases until the first that fails; 0 when none of 100 does. */
  readonly refuted: number;
  /** The mistakes that explain the failing cases, the best first. */
  readonly named: readonly string[];
  /** The same for the first failing case by itself. */
  readonly first: readonly string[];
}

/** How many failing cases a diagnosis is made of. */
const FAILING = 4;

/** Asks a mutant up to 100 cases. */
export async function judgePlanted(mutant: Mutant & { readonly mistake: string }, cases = 100): Promise<Found> {
  const dtype: DType = mutant.dtype ?? 'float32';
  const slugs = (mutant.asked ?? mutant.norm ?? '').split(',').filter(Boolean);
  if (slugs.length === 0) throw new Error(`${mutant.name}: it names no norm to ask about`);
  const harness = new Planted(mutant);
  const failing: Failing[] = [];
  let refuted = 0;
  try {
    for (let index = 0; index < cases && failing.length < FAILING; index++) {
      const entry = answerable(slugs[index % slugs.length]!);
      const found = caseAt(entry, index, { seed: 1, runs: cases, phases: ['regular', 'single', 'constant', 'offset'] });
      const asked: Case = found.toCase(dtype);
      const reply = replyFromJson(await harness.ask(found.toJson(dtype)), dtype);
      const options = { dtype, factor: profiles.standard };
      if (judge(found, reply, options).outcome !== 'failed') continue;
      refuted ||= index + 1;
      if (reply.kind === 'results') failing.push({ asked, got: reply.results });
    }
  } finally {
    await harness.stop();
  }
  const named = (some: readonly Failing[]): string[] => diagnoseAll(some, { factor: profiles.standard }).map(({ name }) => name);
  return { mutant, refuted, named: named(failing), first: named(failing.slice(0, 1)) };
}
