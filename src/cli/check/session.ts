/** A check with a harness that has started: norm after norm, shown and recorded as it goes, with a summary at its end. */
import { profiles } from '../../oracle/judge.ts';
import { paragraph } from '../../oracle/layout.ts';
import { indicesOf } from '../arguments.ts';
import type { Expected } from './expected.ts';
import { type Harness, HarnessError } from './harness.ts';
import { type Interrupt, Interrupted } from './interrupt.ts';
import { runNorm } from './norm-run.ts';
import type { CheckOptions } from './options.ts';
import { startFailure } from './own-words.ts';
import { Progress } from './progress.ts';
import { failureRecord, normRecord, type Records } from './records.ts';
import { failureReport } from './report.ts';
import type { FastCheck } from './shrink.ts';
import { columnsOf, type Streams } from './streams.ts';
import { type Subjects, subjectsOf } from './subjects.ts';
import { type End, exitCodeOf, summary } from './summary.ts';
import { labelOf } from './table.ts';
import { emptyTally, type Tally } from './tally.ts';
import { Examiner } from './trial.ts';

/** How long a failing case is shrunk. */
const budget = { runs: 2000, milliseconds: 60_000 };

/** What a check has at hand besides its harness. */
export interface Kit {
  readonly options: CheckOptions;
  readonly expected: Expected;
  /** Null when failing cases are not to be shrunk. */
  readonly fc: typeof FastCheck | null;
  readonly records: Records;
  readonly interrupt: Interrupt;
  readonly streams: Streams;
}

/** Runs all cases and returns the exit code. */
export async function runSession(harness: Harness, kit: Kit): Promise<number> {
  const { options, expected, records, streams } = kit;
  const { seed, runs, phases, profile, only, shard } = options;
  const { stdout } = streams;
  const subjects = subjectsOf(options, harness.introduction);
  const severalDTypes = subjects.dtypes.length > 1;
  const { implementation } = harness.introduction;
  stdout.write(heading(implementation, options, subjects, columnsOf(stdout)));
  records.write('start', {
    ...{ implementation, seed, runs, profile, factor: profiles[profile], only, phases },
    shard: `${shard.at}/${shard.of}`,
    leftOut: subjects.leftOut,
  });
  const tallies = subjects.list.map((subject) => emptyTally(subject, indicesOf(shard, runs).length));
  const labels = tallies.map((tally) => labelOf(tally, severalDTypes));
  const progress = new Progress(stdout, labels, () => performance.now());
  const { reached, early } = await runAll(tallies, harness, progress, severalDTypes, kit);
  const end = { tallies: reached, early };
  const code = exitCodeOf(end);
  stdout.write(`\n${summary(end, expected, { phases, only, severalDTypes, columns: columnsOf(stdout) })}`);
  records.write('end', { exit: code });
  return code;
}

async function runAll(
  tallies: readonly Tally[],
  harness: Harness,
  progress: Progress,
  severalDTypes: boolean,
  { options, expected, fc, records, interrupt, streams: { stdout } }: Kit,
): Promise<{ reached: Tally[]; early: End['early'] }> {
  const judging = { factor: profiles[options.profile], only: options.only };
  const examiner = new Examiner(harness, judging, interrupt);
  const reached: Tally[] = [];
  for (const tally of tallies) {
    const label = labelOf(tally, severalDTypes);
    reached.push(tally);
    progress.begin();
    let early: End['early'] = null;
    try {
      await runNorm(tally, {
        ...{ examiner, judging, fc, budget, options, expected },
        now: () => performance.now(),
        step: (doing) => progress.step(label, tally, doing),
        report: ({ index }, failure) => {
          progress.clear();
          const about = { ...options, factor: judging.factor, columns: columnsOf(stdout) };
          stdout.write(`\n${failureReport({ norm: label, index }, failure, about)}`);
          records.write('failure', failureRecord(index, failure));
        },
      });
    } catch (error) {
      early = whyEarly(error);
      progress.clear();
      if (early === 'harness') stdout.write(startFailure('check', error as HarnessError));
      if (tally.cases < tally.planned) tally.stopped = `ended after ${tally.cases} of ${tally.planned} cases`;
    }
    progress.finish(label, tally);
    records.write('norm', normRecord(tally));
    if (early) return { reached, early };
  }
  return { reached, early: null };
}

/** Why a run is over; throws what is no reason for that. */
function whyEarly(error: unknown): NonNullable<End['early']> {
  if (error instanceof Interrupted) return 'interrupted';
  if (error instanceof HarnessError) return 'harness';
  throw error;
}

type Implementation = Harness['introduction']['implementation'];

function heading(
  { name, language, version }: Implementation,
  { seed, runs, profile, only, shard }: CheckOptions,
  { list, dtypes, leftOut }: Subjects,
  columns: number,
): string {
  const norms = new Set(list.map(({ entry }) => entry.slug)).size;
  const about = [
    `${norms} ${norms === 1 ? 'norm' : 'norms'}${dtypes.length > 0 ? ` in ${dtypes.join(' and ')}` : ''}`,
    `${runs} ${runs === 1 ? 'case' : 'cases'} each`,
    `seed ${seed}`,
    `profile ${profile}`,
    ...(only ? [`only ${only}`] : []),
    ...(shard.of > 1 ? [`shard ${shard.at}/${shard.of}`] : []),
  ];
  const who = [name, version].filter(Boolean).join(' ') + (language ? ` (${language})` : '');
  const lines = [`${who}: ${about.join(', ')}`, ...leftOut].flatMap((line) => paragraph('', line, columns - 1));
  return `${lines.join('\n')}\n`;
}
