/**
 * A case: a norm with its options, parameters and state, and the calls made of it one after the other. The same form
 * serves golden vectors, generated cases and the messages to a foreign implementation.
 */
import { numberFromJson, numberToJson, tensorFromJson, tensorToJson } from '../formats/json-tensor.ts';
import { answerable } from '../norms/catalog.ts';
import type { Entry, Mode, Tensors } from '../norms/catalog/entry.ts';
import { copy } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** One call of a case: inputs, and the weights of the outputs in the sum whose gradient is asked for. */
export interface CaseCall {
  readonly mode: Mode;
  readonly op?: string;
  readonly inputs: Tensors;
  readonly gradOutputs: Tensors;
}

/**
 * A case. Parameters and options are the same in all its calls; state runs on from call to call, and so do parameters
 * that the norm itself sets.
 */
export interface Case {
  readonly entry: Entry;
  readonly dtype: DType;
  readonly config: Readonly<Record<string, unknown>>;
  readonly params: Tensors;
  readonly state: Tensors;
  readonly calls: readonly CaseCall[];
}

/**
 * The case of a JSON value; unknown fields are ignored. `dtype` overrides the case's own, which is float32 when it says
 * nothing. Throws when the value is no case, or of a norm that is not in the catalogue.
 */
export function caseFromJson(value: unknown, dtype?: DType): Case {
  const fields = record('a case', value);
  if (typeof fields.norm !== 'string') throw new TypeError('a case names its norm: {"norm": "layer", ...}');
  const own = fields.dtype ?? 'float32';
  if (own !== 'float32' && own !== 'float64') throw new TypeError('the dtype of a case is "float32" or "float64"');
  if (!Array.isArray(fields.calls)) throw new TypeError('a case has a list of calls');
  const kind = dtype ?? own;
  return {
    entry: answerable(fields.norm),
    dtype: kind,
    config: mapTensors(record('config', fields.config ?? {}), optionFromJson),
    params: tensors('params', fields.params ?? {}, kind),
    state: tensors('state', fields.state ?? {}, kind),
    calls: fields.calls.map((call: unknown, i) => callFromJson(`call ${i}`, call, kind)),
  };
}

/** A case as a JSON value that `caseFromJson` makes the same case of. */
export function caseToJson({ entry, dtype, config, params, state, calls }: Case): object {
  return {
    norm: entry.slug,
    dtype,
    config: mapTensors(config, (option) => (typeof option === 'number' ? numberToJson(option) : option)),
    params: mapTensors(params, tensorToJson),
    state: mapTensors(state, tensorToJson),
    calls: calls.map(({ mode, op, inputs, gradOutputs }) => ({
      mode,
      ...(op !== undefined && { op }),
      inputs: mapTensors(inputs, tensorToJson),
      gradOutputs: mapTensors(gradOutputs, tensorToJson),
    })),
  };
}

/** An option as it was before JSON, which has no number for NaN and the infinities. */
function optionFromJson(option: unknown): unknown {
  return numberFromJson(option) ?? option;
}

function callFromJson(what: string, value: unknown, dtype: DType): CaseCall {
  const fields = record(what, value);
  const mode = fields.mode ?? 'train';
  if (mode !== 'train' && mode !== 'eval') throw new TypeError(`the mode of ${what} is "train" or "eval"`);
  if (fields.op !== undefined && typeof fields.op !== 'string') throw new TypeError(`the op of ${what} is a name`);
  return {
    mode,
    ...(fields.op !== undefined && { op: fields.op }),
    inputs: tensors(`inputs of ${what}`, fields.inputs ?? {}, dtype),
    gradOutputs: tensors(`gradOutputs of ${what}`, fields.gradOutputs ?? {}, dtype),
  };
}

function record(what: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} is an object, got ${JSON.stringify(value)?.slice(0, 60)}`);
  }
  return value as Record<string, unknown>;
}

function tensors(what: string, value: unknown, dtype: DType): Tensors {
  return mapTensors(record(what, value), (entry) => tensorFromJson(entry, dtype));
}

/** A record with each value changed. */
export function mapTensors<From, To>(record: Readonly<Record<string, From>>, change: (value: From, name: string) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}

/** Copies of tensors, as leaves. */
export function leaves(tensors: Readonly<Tensors>, requiresGrad: boolean | ((name: string) => boolean)): Record<string, Tensor> {
  return mapTensors(tensors, (x, name) =>
    copy(x, { requiresGrad: typeof requiresGrad === 'boolean' ? requiresGrad : requiresGrad(name) }),
  );
}
