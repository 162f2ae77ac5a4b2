/**
 * How far a right answer may be off: Monte-Carlo arithmetic on the definition.
 *
 * The definition runs again and again with every input and every primitive's result multiplied by 1 ± u at random, u
 * being the rounding unit of the dtype under test. What moves an element this far, rounding may move this far:
 *
 *     tolerance[i] = factor * (u * |want[i]| + spread[i])      spread: the largest change over the runs
 *
 * Neither one relative tolerance for all elements nor a number of ulps has this property: an element that is the
 * difference of large ones may be far off in both and still be as good as can be.
 *
 * Below the smallest normal number numbers are equally far apart, and even the nearest one is off by up to u times that
 * number: there this is allowed in place of u |want[i]|.
 *
 * Source: D. S. Parker, Monte Carlo Arithmetic, 1997.
 */
import { withPerturbation } from '../autograd/record.ts';
import type { Tensors } from '../norms/catalog/entry.ts';
import type { DType, FloatArray } from '../tensor/dtype.ts';
import { Random } from '../tensor/random.ts';
import { type Answer, answer } from './answer.ts';
import { type Case, leaves } from './case.ts';

/** The rounding units: half the distance from 1 to the next number. */
export const unitOf: Readonly<Record<DType, number>> = { float32: 2 ** -24, float64: 2 ** -53 };

/** Right answers in float64 and how far each element may be off. */
export interface Judged {
  readonly want: readonly Answer[];
  /** Allowed deviations for a factor of 1, in tensors laid out like `want`. */
  readonly allowed: readonly Answer[];
}

/** Options of `judged`. */
export interface JudgedOptions {
  /** Relative size of the perturbation. Default: the rounding unit of float32. */
  unit?: number;
  /** Number of perturbed runs. Default 24. */
  runs?: number;
  /** Default 1. */
  seed?: number;
}

/** The answers to a float64 case, and the deviations that rounding with unit `unit` explains. */
export function judged(asked: Case, options: JudgedOptions = {}): Judged {
  let last: Judged | undefined;
  for (const stage of judgedByRuns(asked, options)) last = stage;
  return last!;
}

/**
 * `judged` run by run: first without a perturbed run, then after each. What is allowed only grows, so an answer that is
 * within a limit at one stage is within it at the last. All stages are one object, changed in place.
 */
export function* judgedByRuns(asked: Case, { unit = unitOf.float32, runs = 24, seed = 1 }: JudgedOptions = {}): Generator<Judged, void> {
  if (asked.dtype !== 'float64') throw new TypeError(`judged: the case must be in float64, got ${asked.dtype}`);
  const perturb = perturbation(unit, seed);
  const want = answer(asked, 'definition');
  const rounding = (value: number): number => roundingOf(value, unit);
  const allowed = want.map((call) => change(call, (x) => x.data.map(rounding)));
  yield { want, allowed };
  const spread = want.map((call) => change(call, (x) => new Float64Array(x.data.length)));
  for (let run = 0; run < runs; run++) {
    const moved = withPerturbation(perturb, () => answer(perturbed(asked, perturb), 'definition'));
    want.forEach((call, i) => {
      for (const part of parts) {
        for (const [name, { data }] of Object.entries(call[part])) {
          const worst = spread[i]![part][name]!.data;
          const limit = allowed[i]![part][name]!.data;
          const found = moved[i]![part][name]!.data;
          for (let k = 0; k < data.length; k++) {
            worst[k] = Math.max(worst[k]!, distance(found[k]!, data[k]!));
            limit[k] = rounding(data[k]!) + worst[k]!;
          }
        }
      }
    });
    yield { want, allowed };
  }
}

/** Multiplies every element by 1 ± unit, at random. */
export function perturbation(unit: number, seed: number): (data: FloatArray) => void {
  const random = new Random(seed);
  // 1 + 2^-53 is 1 in double: the smallest step that is none in itself is 2^-52
  const step = Math.max(unit, 2 ** -52);
  return (data) => {
    for (let i = 0; i < data.length; i++) data[i]! *= random.bits() & 1 ? 1 + step : 1 - step;
  };
}

