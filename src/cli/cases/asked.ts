/** What `normgrad cases` is asked for, and a case as one JSON object. */
import type { Entry } from '../../norms/catalog/entry.ts';
import { type Answer, answer } from '../../oracle/answer.ts';
import type { OracleCase } from '../../oracle/generate/oracle-case.ts';
import type { Phase } from '../../oracle/generate/phases.ts';
import { answerToJson } from '../../oracle/protocol.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Shard } from '../arguments.ts';

export const formats = ['jsonl', 'npz', 'safetensors'] as const;
export type Format = (typeof formats)[number];

export interface Asked {
  readonly entries: readonly Entry[];
  readonly runs: number;
  readonly seed: number;
  readonly dtype: DType;
  readonly phases: readonly Phase[];
  readonly shard: Shard;
  readonly answers: boolean;
}

/** A case, with its place in the run, and with its answers where they are asked for. */
export function asJson(found: OracleCase, { dtype, answers }: Pick<Asked, 'dtype' | 'answers'>): object {
  const { norm, ...rest } = found.toJson(dtype) as { norm: string };
  return { norm, index: found.index, ...rest, ...(answers && answerFields(found)) };
}

function answerFields(found: OracleCase): object {
  const results = rightAnswers(found);
  return results ? { results: results.map(answerToJson) } : { rejected: true };
}

/**
 * The right answers, in float64 whatever the dtype of the case: they are what an answer in float32 is measured against.
 * Null for a case that has to be rejected.
 */
export function rightAnswers(found: OracleCase): readonly Answer[] | null {
  return found.phase === 'invalid' ? null : answer(found.toCase('float64'), 'definition');
}
