/** Numbers of a check for people, and for JSON. */
import { grouped } from '../train/format.ts';

/** A ratio to what rounding explains: about three digits that mean something. */
export function shownRatio(ratio: number): string {
  if (Number.isNaN(ratio)) return 'NaN';
  if (ratio === Infinity) return '∞';
  if (ratio >= 1e6) return ratio.toExponential(1);
  if (ratio >= 100) return grouped(ratio);
  return ratio.toFixed(ratio >= 10 ? 1 : 2);
}

/** A small number beside a result: an error with three digits. */
export function shownError(value: number): string {
  if (!Number.isFinite(value)) return value === Infinity ? '∞' : String(value);
  if (value === 0) return '0';
  return value.toPrecision(3);
}

/** A rate in cases a second. */
export function shownRate(cases: number, milliseconds: number): string {
  const rate = (1000 * cases) / Math.max(1, milliseconds);
  return rate >= 10 ? grouped(rate) : rate.toFixed(1);
}

/** JSON has no infinities and no NaN: they are written as strings, as in tensors. */
export function withNamedNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
