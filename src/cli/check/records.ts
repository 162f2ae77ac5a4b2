/** The report of a check for programs: one JSON object a line, written as soon as it is known. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { UsageError } from '../usage-error.ts';
import type { Failure } from './failure.ts';
import { withNamedNumbers } from './numbers.ts';
import type { Tally } from './tally.ts';

export class Records {
  readonly #file: number | null;

  /** Writes to a file from its beginning; null for nowhere. Throws a UsageError when the file cannot be written. */
  constructor(path: string | null) {
    try {
      this.#file = path === null ? null : openSync(path, 'w');
    } catch (error) {
      throw new UsageError(`--report: cannot write ${path}: ${(error as Error).message}`);
    }
  }

  write(record: 'start' | 'failure' | 'norm' | 'end', fields: object): void {
    if (this.#file !== null) writeSync(this.#file, `${JSON.stringify({ record, ...fields }, withNamedNumbers)}\n`);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }
}

/** A failure as a record. `case` is what `normgrad replay` reads. */
export function failureRecord(index: number, { shown, original, repeated, shrunk, diagnosis }: Failure): object {
  const { question, trial } = shown;
  const { norm, dtype, phase } = original.question.message as { norm: string; dtype: string; phase?: string };
  const said = trial.reply && trial.reply.kind !== 'results' ? trial.reply : null;
  return {
    norm,
    dtype,
    index,
    phase,
    repeated,
    kinds: trial.kinds,
    message: trial.lost?.message ?? trial.verdict?.message ?? '',
    ...(said && { reply: said }),
    ...(trial.lost && { lost: trial.lost.kind, stderr: trial.lost.stderr }),
    findings: trial.verdict?.findings ?? [],
    diagnosis,
    ...(shrunk && { shrunk }),
    case: question.message,
    ...(original !== shown && { original: original.question.message }),
  };
}

/** What became of a norm as a record. */
export function normRecord({ subject, untested, kinds, ...counts }: Tally): object {
  const { entry, dtype } = subject;
  return { norm: entry.slug, dtype, ...counts, untested: [...untested], kinds: Object.fromEntries(kinds) };
}
