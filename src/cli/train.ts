/** `normgrad train`: what normalization does to the training of a small network, seen side by side. */
import { mkdirSync } from 'node:fs';
import { loadDigits } from './train/data.ts';
import { type Run, stepsPerEpoch, trainOnce } from './train/loop.ts';
import { parseTrainOptions, trainUsage } from './train/options.ts';
import { trainParallel } from './train/parallel.ts';
import { Progress } from './train/progress.ts';
import { describe, writeReport } from './train/report.ts';
import { summarize } from './train/summary.ts';
import { resultTable } from './train/table.ts';

/** Exit code of a program that was interrupted: 128 + the number of SIGINT. */
const INTERRUPTED = 130;

/** Runs the command and returns its exit code. Throws a UsageError for wrong options. */
export async function train(args: readonly string[]): Promise<number> {
  const options = parseTrainOptions(args);
  if (!options) {
    process.stdout.write(trainUsage);
    return 0;
  }
  const digits = loadDigits(options);
  // before the work, so that a folder that cannot be made is known at once
  mkdirSync(options.out, { recursive: true });
  process.stdout.write(`${describe(digits, options)}\n\n`);
  const steps = stepsPerEpoch(digits, options);
  const { norms, epochs, batch, workers } = options;
  const trainWith = workers > 1 ? trainParallel : trainOnce;
  const progress = new Progress(process.stdout, { norms, epochs, stepsPerEpoch: steps, batch }, () => performance.now());
  const runs: Run[] = [];
  let interrupted = false;
  const interrupt = (): void => {
    // a second Ctrl-C does not wait for the step
    if (interrupted) process.exit(INTERRUPTED);
    interrupted = true;
  };
  process.on('SIGINT', interrupt);
  try {
    for (const norm of norms) {
      const run = await trainWith(norm, digits, options, {
        step: (...state) => progress.step(...state),
        epoch: (...state) => progress.epoch(...state),
        stopped: () => interrupted,
      });
      runs.push(run);
      progress.finish(run);
      if (interrupted) break;
    }
  } finally {
    process.off('SIGINT', interrupt);
  }
  const summaries = runs.map((run) => summarize(run, steps));
  process.stdout.write(`\n${resultTable(summaries)}\n\n`);
  const paths = writeReport(runs, summaries, steps, digits, options);
  process.stdout.write(`wrote ${paths.join(' and ')}\n`);
  return interrupted ? INTERRUPTED : 0;
}