/** How far the nearest number may be off. */
export function roundingOf(value: number, unit: number): number {
  const smallest = unit > unitOf.float64 ? 2 ** -126 : 2 ** -1022;
  return value === 0 || !Number.isFinite(value) ? 0 : unit * Math.max(Math.abs(value), smallest);
}

/**
 * How far two numbers are apart: 0 when they are the same, also NaN or an infinity; NaN when one of them is NaN;
 * Infinity when only one is finite, or when they are infinities of either sign.
 */
export function distance(a: number, b: number): number {
  return Object.is(a, b) ? 0 : Math.abs(a - b);
}

/** The parts of an answer. */
export const parts: readonly ['outputs', 'grads', 'stateAfter'] = ['outputs', 'grads', 'stateAfter'];

/** An element of an answer and how far it is off, in units of what is allowed. */
export interface Worst {
  readonly ratio: number;
  /** `call 0, grads x[12]`, or where a tensor is missing or of another shape */
  readonly where: string;
  readonly got: number;
  readonly want: number;
}

/** The element of `got` that is farthest off for what it is allowed. A tensor that is missing is infinitely far off. */
export function worstOf(got: readonly Answer[], { want, allowed }: Judged): Worst {
  let worst: Worst = { ratio: 0, where: 'nowhere', got: NaN, want: NaN };
  want.forEach((call, i) => {
    for (const part of parts) {
      for (const [name, { data, shape }] of Object.entries(call[part])) {
        const found = got[i]?.[part][name];
        const label = `call ${i}, ${part} ${name}`;
        if (!found || String(found.shape) !== String(shape)) {
          worst = { ratio: Infinity, where: found ? `${label}: of another shape` : `${label}: missing`, got: NaN, want: NaN };
          continue;
        }
        for (let k = 0; k < data.length; k++) {
          const ratio = ratioOf(found.data[k]!, data[k]!, allowed[i]![part][name]!.data[k]!);
          if (ratio > worst.ratio) worst = { ratio, where: `${label}[${k}]`, got: found.data[k]!, want: data[k]! };
        }
      }
    }
  });
  return worst;
}

/**
 * `worstOf(got, judged(asked, options))`, for one who asks only whether the ratio is at most `limit`: stops as soon as it
 * is. The answer to that is exactly the same, since what is allowed only grows with the runs; a ratio above the limit
 * is the same too, and one within it at most the limit.
 */
export function worstWithin(limit: number, got: readonly Answer[], asked: Case, options: JudgedOptions = {}): Worst {
  let worst: Worst | undefined;
  for (const stage of judgedByRuns(asked, options)) {
    worst = worstOf(got, stage);
    if (worst.ratio <= limit) break;
  }
  return worst!;
}

/**
 * How far an element is off, in units of what is allowed. Numbers that are not finite have to be the same, unless the
 * perturbed runs disagree there: what is allowed is then Infinity, or NaN where some are NaN and others are not.
 */
export function ratioOf(got: number, want: number, allowed: number): number {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want)) || Number.isNaN(allowed)) return 0;
  if (allowed === Infinity) return Number.isNaN(got) ? Infinity : 0;
  const off = Math.abs(got - want);
  return Number.isNaN(off) || allowed === 0 ? Infinity : off / allowed;
}

function change(call: Answer, values: (x: Tensors[string]) => FloatArray): Answer {
  const each = (tensors: Tensors): Tensors => {
    const out = leaves(tensors, false);
    for (const x of Object.values(out)) x.data.set(values(x));
    return out;
  };
  return { outputs: each(call.outputs), grads: each(call.grads), stateAfter: each(call.stateAfter) };
}

/** The case with its numbers moved, those that are whole by their meaning left alone. */
export function perturbed(asked: Case, perturb: (data: FloatArray) => void): Case {
  const each = (tensors: Readonly<Tensors>): Tensors => {
    const out = leaves(tensors, false);
    for (const [name, x] of Object.entries(out)) if (!asked.entry.whole?.includes(name)) perturb(x.data);
    return out;
  };
  return {
    ...asked,
    params: each(asked.params),
    state: each(asked.state),
    calls: asked.calls.map((call) => ({ ...call, inputs: each(call.inputs), gradOutputs: each(call.gradOutputs) })),
  };
}
