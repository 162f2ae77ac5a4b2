/** Cases whose data lie far from 0 for their spread: where differences of squares lose their digits. */
import { drawNormCase } from './draw-norm-case.ts';
import { firstOf, type Maker } from './made.ts';
import type { NormCase } from './norm-case.ts';
import { isSound } from './sound.ts';

const offsets = [1e3, 1e4, 1e5, 1e6];

export const offset: Maker = (entry, choose) =>
  firstOf(() => {
    const shift = choose.oneOf(offsets) * choose.oneOf([1, -1]);
    const drawn = drawNormCase(entry, choose, { among: ['benign'] });
    const found = drawn.withData((data) => data.with({ offset: shift }));
    return keeps(found) ? { found, keeps, says: () => [] } : null;
  });

function keeps(found: NormCase): boolean {
  return found.data.some((place) => Math.abs(found.tensors.get(place)!.offset) >= 1e3) && isSound(found);
}
