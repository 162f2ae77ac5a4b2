/** The end of a check: the table, what is to be said of expected failures, one sentence, the exit code. */
import { paragraph } from '../../oracle/layout.ts';
import { showNumber } from '../../oracle/show-number.ts';
import { parts } from '../../oracle/tolerance.ts';
import { grouped } from '../train/format.ts';
import { exitCodes } from './exit-codes.ts';
import type { Expected } from './expected.ts';
import type { CheckOptions } from './options.ts';
import { labelOf, summaryTable } from './table.ts';
import { judgedCases, type Tally } from './tally.ts';

/** How a check ended. */
export interface End {
  readonly tallies: readonly Tally[];
  /** Why it ended before all cases were asked. */
  readonly early: 'interrupted' | 'harness' | null;
}

/** The exit code: a mismatch that was seen weighs more than cases that were lost. */
export function exitCodeOf({ tallies, early }: End): number {
  if (early === 'interrupted') return exitCodes.interrupted;
  if (early === 'harness') return exitCodes.harness;
  if (tallies.some(({ failed }) => failed > 0)) return exitCodes.mismatch;
  if (tallies.some(({ lost, flaky }) => lost + flaky > 0)) return exitCodes.harness;
  return judgedCases(tallies) === 0 ? exitCodes.nothing : exitCodes.passed;
}

/** The text at the end of a check. */
export function summary(
  end: End,
  expected: Expected,
  { phases, only, severalDTypes, columns }: Pick<CheckOptions, 'phases' | 'only'> & { severalDTypes: boolean; columns: number },
): string {
  const { tallies } = end;
  const lines: string[] = tallies.length > 0 ? [summaryTable(tallies, severalDTypes, columns), ''] : [];
  const say = (text: string): void => void lines.push(...paragraph('', text, columns - 1));
  for (const tally of tallies) {
    if (tally.kinds.size > 0) say(`${labelOf(tally, severalDTypes)}: ${kindsOf(tally)}`);
  }
  const finished = [...new Set(tallies.filter(({ cases, planned }) => cases === planned && cases > 0).map(({ subject }) => subject.entry.slug))];
  for (const norm of end.early ? [] : finished) {
    const tested = {
      phase: (phase: NonNullable<CheckOptions['phases']>[number]) => !phases || phases.includes(phase),
      part: (part: (typeof parts)[number]) => part === 'stateAfter' || only === null || (part === 'outputs') === (only === 'forward'),
    };
    for (const label of expected.unused(norm, tested)) say(`expected to fail, and passed: ${label}`);
  }
  say(sentence(end, severalDTypes));
  return `${lines.join('\n')}\n`;
}

function kindsOf({ kinds }: Tally): string {
  const sorted = [...kinds].sort((a, b) => b[1] - a[1]);
  return sorted.map(([kind, count]) => `${kind} in ${count} ${count === 1 ? 'case' : 'cases'}`).join(', ');
}

function sentence(end: End, severalDTypes: boolean): string {
  const { tallies, early } = end;
  const cases = tallies.reduce((sum, tally) => sum + tally.cases, 0);
  const bad = tallies.filter(({ failed, lost, flaky }) => failed + lost + flaky > 0);
  const names = bad.map((tally) => labelOf(tally, severalDTypes)).join(', ');
  const failed = bad.length > 0 ? `${bad.length} of ${tallies.length} failed: ${names}` : '';
  if (early === 'interrupted') return ['interrupted', failed].filter(Boolean).join('; ');
  if (early === 'harness') return ['ended: the harness could not be started again', failed].filter(Boolean).join('; ');
  if (failed) return failed;
  if (judgedCases(tallies) === 0) return 'nothing was tested';
  const worst = tallies.reduce((a, b) => (b.worst > a.worst ? b : a));
  const expected = tallies.reduce((sum, tally) => sum + tally.expected, 0);
  return [
    expected > 0 ? `passed but for ${expected} expected ${expected === 1 ? 'failure' : 'failures'}` : 'all passed',
    `: ${grouped(cases)} cases, worst ratio ${showNumber(worst.worst)}${tallies.length > 1 ? ` (${labelOf(worst, severalDTypes)})` : ''}`,
  ].join('');
}
