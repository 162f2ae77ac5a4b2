/** `normgrad check`: an implementation in any language against the definitions, case by case through a pipe. */
import { readFileSync } from 'node:fs';
import type { OracleCase } from '../oracle/generate/oracle-case.ts';
import { profiles } from '../oracle/judge.ts';
import { exitCodes } from './check/exit-codes.ts';
import { type Expected, parseExpected } from './check/expected.ts';
import type { Failure } from './check/failure.ts';
import { Harness, HarnessError } from './check/harness.ts';
import { Interrupt, Interrupted } from './check/interrupt.ts';
import { placesOf, runNorm } from './check/norm-run.ts';
import { type CheckOptions, checkUsage, parseCheckOptions } from './check/options.ts';
import { Progress } from './check/progress.ts';
import { failureRecord, normRecord, Records } from './check/records.ts';
import { failureReport } from './check/report.ts';
import { type FastCheck, loadFastCheck } from './check/shrink.ts';
import { type Subjects, subjectsOf } from './check/subjects.ts';
import { type End, exitCodeOf, summary } from './check/summary.ts';
import { labelOf } from './check/table.ts';
import { emptyTally, type Tally } from './check/tally.ts';
import { startFailure } from './check/start-failure.ts';
import { Examiner } from './check/trial.ts';
import { UsageError } from './usage-error.ts';

/** How long a failing case is shrunk. */
const budget = { runs: 2000, milliseconds: 60_000 };

/** Runs the command and returns its exit code. Throws a UsageError for wrong options. */
export async function check(args: readonly string[]): Promise<number> {
  const options = parseCheckOptions(args);
  if (!options) {
    process.stdout.write(checkUsage);
    return exitCodes.passed;
  }
  const expected = readExpected(options.xfail);
  const fc = options.shrink ? await loadFastCheck() : null;
  const records = new Records(options.report);
  const interrupt = new Interrupt();
  try {
    return await interrupt.during(() => started(options, { expected, fc, records, interrupt }));
  } finally {
    records.close();
  }
}

function readExpected(path: string | null): Expected {
  if (path === null) return parseExpected('', '');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--xfail: cannot read ${path}: ${(error as Error).message}`);
  }
  return parseExpected(text, path);
}

/** What a check has at hand. */
interface Kit {
  readonly expected: Expected;
  readonly fc: typeof FastCheck | null;
  readonly records: Records;
  readonly interrupt: Interrupt;
}

async function started(options: CheckOptions, kit: Kit): Promise<number> {
  const { command, startTimeout, timeout } = options;
  const starting = Harness.start({ command, startTimeout, caseTimeout: timeout });
  let harness: Harness;
  try {
    harness = await kit.interrupt.guard(starting);
  } catch (error) {
    if (error instanceof Interrupted) return exitCodes.interrupted;
    if (!(error instanceof HarnessError)) throw error;
    process.stderr.write(startFailure('check', error));
    return exitCodes.harness;
  }
  try {
    return await withHarness(harness, options, kit);
  } finally {
    await harness.stop();
  }
}

async function withHarness(harness: Harness, options: CheckOptions, { expected, fc, records, interrupt }: Kit): Promise<number> {
  const { implementation } = harness.introduction;
  const subjects = subjectsOf(options, harness.introduction);
  const severalDTypes = subjects.dtypes.length > 1;
  const { seed, runs, phases, profile, only, shard } = options;
  const factor = profiles[profile];
  process.stdout.write(heading(harness, options, subjects));
  records.write('start', { implementation, seed, runs, profile, factor, only, phases, shard: `${shard.index + 1}/${shard.of}`, leftOut: subjects.leftOut });

  const tallies = subjects.list.map((subject) => emptyTally(subject, placesOf(options).length));
  const progress = new Progress(process.stdout, tallies.map((tally) => labelOf(tally, severalDTypes)), () => performance.now());
  const judging = { factor, only };
  const examiner = new Examiner(harness, judging, interrupt);
  const columns = columnsOf();
  let early: End['early'] = null;
  const reached: Tally[] = [];
  try {
    for (const tally of tallies) {
      const label = labelOf(tally, severalDTypes);
      reached.push(tally);
      progress.begin();
      await runNorm(tally, {
        ...{ examiner, judging, fc, budget, options, expected },
        now: () => performance.now(),
        step: (doing) => progress.step(label, tally, doing),
        report: (asked: OracleCase, failure: Failure) => {
          progress.clear();
          process.stdout.write(`\n${failureReport(titleOf(label, asked, runs), failure, { ...options, factor, columns })}\n`);
          records.write('failure', failureRecord(asked.index, failure));
        },
      });
      progress.finish(label, tally);
      records.write('norm', normRecord(tally));
    }
  } catch (error) {
    progress.clear();
    if (error instanceof Interrupted) early = 'interrupted';
    else if (error instanceof HarnessError) {
      early = 'harness';
      process.stdout.write(startFailure('check', error));
    } else throw error;
    const last = reached[reached.length - 1]!;
    if (last.cases < last.planned) last.stopped = `ended after ${last.cases} of ${last.planned} cases`;
    records.write('norm', normRecord(last));
  }
  const end = { tallies: reached, early };
  const code = exitCodeOf(end);
  process.stdout.write(`\n${summary(end, expected, { phases, only, severalDTypes, columns })}`);
  records.write('end', { exit: code });
  return code;
}

function heading(harness: Harness, { seed, runs, profile, only, shard }: CheckOptions, { list, dtypes, leftOut }: Subjects): string {
  const { name, language, version } = harness.introduction.implementation;
  const norms = new Set(list.map(({ entry }) => entry.slug)).size;
  const about = [
    `${norms} ${norms === 1 ? 'norm' : 'norms'} in ${dtypes.join(' and ') || 'no dtype'}`,
    `${runs} cases each`,
    `seed ${seed}`,
    `profile ${profile}`,
    ...(only ? [`only ${only}`] : []),
    ...(shard.of > 1 ? [`shard ${shard.index + 1}/${shard.of}`] : []),
  ];
  const who = [name, version].filter(Boolean).join(' ') + (language ? ` (${language})` : '');
  return [`${who}: ${about.join(', ')}`, ...leftOut, ''].join('\n');
}

function titleOf(label: string, { index, phase, flags }: OracleCase, runs: number): string {
  const why = flags.filter((flag) => flag !== phase).join(', ');
  return `${label}: case ${index} of ${runs} failed, ${phase}${why ? ` (${why})` : ''}`;
}

/** The width that texts are fitted to. */
function columnsOf(): number {
  return Math.min(120, process.stdout.columns ?? 120);
}
