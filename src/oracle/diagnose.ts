/**
 * The diagnosis of a failing answer: which catalogued mistakes give just that answer.
 *
 * A mistake explains an answer when every tensor that was given is as near to the mistaken answer as rounding explains,
 * and the right answer is not. What rounding explains is measured on the mistake as it is on the definition: the
 * mistaken answer is computed again from inputs, and by primitives, that are moved by the rounding unit. An element may
 * be off by
 *
 *     factor * (u |mistaken| + spread of the mistaken answer),     or by factor * what is allowed of the right one
 *
 * the second in proportion where the mistake makes a tensor larger: the plain loops that some mistakes are computed by
 * have no primitives whose rounding could be measured. It is never more than what refutes the right answer, for a tensor
 * that the mistake leaves alone or makes smaller.
 *
 * Of several mistakes the most specific is named first: the one that changes the fewest tensors, those that were not given
 * among them; of those that change as many, the one that stands first in the catalogue. A mistake of rounding, as E[x^2] - E[x]^2, has no answer of its own
 * but a wide bound, and so comes last.
 */
import { withPerturbation } from '../autograd/record.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Answer, answer } from './answer.ts';
import { type Case, mapTensors } from './case.ts';
import { mistakes } from './mistakes/index.ts';
import { inDouble, type Mistake } from './mistakes/mistake.ts';
import type { PartialAnswer } from './reply.ts';
import { distance, type Judged, judged, parts, perturbation, perturbed, ratioOf, roundingOf, unitOf } from './tolerance.ts';

export type { Mistake } from './mistakes/mistake.ts';
export { mistakes } from './mistakes/index.ts';

/** A failing case: what was asked, in the dtype that it was asked in, and what came. */
export interface Failing {
  readonly asked: Case;
  readonly got: readonly PartialAnswer[];
}

/** Options of `diagnose`. */
export interface DiagnoseOptions {
  /** How many times what rounding explains is allowed, as in `profiles`. */
  readonly factor: number;
  /** The mistakes that are considered. Default: all of the catalogue. */
  readonly among?: readonly Mistake[];
}

/** How often a mistaken answer is computed with moved numbers. */
const RUNS = 8;

/**
 * The mistakes that explain an answer, the best explanation first; none when the answer is right, or wrong in a way that
 * is not in the catalogue.
 */
export function diagnose(asked: Case, got: readonly PartialAnswer[], options: DiagnoseOptions): readonly Mistake[] {
  return diagnoseAll([{ asked, got }], options);
}

/** The mistakes that explain every one of several failing answers: more of them tell mistakes apart that one does not. */
export function diagnoseAll(cases: readonly Failing[], { factor, among = mistakes() }: DiagnoseOptions): readonly Mistake[] {
  let left = among.map((mistake, place) => ({ mistake, place, changed: 0 }));
  for (const { asked, got } of cases) {
    const patient = new Patient(asked, got, factor);
    if (!patient.fails) return [];
    left = left.flatMap((candidate) => {
      const changed = patient.explainedBy(candidate.mistake);
      return changed === null ? [] : [{ ...candidate, changed: candidate.changed + changed }];
    });
    if (left.length === 0) break;
  }
  const last = ({ rounds }: Mistake): number => (rounds === undefined ? 0 : 1);
  if (cases.length === 0) return [];
  return left
    .sort((a, b) => last(a.mistake) - last(b.mistake) || a.changed - b.changed || a.place - b.place)
    .map(({ mistake }) => mistake);
}

/** A tensor that was given, and where. */
interface Given {
  readonly call: number;
  readonly part: keyof Answer;
  readonly name: string;
  readonly found: Tensor;
}

/** One failing answer, and what is needed again and again to compare it. */
class Patient {
  /** Whether the answer is wrong, and could be compared with a mistaken one. */
  readonly fails: boolean;
  readonly #asked: Case;
  readonly #got: readonly PartialAnswer[];
  readonly #factor: number;
  readonly #unit: number;
  readonly #right: Judged;
  readonly #given: Given[] = [];
  #moved: { asked: Case; right: readonly Answer[] }[] | null = null;

