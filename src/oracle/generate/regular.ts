/** Regular cases: data of moderate offset and any scale, away from kinks. */
import type { Regime } from './data.ts';
import { drawNormCase } from './draw-norm-case.ts';
import type { Maker } from './made.ts';
import { isSound } from './sound.ts';

const plain: readonly Regime[] = ['benign', 'benign', 'scale', 'outlier', 'ties'];
const offsets = [10, 100, -10, -100];

export const regular: Maker = (entry, choose) => {
  const shifted = choose.integer(0, 3) === 0;
  const offset = choose.oneOf(offsets);
  const found = drawNormCase(entry, choose, { among: shifted ? ['benign'] : plain, fits: isSound });
  const moved = found.withData((data) => data.with({ offset }));
  return { found: shifted && isSound(moved) ? moved : found, keeps: isSound, says: () => [] };
};
