/** The cases of one norm in one dtype: asked one after the other, counted, the first failure looked into. */
import { caseAt } from '../../oracle/generate/case-at.ts';
import type { OracleCase } from '../../oracle/generate/oracle-case.ts';
import { indicesOf } from '../arguments.ts';
import type { Expected } from './expected.ts';
import { explain, type Failing, type Failure, type Means, questionOf, smallest } from './failure.ts';
import type { CheckOptions } from './options.ts';
import type { Tally } from './tally.ts';
import type { Trial } from './trial.ts';

/** Cases in a row without a readable reply after which a norm is given up. */
const PATIENCE = 5;

/** What a run of a norm works with. */
export interface NormRun extends Omit<Means, 'fc' | 'trying'> {
  /** Null when failing cases are not to be shrunk. */
  readonly fc: Means['fc'] | null;
  readonly options: Pick<CheckOptions, 'seed' | 'runs' | 'phases' | 'shard'>;
  readonly expected: Expected;
  /** After each case, and while a failing one is looked into; `doing` says what. */
  readonly step: (doing?: string) => void;
  readonly report: (asked: OracleCase, failure: Failure) => void;
}

/** Runs the cases of `tally.subject` and counts them in `tally`, which is right at any time. */
export async function runNorm(tally: Tally, run: NormRun): Promise<void> {
  const { options, examiner, step } = run;
  const { seed, runs, phases } = options;
  const { entry, dtype } = tally.subject;
  let lostInARow = 0;
  for (const index of indicesOf(options.shard, runs)) {
    const asked = caseAt(entry, index, { seed, runs, ...(phases && { phases }) });
    const question = questionOf(asked, dtype);
    const trial = await examiner.ask(question);
    tally.cases++;
    if (trial.kinds.length === 0) count(tally, trial);
    else await fail(tally, run, asked, { question, trial });
    step();
    lostInARow = trial.lost ? lostInARow + 1 : 0;
    if (lostInARow === PATIENCE && tally.cases < tally.planned) {
      tally.stopped = `given up: ${PATIENCE} cases in a row without a reply`;
      return;
    }
  }
}

function count(tally: Tally, { verdict }: Trial): void {
  tally[verdict!.outcome === 'skipped' ? 'skipped' : 'passed']++;
  weigh(tally, verdict);
}

function weigh(tally: Tally, verdict: Trial['verdict']): void {
  tally.worst = Math.max(tally.worst, verdict?.ratio ?? 0);
  for (const part of verdict?.untested ?? []) tally.untested.add(part.replace(/ of call \d+/, ''));
}

/** A case that failed: expected, or of a kind that is known by now, or the first one of its kind. */
async function fail(tally: Tally, run: NormRun, asked: OracleCase, first: Failing): Promise<void> {
  const { entry } = tally.subject;
  weigh(tally, first.trial.verdict);
  if (run.expected.excuses(entry.slug, asked.phase, first.trial.verdict?.findings ?? [])) {
    tally.expected++;
    return;
  }
  // believed without being asked again when this norm has failed in all these ways before
  if (first.trial.kinds.every((kind) => tally.kinds.has(kind))) {
    tally[first.trial.lost ? 'lost' : 'failed']++;
    for (const kind of first.trial.kinds) tally.kinds.set(kind, tally.kinds.get(kind)! + 1);
    return;
  }
  run.step('asking again');
  const again: Failing = { question: first.question, trial: await run.examiner.askFresh(first.question) };
  const repeated = again.trial.kinds.length > 0;
  const unseen = tally.failed + tally.lost + tally.flaky === 0;
  const original = repeated ? again : first;
  tally[original.trial.lost ? 'lost' : repeated ? 'failed' : 'flaky']++;
  if (repeated) for (const kind of original.trial.kinds) tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
  if (unseen) run.report(asked, await lookInto(run, asked, original, repeated));
}

async function lookInto(run: NormRun, asked: OracleCase, original: Failing, repeated: boolean): Promise<Failure> {
  const { fc, judging, step } = run;
  const small =
    repeated && fc
      ? await smallest(asked, original, { ...run, fc, trying: (runs) => step(`shrinking: ${runs} tried`) })
      : { shown: original, shrunk: null };
  return { ...small, original, repeated, diagnosis: repeated ? explain(small.shown, original, judging.factor) : [] };
}
