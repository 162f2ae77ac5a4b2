/** Cases whose data do not vary, over the whole tensor or along some of its axes: the variance is 0 or what rounding leaves. */
import { offsets } from '../../tensor/offsets.ts';
import { drawNormCase } from './draw-norm-case.ts';
import { firstOf, type Maker } from './made.ts';
import type { NormCase } from './norm-case.ts';
import { placesOf } from './places.ts';
import { isSound } from './sound.ts';
import type { TensorCase } from './tensor-case.ts';

export const constant: Maker = (entry, choose) =>
  firstOf(() => {
    const whole = choose.integer(0, 2) === 0;
    const offset = choose.oneOf([0, 0, 1000]);
    const drawn = drawNormCase(entry, choose, { among: ['benign'] });
    const along = new Set(Object.keys(drawn.draft.sizes).filter(() => whole || choose.integer(0, 1) === 0));
    const mend = (found: NormCase): NormCase => levelled(found, along);
    const keeps = (found: NormCase): boolean => isLevel(found, along) && isSound(found);
    const found = mend(drawn.withData((data) => data.with({ offset })));
    return keeps(found) ? { found, keeps, mend, says: () => [says(found, along)] } : null;
  });

function says(found: NormCase, along: ReadonlySet<string>): string {
  const varies = axesOfData(found).flat().some((axis) => !along.has(axis));
  return varies ? `constant along ${[...along].join(', ')}` : 'constant tensor';
}

/** Whether there are two elements that have to be equal. */
function isLevel(found: NormCase, along: ReadonlySet<string>): boolean {
  return axesOfData(found).some((axes) => axes.some((axis) => along.has(axis) && found.draft.sizes[axis]! > 1));
}

function axesOfData(found: NormCase): readonly (readonly string[])[] {
  return placesOf(found.plan).flatMap(([, { axes, filling }]) => (filling === 'data' ? [axes] : []));
}

/** The case with its data the same all along the named axes, as they are at the first index. */
function levelled(found: NormCase, along: ReadonlySet<string>): NormCase {
  const axes = new Map(placesOf(found.plan).map(([place, plan]) => [place, plan.axes]));
  return found.withData((data, place) => levelledData(data, axes.get(place)!.map((axis) => along.has(axis))));
}

function levelledData(data: TensorCase, level: readonly boolean[]): TensorCase {
  let stride = 1;
  const strides = data.shape.map(() => 0);
  for (let axis = data.shape.length - 1; axis >= 0; axis--) {
    strides[axis] = level[axis] ? 0 : stride;
    stride *= data.shape[axis]!;
  }
  return data.with({ integers: Array.from(offsets(data.shape, strides), (from) => data.integers[from]!) });
}
