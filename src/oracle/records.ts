/**
 * A run as records, one JSON object a line, told apart by their field `record`: `case` for each case, `failure` for each
 * that failed, `norm` for each norm, `run` for the run. Numbers that JSON cannot write are the strings "NaN",
 * "Infinity", "-Infinity" and "-0", as in messages.
 */
import type { Verdict } from './judge.ts';
import type { Failure } from './report.ts';
import type { NormSummary } from './summary.ts';

/** A case and its verdict. */
export interface JudgedCase {
  readonly norm: string;
  readonly index: number;
  readonly phase?: string;
  readonly flags?: readonly string[];
  readonly verdict: Verdict;
}

/** The record of a case. */
export function caseRecord({ norm, index, phase, flags = [], verdict }: JudgedCase): string {
  return line({ record: 'case', norm, index, phase, flags, ...verdict });
}

/** The record of a failure: the shrunk case, how it fails, and what the mistake may be. */
export function failureRecord({ norm, index, phase, flags = [], verdict, factor, shrunk, replay, diagnosis = [], notes = [] }: Failure): string {
  const { ratio, findings, untested, message } = verdict;
  return line({ record: 'failure', norm, index, phase, flags, ratio, limit: factor, findings, untested, message, case: shrunk, diagnosis, notes, replay });
}

/** The record of a norm. */
export function normRecord({ norm, cases, passed, failed, skipped, untested, ratio }: NormSummary): string {
  return line({ record: 'norm', norm, cases, passed, failed, skipped, untested, ratio });
}

/** The record of a run: its counts, and whatever else is known of it (implementation, seed, options, exit code). */
export function runRecord({ cases, passed, failed, skipped, untested, ratio }: NormSummary, facts: Readonly<Record<string, unknown>> = {}): string {
  return line({ record: 'run', ...facts, cases, passed, failed, skipped, untested, ratio });
}

function line(record: object): string {
  return JSON.stringify(record, (_key, value: unknown) =>
    typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)) ? (Object.is(value, -0) ? '-0' : String(value)) : value,
  );
}
