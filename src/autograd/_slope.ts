/**
 * The derivative of a function of one number at 0, from differences, with a bound on its error that is measured.
 *
 * Symmetric differences at shrinking steps are extrapolated to step 0 (Richardson). Two errors compete: that of the
 * extrapolation, seen in the distance to neighbours in the table, and that of rounding, which grows as the step
 * shrinks; how large rounding is at all is measured by moving the inputs by a few units in the last place.
 *
 * Source: C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4, 1982.
 */

/** A number and how far it may be off. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
}

/** An estimate of a derivative. */
export interface Slope extends Estimate {
  /** The smallest step it rests on. */
  readonly step: number;
  /** The first step of the table it comes from. */
  readonly start: number;
  /** The rounding it allows for, at small steps. */
  readonly noise: number;
  /**
   * What larger steps say, where the function does not move at all for small ones: a staircase, or a smooth function
   * that is rounded to a grid inside. Differences cannot tell which.
   */
  readonly stairs: Estimate | null;
}

/** A function near 0. */
export interface Line {
  /** `f(step) - f(-step)`, differences taken element by element before they are summed. */
  readonly across: (step: number) => number;
  /** The slopes to the left and right, the smaller and the larger of each output, summed. */
  readonly sides: (step: number) => { readonly low: number; readonly high: number };
  /** How far rounding moves `across` around a step: the most that was seen in so many trials. */
  readonly noise: (step: number, trials: number) => number;
  /** The same for `sides` times the step, at 0. */
  readonly noiseOfSides: (trials: number) => number;
}

const SHRINK = 1.6;
const ROWS = 9;
/**
 * By how much the distance of neighbours falls short of the error when that shrinks with the step and not with its
 * square, as it does for `t / (|t| + eps)` at 0: a slope there is, but no curvature.
 */
const SLOW = 1 / (SHRINK - 1);
/** By how much the largest of a few trials falls short of the largest there is. */
const UNSEEN = 1.7;

/** The derivative at 0. `start` is the first step: a good part of the distance over which the function changes. */
export function slopeAt(line: Line, start: number): Slope {
  let near = line.noise(0, 5);
  let best = table(line, start, Math.max(near, line.noise(start, 2)));
  // a part of the function may change over much shorter distances than the rest, as a constant slice of a norm does;
  // and the first steps may lead to where the function has no value
  for (let power = 4; power <= (best.error < Infinity ? 16 : 64) && !(best.error <= 1e-6 * Math.abs(best.value)); power += 4) {
    const nearer = table(line, start * 2 ** -power, near);
    if (nearer.error < best.error) best = nearer;
  }
  let stairs: Estimate | null = null;
  // a function that is smooth on the large scale only, or a step beyond a kink, fools a table: ask from much nearer
  const first = best.step;
  for (const power of [5, 10, 15, 20, 25, 30]) {
    const step = first * 2 ** -power;
    const value = line.across(step) / (2 * step);
    if (agree(best, { value, error: (UNSEEN * near) / (2 * step) })) continue;
    // a single difference is also off by the curvature: it only counts when a table confirms it, and when a second
    // look at rounding does not explain it
    if (agree(best, table(line, step, near))) continue;
    near = Math.max(near, line.noise(step, 12));
    const again = table(line, step, near);
    if (agree(best, again)) continue;
    stairs = again.value === 0 ? best : null;
    best = again;
  }
  return { ...best, noise: near, stairs };
}

/**
 * The same derivative from tables with other steps. The smallest error of many is now and then too small by chance (in
 * one of 10,000 tables, measured): a difference from something else only counts when these show it too.
 */
export function otherSlopes(line: Line, { start, noise }: Slope): Estimate[] {
  const rounding = Math.max(noise, line.noise(0, 12), line.noise(start, 6));
  return [0.85, 0.7, 0.55, 0.4].map((factor) => table(line, start * factor, rounding));
}

function agree(a: Estimate, b: Estimate): boolean {
  // an error that is not finite agrees with everything; one that is NaN comes from beyond the domain and says nothing
  return !(Math.abs(a.value - b.value) > a.error + b.error);
}

/** Ridders' table from `start` downwards; the entry with the smallest error. */
function table(line: Line, start: number, noise: number): Estimate & { readonly step: number; readonly start: number } {
  let best = { value: NaN, error: Infinity, step: start, start };
  let above: { value: number; rounding: number }[] = [];
  let worse = 0;
  for (let row = 0, step = start; row < ROWS; row++, step /= SHRINK) {
    const entries = [{ value: line.across(step) / (2 * step), rounding: (UNSEEN * noise) / (2 * step) }];
    let improved = false;
    for (let j = 1, factor = SHRINK * SHRINK; j <= row; j++, factor *= SHRINK * SHRINK) {
      const left = entries[j - 1]!;
      const over = above[j - 1]!;
      const value = (factor * left.value - over.value) / (factor - 1);
      const rounding = (factor * left.rounding + over.rounding) / (factor - 1);
      entries.push({ value, rounding });
      const error = SLOW * Math.max(Math.abs(value - left.value), Math.abs(value - over.value)) + rounding;
      if (error < best.error) {
        best = { value, error, step, start };
        improved = true;
      }
    }
    above = entries;
    worse = improved ? 0 : worse + 1;
    if (worse === 4) break;
  }
  return best;
}

/** The numbers that are a derivative at a kink, and how far the ends may be off. */
export interface Kink {
  readonly low: number;
  readonly high: number;
  readonly error: number;
}

/**
 * The derivatives at 0 when the slopes on its two sides stay apart however small the step: what lies between them,
 * output by output. Null when they meet within their noise.
 */
export function kinkAt(line: Line, start: number): Kink | null {
  const noise = line.noiseOfSides(5);
  let best: Kink | null = null;
  let before: Kink | null = null;
  for (let power = 4; power <= 32; power += 4) {
    const step = start * 2 ** -power;
    const { low, high } = line.sides(step);
    const blur = (UNSEEN * noise) / step;
    const apart = high - low;
    if (!(blur <= 0.1 * apart)) break;
    // slopes that approach each other in step with the step belong to a curve, not to a kink
    if (before && apart < 0.5 * (before.high - before.low)) return null;
    const error: number = blur + (before ? Math.max(Math.abs(low - before.low), Math.abs(high - before.high)) : apart);
    before = { low, high, error };
    if (!best || error < best.error) best = before;
  }
  return best;
}
