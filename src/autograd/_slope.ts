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

/** A function near 0. */
export interface Line {
  /** `f(step) - f(-step)`, differences taken element by element before they are summed. */
  readonly across: (step: number) => number;
  /** How far rounding moves `across` at steps of about this size. */
  readonly noise: (step: number) => number;
}

const SHRINK = 1.6;
const ROWS = 9;

/** The derivative at 0. `start` is the first step: a good part of the distance over which the function changes. */
export function slopeAt(line: Line, start: number): Estimate {
  const near = line.noise(0);
  const far = Math.max(near, line.noise(start));
  let best = table(line, start, far);
  // a part of the function may change over much shorter distances than the rest, as a constant slice of a norm does
  for (let power = 4; power <= 16 && !(best.error <= 1e-6 * Math.abs(best.value)); power += 4) {
    const nearer = table(line, start * 2 ** -power, near);
    if (nearer.error < best.error) best = nearer;
  }
  // a function that is smooth on the large scale only, or a step beyond a kink, fools a table: ask from much nearer
  for (const power of [5, 10, 15, 20, 25, 30]) {
    const step = best.step * 2 ** -power;
    const value = line.across(step) / (2 * step);
    const error = (1.7 * near) / (2 * step);
    if (Math.abs(value - best.value) <= error + best.error) continue;
    const again = table(line, step, near);
    if (again.error < error + Math.abs(value - best.value)) best = again;
  }
  return best;
}

function table(line: Line, start: number, noise: number): Estimate & { readonly step: number } {
  let best = { value: NaN, error: Infinity, step: start };
  let above: number[] = [];
  let worse = 0;
  for (let row = 0, step = start; row < ROWS; row++, step /= SHRINK) {
    const entries = [line.across(step) / (2 * step)];
    const rounding = (1.7 * noise) / (2 * step);
    let improved = false;
    for (let j = 1, factor = SHRINK * SHRINK; j <= row; j++, factor *= SHRINK * SHRINK) {
      const left = entries[j - 1]!;
      const value = (factor * left - above[j - 1]!) / (factor - 1);
      entries.push(value);
      const error = Math.max(Math.abs(value - left), Math.abs(value - above[j - 1]!)) + (rounding * (factor + 1)) / (factor - 1);
      if (error < best.error) {
        best = { value, error, step };
        improved = true;
      }
    }
    above = entries;
    worse = improved ? 0 : worse + 1;
    if (worse === 4) break;
  }
  return best;
}

/**
 * The slopes on either side of 0 when they stay apart however small the step: a kink, at which any number between them
 * is a derivative. Null when they meet within their noise.
 */
export function kinkAt(right: (step: number) => number, left: (step: number) => number, noise: number, start: number): [number, number] | null {
  let found: [number, number] | null = null;
  for (let power = 4; power <= 28; power += 4) {
    const step = start * 2 ** -power;
    const slopes: [number, number] = [left(step) / step, right(step) / step];
    const blur = (1.7 * noise) / step;
    const apart = Math.abs(slopes[1] - slopes[0]);
    if (blur > 0.1 * apart) return apart > blur ? slopes : found;
    // slopes that approach each other in step with the step belong to a curve, not to a kink
    if (found && apart < 0.5 * Math.abs(found[1] - found[0])) return null;
    found = slopes;
  }
  return found;
}
