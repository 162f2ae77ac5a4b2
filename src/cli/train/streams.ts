import { Random } from '../../tensor/random.ts';

const streams = ['weights', 'batches', 'train', 'test', 'norm'] as const;

/** A generator for one purpose: what is drawn for one does not move the others. `seed` is below 2^32. */
export function stream(seed: number, purpose: (typeof streams)[number]): Random {
  return new Random(seed + streams.indexOf(purpose) * 2 ** 32);
}
