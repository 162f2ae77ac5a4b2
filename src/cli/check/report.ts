/** A failure for people: what the oracle says of it, what the harness said, how it was made small, how to see it again. */
import { type Failure as Described, failureText } from '../../oracle/report.ts';
import type { DriveOptions } from './command-line.ts';
import type { Failure } from './failure.ts';
import { ownWords } from './own-words.ts';
import type { Trial } from './trial.ts';

/** What a report depends on besides the failure. */
export interface ReportOptions extends DriveOptions {
  readonly factor: number;
  readonly columns: number;
  /** Path of the report in JSON lines, which can be replayed; absent without one. */
  readonly report?: string | null;
}

/** Diagnoses that are shown. */
const DIAGNOSES = 3;

/** The report of a failure, which ends with a line break; `place` says which case it is. */
export function failureReport(place: Pick<Described, 'norm' | 'index' | 'phase' | 'flags'>, failure: Failure, options: ReportOptions): string {
  const { shown, repeated, shrunk, diagnosis } = failure;
  const { trial, question } = shown;
  const notes = [
    ...wordsOf(trial),
    ...(repeated ? [] : [flaky]),
    ...(shrunk ? [shrinkNote(shrunk)] : []),
  ];
  const { phase, flags } = question.message as { phase?: string; flags?: readonly string[] };
  const text = failureText(
    {
      ...place,
      ...(phase !== undefined && { phase }),
      ...(flags && { flags }),
      verdict: trial.verdict ?? { outcome: 'failed', ratio: Infinity, findings: [], untested: [], message: lostMessage(trial) },
      factor: options.factor,
      shrunk: question.message,
      replay: replayCommand(options),
      diagnosis: diagnosis.slice(0, DIAGNOSES),
      notes,
    },
    // the last column stays free: a terminal would go on to the next line
    options.columns - 1,
  );
  return `${text}\n`;
}

const flaky = `not again in a fresh process: the harness is flaky. It keeps
something from case to case, or leaves its answers to chance.`;

function lostMessage({ lost }: Trial): string {
  const words = { start: 'could not start', died: 'died', timeout: 'did not answer in time', protocol: 'broke the protocol' };
  return lost ? `the harness ${words[lost.kind]}: ${lost.message}` : '';
}

/** What the harness itself said. */
function wordsOf({ lost, reply }: Trial): string[] {
  return ownWords(lost ? lost.stderr : reply?.kind === 'errored' ? (reply.traceback ?? '') : '');
}

function shrinkNote({ steps, runs, spent }: NonNullable<Failure['shrunk']>): string {
  const cases = `${runs} ${runs === 1 ? 'case' : 'cases'} asked`;
  const found = steps > 0 ? `shrunk in ${steps} ${steps === 1 ? 'step' : 'steps'}, ${cases}` : `nothing smaller fails like it, ${cases}`;
  return spent ? `${found}; ended before all that is smaller was tried` : found;
}

/** The command that asks the case again. */
export function replayCommand({ command, profile, only, report }: DriveOptions & { readonly report?: string | null }): string {
  const options = [...(profile === 'standard' ? [] : ['--profile', profile]), ...(only ? ['--only', only] : [])];
  const words = ['normgrad', 'replay', report ?? 'case.json', ...options, '--', ...command].map(quotedForShell);
  return `${words.join(' ')}${report ? '' : '  # with the case in case.json'}`;
}

/** A word as a POSIX shell reads it back. */
export function quotedForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
