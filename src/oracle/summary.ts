/** What became of all cases, norm by norm: counts, and the table of them. */
import type { Verdict } from './judge.ts';
import { inColumns } from './layout.ts';
import { showNumber } from './show-number.ts';

/** The counts of a norm. */
export interface NormSummary {
  readonly norm: string;
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** In how many cases a part was left out: `{ grads: 12 }`. */
  readonly untested: Readonly<Record<string, number>>;
  /** The largest ratio. */
  readonly ratio: number;
}

/** Counts verdicts on cases of a norm. */
export class Tally implements NormSummary {
  readonly norm: string;
  cases = 0;
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly untested: Record<string, number> = {};
  ratio = 0;

  constructor(norm: string) {
    this.norm = norm;
  }

  /** Counts one case. */
  add({ outcome, ratio, untested }: Pick<Verdict, 'outcome' | 'ratio' | 'untested'>): void {
    this.cases++;
    this[outcome]++;
    this.ratio = Math.max(this.ratio, ratio);
    for (const part of new Set(untested.map((what) => what.split(' ')[0]!))) {
      this.untested[part] = (this.untested[part] ?? 0) + 1;
    }
  }
}

/** A table with a line for each norm, and the sum of them when there are several; `factor` is the limit of the ratio. */
export function summaryTable(summaries: readonly NormSummary[], factor: number): string {
  const head = ['norm', 'cases', 'passed', 'failed', 'skipped', `worst ratio (limit ${showNumber(factor)})`, 'untested'];
  const all = summaries.length > 1 ? [...summaries, totalOf(summaries)] : summaries;
  const rows = all.map(({ norm, cases, passed, failed, skipped, untested, ratio }) => [
    norm,
    ...[cases, passed, failed, skipped].map(String),
    passed + failed === 0 ? '-' : showNumber(ratio),
    Object.entries(untested).map(([part, count]) => `${part} ${count}`).join(', '),
  ]);
  return inColumns([head, ...rows], [1, 2, 3, 4, 5]).join('\n');
}

/** The counts of all norms together, under the name `total`. */
export function totalOf(summaries: readonly NormSummary[]): NormSummary {
  const total = new Tally('total');
  for (const { cases, passed, failed, skipped, untested, ratio } of summaries) {
    total.cases += cases;
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    total.ratio = Math.max(total.ratio, ratio);
    for (const [part, count] of Object.entries(untested)) total.untested[part] = (total.untested[part] ?? 0) + count;
  }
  return total;
}
