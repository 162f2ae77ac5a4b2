/** What became of the cases of one norm in one dtype. */
import type { Subject } from './subjects.ts';

export interface Tally {
  readonly subject: Subject;
  /** Cases that this run is to ask. */
  readonly planned: number;
  /** Cases asked. */
  cases: number;
  passed: number;
  /** Mismatches that were not expected. */
  failed: number;
  /** Failures that are in the file of expected ones. */
  expected: number;
  skipped: number;
  /** Cases in which the harness died, hung or broke the protocol. */
  lost: number;
  /** Cases that failed, and passed in a fresh process. */
  flaky: number;
  /** Parts of answers that the harness left out. */
  readonly untested: Set<string>;
  /** The largest error in units of what rounding explains. */
  worst: number;
  /** How many unexpected failures there were of each kind. */
  readonly kinds: Map<string, number>;
  /** Why not all planned cases were asked; empty when they were. */
  stopped: string;
}

/** A tally of nothing yet. */
export function emptyTally(subject: Subject, planned: number): Tally {
  const counts = { cases: 0, passed: 0, failed: 0, expected: 0, skipped: 0, lost: 0, flaky: 0 };
  return { subject, planned, ...counts, untested: new Set(), worst: 0, kinds: new Map(), stopped: '' };
}

/** How many cases of these were judged. */
export function judgedCases(tallies: readonly Tally[]): number {
  return tallies.reduce((sum, { passed, failed, expected, lost, flaky }) => sum + passed + failed + expected + lost + flaky, 0);
}
