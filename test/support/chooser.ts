/** Free choices from fast-check's random numbers. */
import type * as fc from 'fast-check';
import type { Chooser } from '../../src/norms/catalog/entry.ts';

/** A chooser that takes its choices from `random`. */
export function chooserOf(random: fc.Random): Chooser {
  return {
    integer: (low, high) => random.nextInt(low, high),
    oneOf: (list) => list[random.nextInt(0, list.length - 1)]!,
  };
}
