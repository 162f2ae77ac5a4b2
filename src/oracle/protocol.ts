/**
 * One line in, one line out: how an answer is asked for in JSON. A line is a bare case, or a message of the protocol
 * (`start`, `run`, `stop`) that a harness speaks.
 */
import { tensorToJson } from '../formats/json-tensor.ts';
import { catalog, ops } from '../norms/catalog.ts';
import type { Form } from '../norms/catalog/entry.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { type Answer, answer } from './answer.ts';
import { type Case, caseFromJson, mapTensors } from './case.ts';

/** How cases are answered. */
export interface AnswerOptions {
  /** Overrides the dtype of the cases. */
  dtype?: DType;
  /** Default `'fused'`. */
  form?: Form;
}

/** The reply to a line: a JSON value, or null for `stop`. */
export function reply(line: string, options: AnswerOptions = {}): object | null {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch (error) {
    return { errored: true, message: `not JSON: ${(error as Error).message}` };
  }
  const fields = (typeof message === 'object' && message !== null ? message : {}) as Record<string, unknown>;
  if (fields.cmd === undefined) return results(message, options);
  if (fields.cmd === 'start') return introduction();
  if (fields.cmd === 'run') return { seq: fields.seq, ...results(fields.case, options) };
  if (fields.cmd === 'stop') return null;
  return { seq: fields.seq, errored: true, message: `unknown cmd ${JSON.stringify(fields.cmd)}; start, run and stop are known` };
}

function introduction(): object {
  return {
    version: 1,
    implementation: { name: 'normgrad', language: 'TypeScript', version: '0.1.0' },
    norms: [...catalog, ...ops].map((entry) => entry.slug),
    dtypes: ['float32', 'float64'],
    features: ['state', 'eval'],
  };
}

function results(value: unknown, { dtype, form = 'fused' }: AnswerOptions): object {
  let asked: Case;
  try {
    asked = caseFromJson(value, dtype);
  } catch (error) {
    return { errored: true, message: (error as Error).message };
  }
  try {
    return { results: answer(asked, form).map(answerToJson) };
  } catch (error) {
    const refused = error instanceof ShapeError || error instanceof RangeError || error instanceof TypeError;
    return { [refused ? 'rejected' : 'errored']: true, message: (error as Error).message };
  }
}

/** An answer as a JSON value. */
export function answerToJson({ outputs, grads, stateAfter }: Answer): object {
  return {
    outputs: mapTensors(outputs, tensorToJson),
    grads: mapTensors(grads, tensorToJson),
    stateAfter: mapTensors(stateAfter, tensorToJson),
  };
}
