/** One element of an input at a time: where a gradient that was found wrong is wrong, and ties of several elements. */
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { absoluteDot, dot, type Subject, weightedDifference } from './_gradcheck-subject.ts';
import { type Estimate, kinkAt, type Line, otherSlopes, slopeAt } from './_slope.ts';

/** More elements than this are not looked at one by one. */
const MOST = 2048;
const MOST_AT_KINKS = 256;

/**
 * The elements in which gradient and five-point differences at steps of about `step` are farthest apart, a line each.
 */
export function worstElements(subject: Subject, input: number, weights: readonly Tensor[], gradient: Tensor, step: number): string {
  const x = subject.data[input]!;
  const across = (index: number, by: number): number => {
    const forth = x.slice();
    const back = x.slice();
    forth[index]! += by;
    back[index]! -= by;
    return weightedDifference(weights, subject.replacing(input, forth), subject.replacing(input, back));
  };
  const stride = Math.ceil(x.length / MOST);
  const rows: { index: number; numeric: number; off: number }[] = [];
  for (let index = 0; index < x.length; index += stride) {
    const numeric = (8 * across(index, step) - across(index, 2 * step)) / (12 * step);
    const off = Math.abs(numeric - gradient.data[index]!);
    rows.push({ index, numeric, off: Number.isNaN(off) ? 0 : off });
  }
  rows.sort((a, b) => b.off - a.off);
  const lines = rows
    .slice(0, 3)
    .map(({ index, numeric }) => `  element ${named(index, gradient.shape)}: differences give ${numeric}, the gradient is ${gradient.data[index]}`);
  if (stride > 1) lines.push(`  (one element in ${stride} was looked at)`);
  return lines.join('\n');
}

/** The index of an element along each axis. */
function named(flat: number, shape: Shape): string {
  const at: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at.unshift(flat % shape[axis]!);
    flat = Math.floor(flat / shape[axis]!);
  }
  return `[${at.join(', ')}]`;
}

/** A gradient at what may be a kink. */
interface Tie {
  readonly gradient: Tensor;
  /** The gradient at inputs moved by a few units in the last place, which shows how exact it is. */
  readonly moved: readonly Tensor[];
  /** The direction in which the kink was met. */
  readonly u: Float64Array;
  readonly lineAlong: (direction: Float64Array) => Line;
  /** The first step. */
  readonly start: number;
}

/**
 * Whether a gradient is one that a function has at a kink: between the slopes on the two sides, for each element by
 * itself, and along a direction that moves all elements upwards. (That a tie gives each of its sides the full
 * gradient shows in the latter alone. Along mixed directions, kinks of several elements in one output would add up to
 * slopes that need not enclose the sum of right derivatives.) False where there is no kink.
 */
export function fitsKink(tie: Tie): boolean {
  const { u, lineAlong, start } = tie;
  if (!kinkAt(lineAlong(u), start) || !fitsAlong(tie, u.map(Math.abs))) return false;
  if (u.length > MOST_AT_KINKS) return true;
  for (let index = 0; index < u.length; index++) {
    const unit = new Float64Array(u.length);
    unit[index] = 1;
    if (!fitsAlong(tie, unit)) return false;
  }
  return true;
}

function fitsAlong({ gradient, moved, lineAlong, start }: Tie, direction: Float64Array): boolean {
  const line = lineAlong(direction);
  const value = dot(gradient.data, direction);
  const kink = kinkAt(line, start);
  if (kink) return value >= kink.low - kink.error && value <= kink.high + kink.error;
  let error = 2 ** -52 * absoluteDot(gradient.data, direction);
  for (const other of moved) error = Math.max(error, 1.7 * Math.abs(dot(other.data, direction) - value));
  const fits = (estimate: Estimate): boolean => Math.abs(estimate.value - value) <= estimate.error + error;
  const slope = slopeAt(line, start);
  return fits(slope) || otherSlopes(line, slope).some(fits);
}
