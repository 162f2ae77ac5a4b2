/** `normgrad check`: an implementation in any language against the definitions, case by case through a pipe. */
import { readFileSync } from 'node:fs';
import { exitCodes } from './check/exit-codes.ts';
import { type Expected, parseExpected } from './check/expected.ts';
import { Harness, HarnessError } from './check/harness.ts';
import { Interrupt, Interrupted } from './check/interrupt.ts';
import { checkUsage, parseCheckOptions } from './check/options.ts';
import { startFailure } from './check/own-words.ts';
import { Records } from './check/records.ts';
import { type Kit, runSession } from './check/session.ts';
import { loadFastCheck } from './check/shrink.ts';
import type { Streams } from './check/streams.ts';
import { UsageError } from './usage-error.ts';

/** Runs the command and returns its exit code. Throws a UsageError for wrong options. */
export async function check(args: readonly string[], streams: Streams = process): Promise<number> {
  const options = parseCheckOptions(args);
  if (!options) {
    streams.stdout.write(checkUsage);
    return exitCodes.passed;
  }
  const expected = readExpected(options.xfail);
  const fc = options.shrink ? await loadFastCheck() : null;
  const records = new Records(options.report);
  const interrupt = new Interrupt();
  const kit = { options, expected, fc, records, interrupt, streams };
  try {
    return await interrupt.during(() => withHarness(kit));
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

async function withHarness(kit: Kit): Promise<number> {
  const { command, startTimeout, timeout } = kit.options;
  let harness: Harness;
  try {
    harness = await kit.interrupt.guard(Harness.start({ command, startTimeout, caseTimeout: timeout }));
  } catch (error) {
    if (error instanceof Interrupted) return exitCodes.interrupted;
    if (!(error instanceof HarnessError)) throw error;
    kit.streams.stderr.write(startFailure('check', error));
    return exitCodes.harness;
  }
  try {
    return await runSession(harness, kit);
  } finally {
    await harness.stop();
  }
}
