/** What is said when a harness does not start. */
import type { HarnessError } from './harness.ts';

/** Lines of a harness's own words that are shown. */
const OWN_LINES = 12;

/** The message of a subcommand about a harness, with what the harness said last. */
export function startFailure(subcommand: string, { message, stderr }: Pick<HarnessError, 'message' | 'stderr'>): string {
  return `normgrad ${subcommand}: ${message}\n${ownWords(stderr).map((line) => `${line}\n`).join('')}`;
}

/** The last lines that a harness wrote to standard error, marked as its own. */
export function ownWords(text: string): string[] {
  const lines = text.trimEnd().split('\n');
  return lines.length === 1 && lines[0] === '' ? [] : lines.slice(-OWN_LINES).map((line) => `    | ${line.replace(/\r$/, '')}`);
}
