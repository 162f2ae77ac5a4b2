/** How a case of a norm shrinks: calls, extents in all tensors alike, axes of 1, then the data of each tensor. */
import type { Draft } from '../../norms/catalog/entry.ts';
import { NormCase } from './norm-case.ts';
import { extentOf, type Place, placesOf } from './places.ts';
import { fewer, simplerCases } from './smaller-tensors.ts';
import type { TensorCase } from './tensor-case.ts';

/** All cases one step smaller, the most promising first. */
export function* smallerNormCases(value: NormCase): IterableIterator<NormCase> {
  const { draft } = value;
  yield* withFewerCalls(value);
  for (const [name, extent] of Object.entries(draft.sizes)) {
    for (const keep of fewer(extent)) {
      const found = rebuilt(value, { ...draft, sizes: { ...draft.sizes, [name]: keep.length } }, (data, axes) =>
        axes.includes(name) ? data.take(axes.indexOf(name), keep) : data,
      );
      if (found) yield found;
    }
  }
  for (const [name, extent] of Object.entries(draft.sizes)) {
    if (extent !== 1) continue;
    const { [name]: _dropped, ...sizes } = draft.sizes;
    const found = rebuilt(value, { ...draft, sizes }, (data, axes) =>
      data.with({ shape: data.shape.filter((_, axis) => axes[axis] !== name) }),
    );
    if (found) yield found;
  }
  yield* withSimplerData(value);
}

/** One call alone, then all but one. The modes of the calls are an option of the draft that every norm of several calls has. */
function* withFewerCalls(value: NormCase): IterableIterator<NormCase> {
  const { draft, plan } = value;
  const count = plan.modes.length;
  if (count < 2 || !Array.isArray(draft.options.modes)) return;
  const modes = draft.options.modes as readonly unknown[];
  const all = modes.map((_, i) => i);
  const kept = [...all.map((i) => [i]), ...(count > 2 ? all.map((dropped) => all.filter((i) => i !== dropped)) : [])];
  for (const calls of kept) {
    const next = { ...draft, options: { ...draft.options, modes: calls.map((i) => modes[i]) } };
    const found = rebuilt(value, next, (data) => data, calls);
    if (found) yield found;
  }
}

/** The case of another draft with the tensors of a case, changed, and those of its calls that are left; null when they do not fit it. */
function rebuilt(
  { entry, plan, tensors }: NormCase,
  next: Draft,
  change: (data: TensorCase, axes: readonly string[]) => TensorCase,
  calls: readonly number[] = plan.modes.map((_, i) => i),
): NormCase | null {
  const nextPlan = entry.plan(next);
  if (!nextPlan) return null;
  const axesByPlace = new Map(placesOf(plan).map(([place, { axes }]) => [place, axes]));
  const left = new Map<string, TensorCase>();
  for (const [place, { axes, filling, below = 1 }] of placesOf(nextPlan)) {
    const source = place.replace(/\.(\d+)\./, (_, call: string) => `.${calls[Number(call)]}.`);
    const before = tensors.get(source);
    if (!before) return null;
    const data = change(before, axesByPlace.get(source)!);
    if (String(data.shape) !== String(axes.map((axis) => extentOf(next, axis)))) return null;
    if (filling === 'index' && data.integers.some((integer) => integer >= below)) return null;
    left.set(place, data);
  }
  return new NormCase(entry, next, nextPlan, left);
}

function* withSimplerData({ entry, draft, plan, tensors }: NormCase): IterableIterator<NormCase> {
  const fillings = new Map(placesOf(plan).map(([place, { filling }]) => [place, filling]));
  for (const [place, data] of tensors) {
    for (const smaller of simplerCases(data)) {
      if (allows(fillings.get(place)!, smaller)) yield new NormCase(entry, draft, plan, new Map([...tensors, [place, smaller]]));
    }
  }
}

/** Whether a tensor is still what its filling says. */
function allows(filling: Place['filling'], { integers }: TensorCase): boolean {
  if (filling === 'one' || filling === 'minus one') return false;
  if (filling === 'positive') return integers.every((integer) => integer > 0);
  return filling !== 'nonzero' || !integers.includes(0);
}
