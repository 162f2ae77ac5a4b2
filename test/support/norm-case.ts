/**
 * Generated cases of a norm of the catalogue. The entry lays a case out by named extents, so a case shrinks as a whole:
 * an extent is cut in every tensor that has it, and each tensor keeps the data that is left.
 */
import * as fc from 'fast-check';
import type { CasePlan, Chooser, Draft, Entry, Filling } from '../../src/norms/catalog/entry.ts';
import { type Case, mapTensors } from '../../src/oracle/case.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { generateData, type Regime, regimes, smallerCases } from './tensor-arbitrary.ts';
import { TensorCase } from './tensor-case.ts';

/** One generated case. Tensors are named by their place: `params.weight`, `inputs.0.x`, `gradOutputs.1.y`. */
export class NormCase {
  readonly entry: Entry;
  readonly draft: Draft;
  readonly plan: CasePlan;
  readonly tensors: ReadonlyMap<string, TensorCase>;

  constructor(entry: Entry, draft: Draft, plan: CasePlan, tensors: ReadonlyMap<string, TensorCase>) {
    this.entry = entry;
    this.draft = draft;
    this.plan = plan;
    this.tensors = tensors;
  }

  /** The case in a dtype, in memory of its own. */
  toCase(dtype: DType): Case {
    const { config, params, state, inputs, outputs, modes, ops } = this.plan;
    const named = (place: string) => (_: unknown, name: string) => this.tensors.get(`${place}.${name}`)!.tensor(dtype);
    return {
      entry: this.entry,
      dtype,
      config,
      params: mapTensors(params, named('params')),
      state: mapTensors(state, named('state')),
      calls: modes.map((mode, i) => ({
        mode,
        ...(ops?.[i] !== undefined && { op: ops[i] }),
        inputs: mapTensors(inputs, named(`inputs.${i}`)),
        gradOutputs: mapTensors(outputs, named(`gradOutputs.${i}`)),
      })),
    };
  }

  /** The spread of an input's data, which says how large a step of a numerical derivative may be. */
  spread(name: string): number {
    const { exponent, offset } = this.tensors.get(`inputs.0.${name}`)!;
    const eps = typeof this.plan.config.eps === 'number' ? this.plan.config.eps : 0;
    return Math.sqrt(4 ** exponent * 16 ** 2 + eps + (offset * 2 ** -52) ** 2);
  }

  [fc.toStringMethod](): string {
    const { config, modes } = this.plan;
    const tensors = [...this.tensors].map(([name, data]) => `  ${name}: ${data[fc.toStringMethod]()}`);
    return `${this.entry.slug} ${JSON.stringify(config)} ${modes.join(', ')}\n${tensors.join('\n')}`;
  }
}

/** What to generate. */
export interface NormCaseOptions {
  /** Kinds of data. Default: all. */
  readonly among?: readonly Regime[];
  /** A further condition, kept while shrinking. */
  readonly fits?: (found: NormCase) => boolean;
}

/** Cases of a norm. */
export function normCases(entry: Entry, options: NormCaseOptions = {}): fc.Arbitrary<NormCase> {
  return new NormCaseArbitrary(entry, options);
}

class NormCaseArbitrary extends fc.Arbitrary<NormCase> {
  readonly #entry: Entry;
  readonly #among: readonly Regime[];
  readonly #fits: (found: NormCase) => boolean;

  constructor(entry: Entry, { among = regimes, fits = () => true }: NormCaseOptions) {
    super();
    this.#entry = entry;
    this.#among = among;
    this.#fits = fits;
  }

