/**
 * How every property is checked: from the fixed seed, with a report that says how to run the smallest counterexample
 * again.
 *
 * Environment: SEED and PATH_ replay (PATH_ belongs to one property: give the file and the title as well, as the
 * report does), RUNS overrides the number of cases, LONG multiplies it by 20, NO_SHRINK stops at the first failure.
 */
import * as fc from 'fast-check';
import { current } from './current.ts';
import { seed } from './seed.ts';

/** Options of `check`. */
export interface CheckOptions {
  /** Generated cases. Default 50; RUNS overrides it. */
  readonly runs?: number;
  /** Cases that are tried first: every counterexample ever found stays here. */
  readonly examples?: readonly unknown[];
}

/** Throws an Error with the smallest counterexample when the property does not hold. */
export function check<Ts>(property: fc.IProperty<Ts>, options?: CheckOptions): void;
export function check<Ts>(property: fc.IAsyncProperty<Ts>, options?: CheckOptions): Promise<void>;
export function check<Ts>(property: fc.IRawProperty<Ts>, options: CheckOptions = {}): void | Promise<void> {
  const parameters: fc.Parameters<Ts> = {
    seed: seed(),
    numRuns: runsOf(options.runs ?? 50),
    examples: (options.examples ?? []) as Ts[],
    endOnFailure: Boolean(process.env.NO_SHRINK),
    ...(process.env.PATH_ ? { path: process.env.PATH_ } : {}),
  };
  const details: fc.RunDetails<Ts> | Promise<fc.RunDetails<Ts>> = fc.check(property, parameters);
  if (details instanceof Promise) return details.then(judge);
  judge(details);
}

/** The number of cases for a property that asks for `runs`. */
export function runsOf(runs: number): number {
  const base = process.env.RUNS ? Number(process.env.RUNS) : runs;
  if (!Number.isInteger(base) || base < 1) throw new RangeError(`RUNS must be a positive integer, got ${process.env.RUNS}`);
  return process.env.LONG ? base * 20 : base;
}

function judge<Ts>(details: fc.RunDetails<Ts>): void {
  if (!details.failed) return;
  const { counterexample, counterexamplePath, errorInstance, numRuns, numShrinks, numSkips } = details;
  if (counterexample === null) {
    throw new Error(`property not checked: ${numRuns} cases were run and ${numSkips} refused by fc.pre; generate fitting ones`);
  }
  const filter = current.file ? ` -- ${current.file} --title ${JSON.stringify(current.title)}` : ' -- <file> --title <title>';
  const cause = errorInstance instanceof Error ? errorInstance : new Error(String(errorInstance));
  const error = new Error(
    [
      `property failed in case ${numRuns}, after ${numShrinks} shrinks`,
      `    smallest counterexample: ${fc.stringify(counterexample)}`,
      `    ${cause.name}: ${cause.message}${detailsOf(cause)}`,
      `    replay: SEED=${details.seed} PATH_=${counterexamplePath} npm test${filter}`,
    ].join('\n'),
    { cause },
  );
  error.stack = [error.name, ...(cause.stack ?? '').split('\n').filter(isFrame)].join('\n');
  throw error;
}

/** Expected and actual, as uvu's assertions carry them. */
function detailsOf(error: Error): string {
  const { operator, actual, expects } = error as { operator?: unknown; actual?: unknown; expects?: unknown };
  if (operator === undefined) return '';
  return `\n    ${String(operator)}: expected ${fc.stringify(expects)}, got ${fc.stringify(actual)}`;
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line) && !line.includes('node_modules/fast-check');
}