  constructor(asked: Case, got: readonly PartialAnswer[], factor: number) {
    this.#asked = inDouble(asked);
    this.#got = got;
    this.#factor = factor;
    this.#unit = unitOf[asked.dtype];
    this.#right = judged(this.#asked, { unit: this.#unit });
    let wrong = false;
    this.#right.want.forEach((want, call) => {
      for (const part of parts) {
        for (const [name, tensor] of Object.entries(want[part])) {
          const found = got[call]?.[part]?.[name];
          if (!found || String(found.shape) !== String(tensor.shape)) continue;
          this.#given.push({ call, part, name, found });
          wrong ||= !within(factor, found, tensor, this.#right.allowed[call]![part][name]!);
        }
      }
    });
    this.fails = wrong;
  }

  /** How many tensors the mistake changes when it explains the answer; null when it does not. */
  explainedBy(mistake: Mistake): number | null {
    // a mistake may have no answer to a case: an option out of range, a shape that does not fit
    try {
      if (!mistake.fits(this.#asked)) return null;
      if (typeof mistake.rounds === 'number') return this.#explainedByUnit(mistake.rounds);
      return this.#explainedByAnswer(mistake);
    } catch {
      return null;
    }
  }

  #explainedByUnit(unit: number): number | null {
    if (unit <= this.#unit) return null;
    const { want, allowed } = judged(this.#asked, { unit });
    const near = this.#given.every(({ call, part, name, found }) =>
      within(this.#factor, found, want[call]![part][name]!, allowed[call]![part][name]!),
    );
    return near ? 0 : null;
  }

  #explainedByAnswer(mistake: Mistake): number | null {
    const { want, allowed } = this.#right;
    const factor = this.#factor;
    const wrong = mistake.answer(this.#asked, want, this.#got);
    const pairs = this.#given.map(({ call, part, name, found }) => {
      const [right, limit, mistaken] = [want[call]![part][name]!, allowed[call]![part][name]!, wrong[call]?.[part][name]];
      return { call, part, name, found, right, limit, mistaken };
    });
    const rounding = mistake.rounds === null;
    let seen = false;
    for (const { found, right, limit, mistaken } of pairs) {
      if (!mistaken || String(mistaken.shape) !== String(right.shape)) return null;
      if (!rounding && !plausible(factor, found, mistaken, right, limit)) return null;
      seen ||= !within(factor, mistaken, right, limit);
    }
    if (!rounding && !seen) return null;
    const spreads = this.#spreads(mistake, wrong);
    for (const { call, part, name, found, right, limit, mistaken } of pairs) {
      const spread = spreads[call]![part][name]!;
      const grown = growth(mistaken!, right);
      const bound = limit.data.map((own, i) => Math.max(own * grown, roundingOf(mistaken!.data[i]!, this.#unit) + spread[i]!));
      if (!withinBound(factor, found.data, mistaken!.data, bound)) return null;
    }
    return this.#changed(wrong);
  }

  /** How many tensors are not what they should be, those that were not given among them. */
  #changed(wrong: readonly Answer[]): number {
    const { want, allowed } = this.#right;
    let changed = 0;
    want.forEach((call, index) => {
      for (const part of parts) {
        for (const [name, right] of Object.entries(call[part])) {
          const mistaken = wrong[index]?.[part][name];
          if (mistaken && !within(this.#factor, mistaken, right, allowed[index]![part][name]!)) changed++;
        }
      }
    });
    return changed;
  }

  /** How far the elements of a mistaken answer move when its numbers do. */
  #spreads(mistake: Mistake, wrong: readonly Answer[]): Record<keyof Answer, Record<string, Float64Array>>[] {
    const spreads = wrong.map((call) => {
      const each = (part: keyof Answer) => mapTensors(call[part], ({ data }) => new Float64Array(data.length));
      return { outputs: each('outputs'), grads: each('grads'), stateAfter: each('stateAfter') };
    });
    this.#moved ??= Array.from({ length: RUNS }, (_, run) => {
      const perturb = perturbation(this.#unit, 100 + run);
      const asked = perturbed(this.#asked, perturb);
      return { asked, right: withPerturbation(perturb, () => answer(asked, 'definition')) };
    });
    this.#moved.forEach(({ asked, right }, run) => {
      const moved = withPerturbation(perturbation(this.#unit, 200 + run), () => mistake.answer(asked, right, this.#got));
      wrong.forEach((call, index) => {
        for (const part of parts) {
          for (const [name, { data }] of Object.entries(call[part])) {
            const worst = spreads[index]![part][name]!;
            const found = moved[index]![part][name]!.data;
            for (let i = 0; i < data.length; i++) worst[i] = Math.max(worst[i]!, distance(found[i]!, data[i]!));
          }
        }
      });
    });
    return spreads;
  }
}

function within(factor: number, got: Tensor, want: Tensor, allowed: Tensor): boolean {
  return withinBound(factor, got.data, want.data, allowed.data);
}

function withinBound(factor: number, got: ArrayLike<number>, want: ArrayLike<number>, allowed: ArrayLike<number>): boolean {
  for (let i = 0; i < got.length; i++) if (!(ratioOf(got[i]!, want[i]!, allowed[i]!) <= factor)) return false;
  return true;
}

/** How many times larger a mistaken tensor is than the right one; at least 1. */
function growth(mistaken: Tensor, right: Tensor): number {
  const ratio = size(mistaken.data) / size(right.data);
  return ratio > 1 && ratio < Infinity ? ratio : 1;
}

/** Whether a closer look is worth its price: most of the answer is there. */
function plausible(factor: number, found: Tensor, mistaken: Tensor, right: Tensor, limit: Tensor): boolean {
  let [off, whole] = [0, 0];
  for (let i = 0; i < found.data.length; i++) {
    const [f, m] = [found.data[i]!, mistaken.data[i]!];
    if (Number.isFinite(f) !== Number.isFinite(m)) return false;
    if (!Number.isFinite(f)) continue;
    off += (f - m) ** 2;
    whole += m * m;
  }
  const noise = factor * size(limit.data) * growth(mistaken, right);
  return Math.sqrt(off) <= 0.05 * Math.sqrt(whole) + (Number.isNaN(noise) ? Infinity : 4 * noise);
}

function size(data: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < data.length; i++) squares += data[i]! * data[i]!;
  return Math.sqrt(squares);
}
