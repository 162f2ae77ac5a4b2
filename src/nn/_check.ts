/** Checks of the options that layers share. */

/** Throws a RangeError unless `value` is a positive integer. */
export function checkPositive(caller: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}`);
  }
}

/** Throws a TypeError unless a generator was passed: nothing here draws from a global one. */
export function checkRandom(caller: string, random: unknown): void {
  if (typeof random !== 'object' || random === null || !('uniform' in random)) {
    throw new TypeError(
      `${caller}: random must be a generator, got ${String(random)}; pass { random: new Random(seed) }`,
    );
  }
}
