/** Numbers of a check for people, and for JSON. */
import { grouped } from '../train/format.ts';

/** A rate in cases a second. */
export function shownRate(cases: number, milliseconds: number): string {
  const rate = (1000 * cases) / Math.max(1, milliseconds);
  return rate >= 10 ? grouped(rate) : rate.toFixed(1);
}

/** JSON has no infinities, no NaN and no -0: they are written as strings, as in tensors. */
export function withNamedNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
