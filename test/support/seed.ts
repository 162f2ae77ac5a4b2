/** The seed of all generated cases: fixed, so that a build that was green stays green, unless SEED says otherwise. */
export function seed(): number {
  const given = process.env.SEED;
  if (given === undefined || given === '') return 20_250_617;
  const value = Number(given);
  if (!Number.isInteger(value)) throw new RangeError(`SEED must be an integer, got ${given}`);
  return value | 0;
}
