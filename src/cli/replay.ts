/** `normgrad replay`: saved counterexamples, asked again. */
import { profiles } from '../oracle/judge.ts';
import { showNumber } from '../oracle/show-number.ts';
import { type DriveOptions, driveOptionNames, driveOptions, driveOptionsUsage, given } from './check/command-line.ts';
import { exitCodes } from './check/exit-codes.ts';
import { explain, type Failing } from './check/failure.ts';
import { Harness, HarnessError } from './check/harness.ts';
import { Interrupt, Interrupted } from './check/interrupt.ts';
import { failureReport, type ReportOptions } from './check/report.ts';
import { readSaved, type Saved } from './check/saved.ts';
import { startFailure } from './check/own-words.ts';
import { columnsOf, type Streams } from './check/streams.ts';
import { Examiner, type Trial } from './check/trial.ts';
import { UsageError } from './usage-error.ts';

/** What `--help` shows. */
export const replayUsage = `Usage: normgrad replay FILE [options] -- COMMAND [ARGUMENT...]

Asks COMMAND a saved case again and reports what comes of it, without shrinking. FILE holds a case as JSON, or a line of
the report of normgrad check, or all of that report; - is standard input.

  normgrad replay case.json -- python3 mine.py

Options:
${driveOptionsUsage}  -h, --help                show this

Exit code: 0 passed, 1 a mismatch, 2 wrong usage, 3 the command could not start, died, hung or broke the protocol,
4 nothing was tested.
`;

/** Runs the command and returns its exit code. Throws a UsageError for wrong options and for files without a case. */
export async function replay(args: readonly string[], streams: Streams = process): Promise<number> {
  const found = given(args, driveOptionNames);
  if (found.flags.has('help')) {
    streams.stdout.write(replayUsage);
    return exitCodes.passed;
  }
  const [path, ...more] = found.others;
  if (path === undefined || more.length > 0) throw new UsageError('give one file with a case, or - for standard input');
  const options = driveOptions(found);
  const saved = readSaved(path);
  const interrupt = new Interrupt();
  return interrupt.during(async () => {
    try {
      return await replayAll(saved, options, { interrupt, stdout: streams.stdout });
    } catch (error) {
      if (error instanceof Interrupted) return exitCodes.interrupted;
      if (!(error instanceof HarnessError)) throw error;
      streams.stderr.write(startFailure('replay', error));
      return exitCodes.harness;
    }
  });
}

async function replayAll(
  saved: readonly Saved[],
  options: DriveOptions,
  { interrupt, stdout }: { interrupt: Interrupt; stdout: Streams['stdout'] },
): Promise<number> {
  const { command, startTimeout, timeout, profile, only } = options;
  const judging = { factor: profiles[profile], only };
  const harness = await interrupt.guard(Harness.start({ command, startTimeout, caseTimeout: timeout }));
  try {
    const examiner = new Examiner(harness, judging, interrupt);
    const trials: Trial[] = [];
    for (const { question, title } of saved) {
      // each in a process that has seen no other, as it was when it was saved
      const trial = await examiner.askFresh(question);
      trials.push(trial);
      stdout.write(textOf({ question, trial }, title, { ...options, factor: judging.factor, columns: columnsOf(stdout) }));
    }
    return exitCodeOf(trials);
  } finally {
    await harness.stop();
  }
}

function textOf(failing: Failing, title: string, options: ReportOptions): string {
  const { trial } = failing;
  const { kinds, verdict } = trial;
  const { factor } = options;
  if (kinds.length > 0) {
    const failure = { shown: failing, original: failing, repeated: true, shrunk: null, diagnosis: explain(failing, failing, factor) };
    return failureReport({ norm: title }, failure, options);
  }
  if (verdict!.outcome === 'skipped') return `– ${title}: skipped${verdict!.message ? `: ${verdict!.message}` : ''}\n`;
  const untested = verdict!.untested.length > 0 ? `, untested: ${verdict!.untested.join(', ')}` : '';
  return `✓ ${title}: passed, ratio ${showNumber(verdict!.ratio)} of ${factor}${untested}\n`;
}

function exitCodeOf(trials: readonly Trial[]): number {
  if (trials.some(({ kinds, lost }) => kinds.length > 0 && !lost)) return exitCodes.mismatch;
  if (trials.some(({ lost }) => lost)) return exitCodes.harness;
  return trials.every(({ verdict }) => verdict?.outcome === 'skipped') ? exitCodes.nothing : exitCodes.passed;
}
