/**
 * The verdict on a foreign answer: every element of every tensor against the definition in float64, within a multiple of
 * what rounding explains (tolerance.ts). What an answer leaves out is named as untested, and never passes.
 */
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Case, mapTensors } from './case.ts';
import { type Part, wantedOf } from './judge-parts.ts';
import { type Finding, type Limits, showFinding, worstElement } from './judge-tensor.ts';
import type { PartialAnswer, Reply } from './reply.ts';
import { type Judged, judgedByRuns, unitOf } from './tolerance.ts';

export type { Finding } from './judge-tensor.ts';

/** How many times what rounding explains is allowed. */
export const profiles: Readonly<Record<'tight' | 'standard' | 'loose', number>> = { tight: 2, standard: 16, loose: 256 };

/** A case that says why it exists. `toCase` gives it in a dtype. */
export interface AskedCase {
  readonly phase?: string;
  toCase(dtype: DType): Case;
}

/** Options of `judge`. */
export interface JudgeOptions {
  /** What the implementation computes in. */
  readonly dtype: DType;
  /** How many times what rounding explains is allowed, as in `profiles`. */
  readonly factor: number;
  /** Judge outputs and the state that the forward leaves, or gradients and the state that the backward leaves. */
  readonly only?: 'forward' | 'backward';
  /**
   * Stop as soon as the answer is within the limit. The outcome is the same; the ratio of one that passes may be larger
   * than it would turn out. Default false.
   */
  readonly early?: boolean;
}

/** What was found. */
export interface Verdict {
  /** `skipped` too where nothing could be judged. */
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** The largest error in units of what rounding explains; Infinity for a failure that is no number. */
  readonly ratio: number;
  /** The worst element of each failing tensor, in graph order: outputs, gradients, state, call by call. */
  readonly findings: readonly Finding[];
  /** What was left out: `grads`, `grads of call 1`, `stateAfter errorMean`. */
  readonly untested: readonly string[];
  /** The outcome in a sentence; empty when there is nothing to say. */
  readonly message: string;
}

/** Judges a reply to a case. */
export function judge(asked: AskedCase | Case, reply: Reply, options: JudgeOptions): Verdict {
  const plain = inFloat64('toCase' in asked ? asked.toCase(options.dtype) : asked);
  const stages = judgedByRuns(plain, { unit: unitOf[options.dtype] });
  if (reply.kind === 'skipped') return verdict('skipped', 0, reply.message);
  let first: Judged | null = null;
  let refusal = '';
  try {
    first = stages.next().value as Judged;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    refusal = error.message;
  }
  if (!first || ('toCase' in asked && asked.phase === 'invalid')) return verdictOnInvalid(reply, refusal);
  if (reply.kind !== 'results') return verdict('failed', Infinity, `${reply.kind === 'rejected' ? 'rejects a valid case' : 'fails'}${quoted(reply.message)}`);
  if (reply.results.length > plain.calls.length) {
    return verdict('failed', Infinity, `answers ${reply.results.length} calls, where ${plain.calls.length} were asked for`);
  }
  return verdictOnResults(plain, reply.results, first, stages, options);
}

function verdictOnInvalid(reply: Reply, refusal: string): Verdict {
  if (reply.kind === 'rejected') return verdict('passed', 0, '');
  const why = quoted(refusal);
  if (reply.kind === 'results') return verdict('failed', Infinity, `accepts a case that is invalid${why}`);
  return verdict('failed', Infinity, `fails${quoted(reply.message)}, where an invalid case is to be rejected${why}`);
}

function verdictOnResults(
  asked: Case,
  results: readonly PartialAnswer[],
  reference: Judged,
  stages: Iterator<Judged, void>,
  { only, early = false, ...limits }: JudgeOptions,
): Verdict {
  const { wanted, untested, extra } = wantedOf(asked, reference.want, results, only);
  if (wanted.length === 0) return { ...verdict('skipped', 0, 'nothing could be judged'), untested };
  let found = compare(wanted, results, reference, limits);
  try {
    // the stages change the reference in place
    while (!(early && found.findings.length === 0) && !stages.next().done) {
      if (early) found = compare(wanted, results, reference, limits);
    }
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return verdict('skipped', 0, `the norm refuses the case when a rounding moves it${quoted(error.message)}`);
  }
  if (!early) found = compare(wanted, results, reference, limits);
  const { ratio, findings } = found;
  const others = extra.length > 0 ? `not asked for: ${extra.join(', ')}` : '';
  if (findings.length === 0) return { ...verdict('passed', ratio, others), untested };
  const more = findings.length > 1 ? `and ${findings.length - 1} more` : '';
  return { outcome: 'failed', ratio, findings, untested, message: [showFinding(findings[0]!), more, others].filter(Boolean).join('; ') };
}

function compare(
  wanted: readonly Part[],
  results: readonly PartialAnswer[],
  { want, allowed }: Judged,
  limits: Limits,
): { ratio: number; findings: Finding[] } {
  const findings: Finding[] = [];
  let worst = 0;
  for (const { call, part, name } of wanted) {
    const right = want[call]![part][name]!;
    const got = results[call]?.[part]?.[name];
    const place = { call, part, name };
    if (!got || !sameShape(got.shape, right.shape)) {
      const note = got ? `of shape ${showShape(got.shape)} instead of ${showShape(right.shape)}` : 'missing';
      findings.push({ ...place, index: [], got: NaN, want: NaN, absolute: NaN, relative: NaN, ratio: Infinity, note });
      worst = Infinity;
      continue;
    }
    const element = worstElement(got, right, allowed[call]![part][name]!, limits);
    worst = Math.max(worst, element.ratio);
    if (!(element.ratio <= limits.factor)) findings.push({ ...place, ...element });
  }
  return { ratio: worst, findings };
}

function verdict(outcome: Verdict['outcome'], ratio: number, message: string): Verdict {
  return { outcome, ratio, findings: [], untested: [], message };
}

function quoted(message: string): string {
  return message === '' ? '' : `: "${message}"`;
}

function isRefusal(error: unknown): error is Error {
  return error instanceof ShapeError || error instanceof RangeError || error instanceof TypeError;
}

/** The case with the same numbers in float64. */
function inFloat64(asked: Case): Case {
  const each = (tensors: Case['params']): Case['params'] =>
    mapTensors(tensors, ({ data, shape }) => new Tensor(Float64Array.from(data), shape));
  return {
    ...asked,
    dtype: 'float64',
    params: each(asked.params),
    state: each(asked.state),
    calls: asked.calls.map((call) => ({ ...call, inputs: each(call.inputs), gradOutputs: each(call.gradOutputs) })),
  };
}
