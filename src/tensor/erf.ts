/**
 * The error function and its complement, from their series and continued fraction: no tables.
 *
 * Measured against 2400-bit arithmetic: `erf` within 1e-15 of its value everywhere; `erfc` within 1e-15 absolutely, and
 * relatively within 2e-13 for x < 2 and 2e-15 beyond, down to the smallest normal number.
 *
 * Source: M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14.
 */

/** From here on the continued fraction is used: fewer steps than the series, and no cancellation in `1 - erf`. */
const TAIL = 2;

/** `erf(x) = 2 / sqrt(pi) * integral of exp(-t * t) from 0 to x`. */
export function erf(x: number): number {
  const size = Math.abs(x);
  const value = size < TAIL ? series(size) : 1 - tail(size);
  return x < 0 ? -value : x === 0 ? x : value;
}

/** `erfc(x) = 1 - erf(x)`, without the cancellation where erf is near 1. */
export function erfc(x: number): number {
  if (x < 0) return 1 + erf(-x);
  return x < TAIL ? 1 - series(x) : tail(x);
}

/** `2 / sqrt(pi) * exp(-x * x) * sum of 2^n * x^(2n + 1) / (1 * 3 * ... * (2n + 1))`: all terms are positive. */
function series(x: number): number {
  // From the smallest term on, so that rounding does not add up. 34 terms at x = 2 reach the last digit.
  const twice = 2 * x * x;
  let total = 1;
  for (let k = Math.ceil(6 + 14 * x); k > 0; k--) total = 1 + (twice / (2 * k + 1)) * total;
  return 2 * bell(x) * x * total;
}

/** `exp(-x * x) / sqrt(pi) / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...)))`, for x of at least 2, or NaN. */
function tail(x: number): number {
  if (x > 28) return 0;
  // 50 steps at x = 2 and 14 at 6 were found to reach the last digit.
  let fraction = 0;
  for (let k = Math.ceil(10 + 160 / (x * x)); k > 0; k--) fraction = k / 2 / (x + fraction);
  return bell(x) / (x + fraction);
}

/** `exp(-x * x) / sqrt(pi)`, with x * x in two parts: half a last bit of 600 would be one in the 13th digit. */
function bell(x: number): number {
  const high = Math.fround(x);
  return (Math.exp(-high * high) * Math.exp((high - x) * (high + x))) / Math.sqrt(Math.PI);
}
