/** Right answers to a case as a foreign implementation may give them, to be spoilt. */
import { tensorToJson } from '../../src/formats/json-tensor.ts';
import { type Answer, answer } from '../../src/oracle/answer.ts';
import { type Case, caseFromJson, caseToJson, mapTensors } from '../../src/oracle/case.ts';
import type { OracleCase } from '../../src/oracle/generate/oracle-case.ts';
import { type Reply, replyFromJson } from '../../src/oracle/reply.ts';
import { judged, unitOf } from '../../src/oracle/tolerance.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { vectorsOf } from './vectors.ts';

/** A golden vector as a case. */
export function vectorCase(slug: string, name: string, dtype: DType = 'float32'): Case {
  const found = vectorsOf(slug).find((candidate) => candidate.name === name);
  if (!found) throw new Error(`${slug} has no vector named ${name}`);
  return caseFromJson({ ...found, norm: slug }, dtype);
}

/** Layer norm of rows, with weight and bias. */
export function layerCase(dtype: DType = 'float32'): Case {
  return caseFromJson(
    {
      norm: 'layer',
      config: { normalizedShape: [3] },
      params: { weight: { shape: [3], data: [1, 2, -0.5] }, bias: { shape: [3], data: [0.5, 0, -1] } },
      calls: [
        {
          inputs: { x: { shape: [2, 3], data: [1, 2, 4, -3, 0.5, 7] } },
          gradOutputs: { y: { shape: [2, 3], data: [0.25, -1, 2, 1.5, 0.75, -0.5] } },
        },
      ],
    },
    dtype,
  );
}

/** A case that says its phase; `toCase` gives the same case in any dtype. */
export function inPhase(phase: OracleCase['phase'], asked: Case): Pick<OracleCase, 'phase' | 'toCase'> {
  return { phase, toCase: () => asked };
}

/** The right results, changed before they are sent. */
export function results(asked: Case, change: (calls: Answer[]) => void = () => {}): Reply {
  const calls = answer(asked);
  change(calls);
  return sent(calls, asked.dtype);
}

/** The right results without a part, in all calls or in those named. */
export function resultsWithout(asked: Case, part: keyof Answer, calls?: readonly number[]): Reply {
  const kept = answer(asked).map((call, i): Partial<Answer> => {
    const { [part]: _left, ...rest } = call;
    return !calls || calls.includes(i) ? rest : call;
  });
  return sent(kept, asked.dtype);
}

/** What arrives of results that are sent. */
export function sent(calls: readonly Partial<Answer>[], dtype: DType): Reply {
  const text = JSON.stringify({ results: calls.map((call) => mapTensors({ ...call }, (part) => mapTensors(part, tensorToJson))) });
  return replyFromJson(JSON.parse(text), dtype);
}

/** The results with one element off by `times` what rounding explains. */
export function offBy(asked: Case, times: number, place: { call?: number; part: keyof Answer; name: string; at: number }): Reply {
  const { call = 0, part, name, at } = place;
  const wide = caseFromJson(caseToJson(asked), 'float64');
  const { want, allowed } = judged(wide, { unit: unitOf[asked.dtype] });
  const limit = allowed[call]![part][name]!.data[at]!;
  want[call]![part][name]!.data[at]! += times * limit;
  return sent(want, asked.dtype);
}