  generate(random: fc.Random): fc.Value<NormCase> {
    const choose: Chooser = {
      integer: (low, high) => random.nextInt(low, high),
      oneOf: (list) => list[random.nextInt(0, list.length - 1)]!,
    };
    for (let attempt = 0; attempt < 1000; attempt++) {
      const draft = this.#entry.draw(choose);
      const plan = this.#entry.plan(draft);
      if (!plan) continue;
      const regime = choose.oneOf(this.#among);
      const tensors = new Map<string, TensorCase>();
      for (const [place, { axes, filling, below }] of placesOf(plan)) {
        tensors.set(place, fill(random, axes.map((axis) => extentOf(draft, axis)), filling, regime, below));
      }
      const found = new NormCase(this.#entry, draft, plan, tensors);
      if (this.#fits(found)) return new fc.Value(found, undefined);
    }
    throw new Error(`normCases: no case of ${this.#entry.slug} in 1000 fits; its draft or the condition is too narrow`);
  }

  canShrinkWithoutContext(value: unknown): value is NormCase {
    return value instanceof NormCase;
  }

  shrink(value: NormCase): fc.Stream<fc.Value<NormCase>> {
    return new fc.Stream(this.#smaller(value));
  }

  *#smaller(value: NormCase): IterableIterator<fc.Value<NormCase>> {
    for (const candidate of smallerNormCases(value)) {
      if (this.#fits(candidate)) yield new fc.Value(candidate, undefined);
    }
  }
}

/** The extent of a named axis; a number for a name is the extent itself. */
function extentOf({ sizes }: Draft, axis: string): number {
  return sizes[axis] ?? Number(axis);
}

interface Place {
  readonly axes: readonly string[];
  readonly filling: Filling | 'weights';
  readonly below?: number;
}

/** Every tensor of a case: its place and its plan. */
function placesOf({ params, state, inputs, outputs, modes }: CasePlan): [string, Place][] {
  const under = <T>(place: string, plans: Readonly<Record<string, T>>): [string, T][] =>
    Object.entries(plans).map(([name, plan]) => [`${place}.${name}`, plan]);
  return [
    ...under('params', params),
    ...under('state', state),
    ...modes.flatMap((_, i) => [
      ...under(`inputs.${i}`, inputs),
      ...under(`gradOutputs.${i}`, mapTensors(outputs, (axes) => ({ axes, filling: 'weights' as const }))),
    ]),
  ];
}

function fill(random: fc.Random, shape: Shape, filling: Place['filling'], regime: Regime, below = 1): TensorCase {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const draw = (low: number, high: number): number[] => Array.from({ length: size }, () => random.nextInt(low, high));
  switch (filling) {
    case 'data':
      return generateData(random, shape, regime);
    case 'weights':
      return generateData(random, shape, 'benign');
    case 'parameter':
      return new TensorCase(shape, draw(-32, 32), -4);
    case 'positive':
      return new TensorCase(shape, draw(1, 32), -4);
    case 'nonzero':
      return new TensorCase(shape, draw(-32, 31).map((integer) => (integer < 0 ? integer : integer + 1)), -4);
    case 'zero':
      return new TensorCase(shape, new Array<number>(size).fill(0));
    case 'minus one':
      return new TensorCase(shape, new Array<number>(size).fill(-1));
    case 'one':
      return new TensorCase(shape, new Array<number>(size).fill(1));
    case 'index':
      return new TensorCase(shape, draw(0, below - 1));
  }
}

function* smallerNormCases(value: NormCase): IterableIterator<NormCase> {
  const { entry, draft, plan, tensors } = value;
  const axesByPlace = new Map(placesOf(plan).map(([place, { axes }]) => [place, axes]));
  const rebuilt = (next: Draft, change: (data: TensorCase, axes: readonly string[]) => TensorCase): NormCase | null => {
    const nextPlan = entry.plan(next);
    if (!nextPlan) return null;
    const left = new Map<string, TensorCase>();
    for (const [place, { axes, filling, below = 1 }] of placesOf(nextPlan)) {
      const before = tensors.get(place);
      if (!before) return null;
      const data = change(before, axesByPlace.get(place)!);
      if (String(data.shape) !== String(axes.map((axis) => extentOf(next, axis)))) return null;
      if (filling === 'index' && data.integers.some((integer) => integer >= below)) return null;
      left.set(place, data);
    }
    return new NormCase(entry, next, nextPlan, left);
  };
  for (const [name, extent] of Object.entries(draft.sizes)) {
    const all = Array.from({ length: extent }, (_, i) => i);
    const half = extent >> 1;
    const kept = extent > 2 ? [all.slice(0, extent - half), all.slice(half)] : [];
    for (const keep of [...kept, ...(extent > 1 ? all.map((dropped) => all.filter((i) => i !== dropped)) : [])]) {
      const found = rebuilt({ ...draft, sizes: { ...draft.sizes, [name]: keep.length } }, (data, axes) =>
        axes.includes(name) ? data.take(axes.indexOf(name), keep) : data,
      );
      if (found) yield found;
    }
  }
  for (const [name, extent] of Object.entries(draft.sizes)) {
    if (extent !== 1) continue;
    const { [name]: _dropped, ...sizes } = draft.sizes;
    const found = rebuilt({ ...draft, sizes }, (data, axes) =>
      data.with({ shape: data.shape.filter((_, axis) => axes[axis] !== name) }),
    );
    if (found) yield found;
  }
  const fillings = new Map(placesOf(plan).map(([place, { filling }]) => [place, filling]));
  for (const [place, data] of tensors) {
    for (const smaller of smallerCases(data)) {
      if (smaller.shape !== data.shape) continue;
      const filling = fillings.get(place);
      if (filling === 'one' || filling === 'minus one' || (filling === 'positive' && smaller.integers.some((integer) => integer <= 0))) continue;
      if (filling === 'nonzero' && smaller.integers.includes(0)) continue;
      yield new NormCase(entry, draft, plan, new Map([...tensors, [place, smaller]]));
    }
  }
}
