/** A failure for people: what is wrong, where, by how much, why perhaps, and how to see it again. */
import type { Finding } from '../../oracle/judge.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { DriveOptions } from './command-line.ts';
import type { Failing, Failure } from './failure.ts';
import { shownError, shownRatio } from './numbers.ts';
import { ownWords } from './start-failure.ts';
import { paragraph, quotedForShell } from './text.ts';
import type { Trial } from './trial.ts';

/** What a report depends on besides the failure. */
export interface ReportOptions extends DriveOptions {
  readonly factor: number;
  readonly columns: number;
}

/** The report of a failure; `title` says which case it is. It ends with a line break. */
export function failureReport(title: string, failure: Failure, options: ReportOptions): string {
  const { shown, original, repeated, shrunk, diagnosis } = failure;
  const fit = (text: string, indent = 2): string => paragraph(text, options.columns, indent);
  const lines = [`✘ ${title}`, fit(headline(shown.trial)), ...details(shown, options, fit)];
  if (!repeated) {
    lines.push(
      fit('It did not fail again in a fresh process: the harness is flaky. It keeps something from case to case, or its answers are left to chance.'),
    );
  }
  diagnosis.slice(0, 3).forEach((says, i) => lines.push(fit(`${i === 0 ? 'diagnosis:' : 'or:'} ${says}`)));
  if (shrunk) lines.push(fit(shrinkLine(shrunk, original !== shown)));
  // on lines of their own and never wrapped, for they are to be copied
  lines.push('  the case:', JSON.stringify(shown.question.message), '  replay it, saved as case.json:', replayCommand(options));
  return `${lines.join('\n')}\n`;
}

function headline({ lost, reply, verdict }: Trial): string {
  if (lost) return `the harness ${{ start: 'could not start', died: 'died', timeout: 'did not answer in time', protocol: 'broke the protocol' }[lost.kind]}: ${lost.message}`;
  if (reply && reply.kind !== 'results') return verdict!.message;
  const findings = verdict!.findings;
  if (findings.length === 0) return verdict!.message;
  const [first] = findings as readonly [Finding];
  return first.note === undefined ? `${placeOf(first)} is wrong` : `${placeOf(first)} is wrong: ${first.note}`;
}

function details({ question, trial }: Failing, { factor }: ReportOptions, fit: (text: string, indent?: number) => string): string[] {
  const { lost, reply, verdict } = trial;
  if (lost) return ownWords(lost.stderr);
  if (reply?.kind === 'errored') return ownWords(reply.traceback ?? '');
  const [first, ...others] = verdict!.findings;
  if (!first) return [];
  return [
    ...(first.note === undefined ? [fit(numbersOf(first, question.dtype, factor))] : []),
    ...others.map((finding) => fit(`also ${placeOf(finding)}: ${aside(finding, question.dtype, factor)}`)),
  ];
}

function numbersOf({ got, want, absolute, relative, ratio }: Finding, dtype: DType, factor: number): string {
  return (
    `got ${element(got, dtype)}, want ${element(want, dtype)}; off by ${shownError(absolute)}, relative ${shownError(relative)}, ` +
    `${shownRatio(ratio / factor)} times the limit`
  );
}

function aside({ got, want, ratio, note }: Finding, dtype: DType, factor: number): string {
  return note ?? `got ${element(got, dtype)}, want ${element(want, dtype)}, ${shownRatio(ratio / factor)} times the limit`;
}

/** `grads x[0, 2] of call 1`. */
function placeOf({ call, part, name, index }: Finding): string {
  const where = index.length > 0 ? `[${index.join(', ')}]` : '';
  const what = { outputs: 'output', grads: 'the gradient of', stateAfter: 'the state' }[part];
  return `${what} ${name}${where}${call > 0 ? ` in call ${call}` : ''}`;
}

/** As many digits as the dtype holds, so that a float32 is not shown with the digits of a double. */
function element(value: number, dtype: DType): string {
  return dtype === 'float64' || !Number.isFinite(value) ? String(value) : String(Number(value.toPrecision(9)));
}

function shrinkLine({ steps, runs, spent }: NonNullable<Failure['shrunk']>, smaller: boolean): string {
  const cases = `${runs} ${runs === 1 ? 'case' : 'cases'} asked`;
  const found = smaller ? `shrunk in ${steps} ${steps === 1 ? 'step' : 'steps'}, ${cases}` : `nothing smaller fails like it, ${cases}`;
  return spent ? `${found}; ended before all that is smaller was tried` : found;
}

/** The command that asks the case again. */
export function replayCommand({ command, profile, only }: DriveOptions): string {
  const options = [...(profile === 'standard' ? [] : ['--profile', profile]), ...(only ? ['--only', only] : [])];
  return ['normgrad', 'replay', 'case.json', ...options, '--', ...command.map(quotedForShell)].join(' ');
}
