/** What a harness said itself, on standard error or in a traceback. */
import type { HarnessError } from './harness.ts';

/** Lines of it that are shown. */
const LINES = 12;

/** The last lines, without what would move the cursor of a terminal. */
export function ownWords(text: string): string[] {
  const lines = text.trimEnd().split('\n').map((line) => line.replace(/\x1b\[[\d;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]/g, ''));
  return lines.length === 1 && lines[0] === '' ? [] : lines.slice(-LINES);
}

/** The message of a subcommand about a harness that does not start, with what the harness said. */
export function startFailure(subcommand: string, { message, stderr }: Pick<HarnessError, 'message' | 'stderr'>): string {
  return `normgrad ${subcommand}: ${message}\n${ownWords(stderr).map((line) => `  | ${line}\n`).join('')}`;
}
