/**
 * What a foreign implementation answers to a case, read from JSON and checked: its results call by call, or why there
 * are none. Fields that are not known are ignored. A reply may leave parts out; one that cannot be read is refused with
 * a message that says what is wrong, and where.
 */
import { tensorFromJson } from '../formats/json-tensor.ts';
import type { Tensors } from '../norms/catalog/entry.ts';
import type { DType } from '../tensor/dtype.ts';

/** What is answered to one call. What is left out is not judged. */
export interface PartialAnswer {
  /** Empty where the reply has none. */
  readonly outputs: Tensors;
  readonly grads?: Tensors;
  readonly stateAfter?: Tensors;
}

/** A reply to a case. */
export type Reply =
  | { readonly kind: 'results'; readonly results: readonly PartialAnswer[] }
  | { readonly kind: 'skipped' | 'rejected'; readonly message: string }
  | { readonly kind: 'errored'; readonly message: string; readonly traceback?: string };

const refusals = ['skipped', 'rejected', 'errored'] as const;

/**
 * The reply of a JSON value, its numbers rounded to `dtype`. A part or a tensor that is null counts as left out. Throws a
 * TypeError when the value is no reply.
 */
export function replyFromJson(value: unknown, dtype: DType): Reply {
  const fields = objectAt('a reply', value);
  const said: string[] = refusals.filter((kind) => flagAt(kind, fields[kind]));
  if (given(fields.results)) said.unshift('results');
  if (said.length === 0) {
    throw new TypeError(
      `a reply has "results": [...], or "skipped", "rejected" or "errored": true; got ${brief(value)}`,
    );
  }
  if (said.length > 1) throw new TypeError(`a reply is one of results, skipped, rejected and errored, got ${said.join(' and ')}`);
  const kind = said[0] as Reply['kind'];
  if (kind === 'results') return { kind, results: resultsFrom(fields.results, dtype) };
  const message = textAt('message', fields.message) ?? '';
  if (kind !== 'errored') return { kind, message };
  const traceback = textAt('traceback', fields.traceback);
  return { kind, message, ...(traceback !== undefined && { traceback }) };
}

function resultsFrom(value: unknown, dtype: DType): PartialAnswer[] {
  if (!Array.isArray(value)) throw new TypeError(`results is a list, one object for each call, got ${brief(value)}`);
  return value.map((entry: unknown, call) => {
    const at = `results[${call}]`;
    const { outputs, grads, stateAfter } = objectAt(at, entry);
    return {
      outputs: given(outputs) ? tensorsAt(`${at}.outputs`, outputs, dtype) : {},
      ...(given(grads) && { grads: tensorsAt(`${at}.grads`, grads, dtype) }),
      ...(given(stateAfter) && { stateAfter: tensorsAt(`${at}.stateAfter`, stateAfter, dtype) }),
    };
  });
}

function tensorsAt(at: string, value: unknown, dtype: DType): Tensors {
  const named = Object.entries(objectAt(at, value)).filter(([, entry]) => given(entry));
  return Object.fromEntries(named.map(([name, entry]) => [name, tensorAt(`${at}.${name}`, entry, dtype)]));
}

function tensorAt(at: string, value: unknown, dtype: DType): Tensors[string] {
  try {
    return tensorFromJson(value, dtype);
  } catch (error) {
    const reason = (error as Error).message.replace(/^tensorFromJson: /, '');
    const hint = reason.includes('is no number') ? '; what JSON cannot write is "NaN", "Infinity", "-Infinity" or "-0"' : '';
    throw new TypeError(`${at}: ${reason}${hint}`, { cause: error });
  }
}

function objectAt(at: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TypeError(`${at} is an object, got ${brief(value)}`);
}

function flagAt(at: string, value: unknown): boolean {
  if (!given(value) || typeof value === 'boolean') return value === true;
  throw new TypeError(`${at} is true or false, got ${brief(value)}`);
}

function textAt(at: string, value: unknown): string | undefined {
  if (!given(value)) return undefined;
  if (typeof value === 'string') return value;
  throw new TypeError(`${at} is a text, got ${brief(value)}`);
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
