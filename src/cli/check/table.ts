/** The summary of a check: a line for each norm. */
import { showNumber } from '../../oracle/show-number.ts';
import type { Tally } from './tally.ts';

const heads = ['norm', 'cases', 'passed', 'failed', 'skipped', 'worst', 'notes'];

/** The norm of a tally, with its dtype where there are several. */
export function labelOf({ subject }: Pick<Tally, 'subject'>, severalDTypes: boolean): string {
  return severalDTypes ? `${subject.entry.slug} ${subject.dtype}` : subject.entry.slug;
}

/** What is not as it should be, in a few words each. */
export function unhappy({ failed, expected, lost, flaky }: Tally): string[] {
  const counts: [number, string][] = [
    [failed, 'failed'],
    [expected, 'failed as expected'],
    [lost, 'lost'],
    [flaky, 'flaky'],
  ];
  return counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

/** The tallies side by side, numbers flush right; no line is longer than `columns`, notes go on below. */
export function summaryTable(tallies: readonly Tally[], severalDTypes: boolean, columns: number): string {
  const rows = tallies.map((tally) => [
    labelOf(tally, severalDTypes),
    `${tally.cases}`,
    `${tally.passed}`,
    `${tally.failed + tally.lost + tally.flaky}`,
    `${tally.skipped}`,
    tally.passed + tally.failed + tally.expected > 0 ? showNumber(tally.worst) : '–',
  ]);
  const widths = heads.slice(0, -1).map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const indent = widths.reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(20, columns - 1 - indent);
  const notes = tallies.map((tally) => wrapped(notesOf(tally), room));
  const noted = notes.some((lines) => lines.length > 0);
  const body = rows.flatMap((row, i) => [
    [line(row), ...notes[i]!.slice(0, 1)].join('  '),
    ...notes[i]!.slice(1).map((text) => ' '.repeat(indent) + text),
  ]);
  const head = line(heads.slice(0, -1)) + (noted ? '  notes' : '');
  const longest = Math.max(head.length, ...body.map((text) => text.length));
  return [head, '─'.repeat(longest), ...body].join('\n');
}

function notesOf(tally: Tally): string[] {
  return [
    ...(tally.expected > 0 ? [`${tally.expected} failed as expected`] : []),
    ...(tally.lost > 0 ? [`${tally.lost} lost`] : []),
    ...(tally.flaky > 0 ? [`${tally.flaky} flaky`] : []),
    ...(tally.untested.size > 0 ? [`untested: ${[...tally.untested].join(', ')}`] : []),
    ...(tally.stopped ? [tally.stopped] : []),
  ];
}

/** Notes in lines of at most `room` characters, if their words allow it. */
function wrapped(notes: readonly string[], room: number): string[] {
  const lines: string[] = [];
  for (const word of notes.join('; ').split(' ').filter(Boolean)) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last]!.length + 1 + word.length <= room) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}
