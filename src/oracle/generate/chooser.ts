/** Free choices from a seeded stream of random numbers. */
import type { Chooser } from '../../norms/catalog/entry.ts';
import type { Random } from '../../tensor/random.ts';

/** A chooser that takes its choices from `random`. */
export function chooserFrom(random: Random): Chooser {
  return {
    integer: (low, high) => low + random.integer(high - low + 1),
    oneOf: (list) => list[random.integer(list.length)]!,
  };
}
