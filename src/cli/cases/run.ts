/** The cases of a run, norm by norm. */
import { caseAt } from '../../oracle/generate/case-at.ts';
import type { OracleCase } from '../../oracle/generate/oracle-case.ts';
import { indicesOf } from '../arguments.ts';
import type { Asked } from './asked.ts';

export function* casesOf({ entries, runs, seed, phases, shard }: Asked): IterableIterator<OracleCase> {
  for (const entry of entries) {
    for (const index of indicesOf(shard, runs)) yield caseAt(entry, index, { seed, runs, phases });
  }
}
