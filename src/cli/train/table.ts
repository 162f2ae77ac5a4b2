import { grouped, percent, shownBytes, shownLoss } from './format.ts';
import type { Summary } from './summary.ts';

const heads = ['norm', 'train loss', 'test accuracy', 'ms/step', 'kept for backward', 'parameters'];

/** The trainings side by side, one line each, numbers flush right. */
export function resultTable(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) => [
    summary.norm + (summary.status === 'stopped' ? ' (stopped)' : ''),
    summary.status === 'diverged' ? 'diverged' : summary.trainLoss === null ? '–' : shownLoss(summary.trainLoss),
    summary.testAccuracy === null ? '–' : percent(summary.testAccuracy),
    summary.msPerStep === null ? '–' : summary.msPerStep.toFixed(2),
    shownBytes(summary.savedBytes),
    grouped(summary.parameters),
  ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(heads), rule, ...rows.map(line)].join('\n');
}
