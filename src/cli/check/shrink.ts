/**
 * Makes a failing case small across the pipe, by fast-check: the case shrinks as the generator says, and each smaller
 * one that still fails in the same way is gone on from.
 */
import type * as FastCheck from 'fast-check';
import type { OracleCase } from '../../oracle/generate/oracle-case.ts';
import { UsageError } from '../usage-error.ts';
import { sameKind, type Trial } from './trial.ts';

export type { FastCheck };

/** Loads fast-check, which users install when they want shrinking. Throws a UsageError that says how. */
export async function loadFastCheck(): Promise<typeof FastCheck> {
  try {
    return await import('fast-check');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError('failing cases are shrunk by fast-check, which is not installed: npm install fast-check, or give --no-shrink');
  }
}

/** How much shrinking may cost. */
export interface Budget {
  /** Cases asked. */
  readonly runs: number;
  readonly milliseconds: number;
}

export interface Shrunk {
  readonly found: OracleCase;
  readonly trial: Trial;
  /** How many times a smaller case was gone on from. */
  readonly steps: number;
  /** Cases asked. */
  readonly runs: number;
  /** Whether it ended before everything smaller had been tried. */
  readonly spent: boolean;
}

/** What shrinking works with. */
export interface Shrinking {
  readonly fc: typeof FastCheck;
  readonly budget: Budget;
  /** A clock in milliseconds. */
  readonly now: () => number;
  readonly ask: (candidate: OracleCase) => Promise<Trial>;
  /** What makes two cases the same, so that none is asked twice. */
  readonly key: (candidate: OracleCase) => string;
}

/** The smallest case found that fails as `start` did, of which `trial` came. What `ask` throws is thrown. */
export async function shrink(start: OracleCase, trial: Trial, { fc, budget, now, ask, key }: Shrinking): Promise<Shrunk> {
  const end = now() + budget.milliseconds;
  const passed = new Set<string>();
  let best = { found: start, trial, steps: 0 };
  let runs = 0;
  let spent = false;
  let broken: { error: unknown } | null = null;

  function* smaller(value: OracleCase): IterableIterator<FastCheck.Value<OracleCase>> {
    for (const candidate of value.smaller()) {
      spent ||= runs >= budget.runs || now() >= end;
      if (spent || broken) return;
      yield new fc.Value(candidate, undefined);
    }
  }
  class Cases extends fc.Arbitrary<OracleCase> {
    generate(): FastCheck.Value<OracleCase> {
      return new fc.Value(start, undefined);
    }
    canShrinkWithoutContext(_value: unknown): _value is OracleCase {
      return true;
    }
    shrink(value: OracleCase): FastCheck.Stream<FastCheck.Value<OracleCase>> {
      return new fc.Stream(smaller(value));
    }
  }
  const holds = async (candidate: OracleCase): Promise<boolean> => {
    if (candidate === start) return false;
    const name = key(candidate);
    if (passed.has(name)) return true;
    runs++;
    try {
      const found = await ask(candidate);
      if (sameKind(found, trial)) {
        best = { found: candidate, trial: found, steps: best.steps + 1 };
        return false;
      }
    } catch (error) {
      // to fast-check an error is a failing case: kept for afterwards, lest it shrinks towards it
      broken = { error };
    }
    passed.add(name);
    return true;
  };
  await fc.check(fc.asyncProperty(new Cases(), holds), { examples: [[start]], numRuns: 1 });
  if (broken) throw (broken as { error: unknown }).error;
  return { ...best, runs, spent };
}
