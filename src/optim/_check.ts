/** Checks of the settings that optimizers share. */

/** Throws a RangeError unless `value` is finite and at least 0. */
export function checkAtLeastZero(caller: string, name: string, value: number): void {
  if (!(value >= 0 && value < Infinity)) {
    throw new RangeError(`${caller}: ${name} must be finite and at least 0, got ${value}`);
  }
}

/** Throws a RangeError unless `value` is in [0, 1). */
export function checkDecay(caller: string, name: string, value: number): void {
  if (!(value >= 0 && value < 1)) {
    throw new RangeError(`${caller}: ${name} must be in [0, 1), got ${value}; it weighs the past`);
  }
}

/** Throws a TypeError unless `value` is a boolean. */
export function checkSwitch(caller: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new TypeError(`${caller}: ${name} must be true or false, got ${String(value)}`);
}
