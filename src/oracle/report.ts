/**
 * A failure as text: where the answer goes wrong first, how far it is off, what else is wrong, and how to see it again
 * on the smallest case.
 */
import { type Finding, placeOf } from './judge-tensor.ts';
import type { Verdict } from './judge.ts';
import { inColumns, paragraph } from './layout.ts';
import { showNumber, showPair } from './show-number.ts';

/** A case that failed. */
export interface Failure {
  readonly norm: string;
  /** Which of the generated cases it was. */
  readonly index?: number;
  readonly phase?: string;
  /** Why the case exists. */
  readonly flags?: readonly string[];
  /** On the smallest case that fails. */
  readonly verdict: Verdict;
  /** The limit of the ratio. */
  readonly factor: number;
  /** The smallest case that fails, as in a message. */
  readonly shrunk?: object;
  /** The command that runs it again. */
  readonly replay?: string;
  /** What the mistake may be, the best explanation first. */
  readonly diagnosis?: readonly string[];
  /** What else is worth knowing, as a traceback: printed as it is. */
  readonly notes?: readonly string[];
}

/** The text of a failure, without a line break at its end. Only the case and the command exceed `width`. */
export function failureText(failure: Failure, width = 100): string {
  const { norm, index, verdict, factor, shrunk, replay, diagnosis = [], notes = [] } = failure;
  const { findings, untested, message } = verdict;
  const why = reasonsOf(failure).join(', ');
  const lines = paragraph('FAILED  ', `${norm}${index === undefined ? '' : `, case ${index}`}${why && `: ${why}`}`, width);
  const [first, ...others] = findings;
  if (first) lines.push(...firstLines(first, factor, width));
  else lines.push(...paragraph('  ', message, width));
  if (others.length > 0) {
    const rows = others.map((finding) => [`    ${placeOf(finding)}`, ...cellsOf(finding, factor)]);
    lines.push('  also wrong:', ...inColumns(rows));
  }
  if (untested.length > 0) lines.push(...paragraph('  untested:  ', untested.join(', '), width));
  for (const note of notes) lines.push(...note.trimEnd().split('\n').map((line) => `  | ${line}`));
  diagnosis.forEach((text, i) => lines.push(...paragraph(i === 0 ? '  diagnosis: ' : '  or:        ', text, width)));
  if (shrunk) lines.push(`  case:      ${JSON.stringify(shrunk)}`);
  if (replay !== undefined) lines.push(`  replay:    ${replay}`);
  return lines.join('\n');
}

/** Phase and flags, each once. */
function reasonsOf({ phase, flags = [] }: Failure): string[] {
  return [...new Set([...(phase === undefined ? [] : [phase]), ...flags])];
}

function firstLines(finding: Finding, factor: number, width: number): string[] {
  const { got, want, absolute, relative, note } = finding;
  if (note !== undefined) return paragraph('  ', `${placeOf(finding)} is ${note}`, width);
  const [came, right] = showPair(got, want);
  const rows = [
    ['    got', came],
    ['    want', right],
    ['    absolute', showNumber(absolute)],
    ['    relative', showNumber(relative)],
    ['    ratio', excess(finding, factor)],
  ];
  return [`  ${placeOf(finding)}`, ...inColumns(rows)];
}

function cellsOf(finding: Finding, factor: number): string[] {
  if (finding.note !== undefined) return [finding.note];
  const [came, right] = showPair(finding.got, finding.want);
  return [`got ${came}`, `want ${right}`, excess(finding, factor)];
}

function excess({ ratio }: Finding, factor: number): string {
  return ratio === Infinity ? 'no rounding explains it' : `${showNumber(ratio / factor)} times the limit of ${showNumber(factor)}`;
}
