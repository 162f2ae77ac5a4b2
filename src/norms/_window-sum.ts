/**
 * Sums over a window that slides along an axis, in double, at a cost that does not depend on the window.
 *
 * A running sum that adds what comes in and subtracts what goes out would cost as little, but it never recovers: what a
 * large value rounds away stays lost, and after a NaN or an infinity everything is NaN. Here nothing is subtracted. The
 * axis is cut into blocks as long as the window, so each window is the end of one block and the beginning of the next;
 * sums from the start of a block and sums to its end are all it takes, and a sum contains its own window and nothing
 * else. Three additions an element, whatever the window.
 *
 * Source: M. van Herk, A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels,
 * Pattern Recognition Letters 13, 1992, with sums for maxima.
 */
import { aroundAxis, type AxisView } from '../autograd/_around-axis.ts';
import type { Shape } from '../tensor/shape.ts';

/**
 * Replaces each element of `data`, laid out as `shape`, by the sum over the box of elements from `before` in front of
 * it to `after` behind it along each of `axes`; what lies outside counts as 0.
 */
export function windowSums(data: Float64Array, shape: Shape, axes: readonly number[], before: number, after: number): void {
  for (const axis of axes) sumAlong(data, aroundAxis('windowSums', shape, axis), before, after);
}

function sumAlong(data: Float64Array, { outer, count, inner }: AxisView, before: number, after: number): void {
  const lead = Math.min(before, count - 1);
  const trail = Math.min(after, count - 1);
  if (lead + trail <= 0) return;
  const length = lead + trail + 1;
  const size = count * inner;
  const fromStart = new Float64Array(size);
  const toEnd = new Float64Array(size);
  for (let o = 0, start = 0; o < outer; o++, start += size) {
    const slice = data.subarray(start, start + size);
    for (let first = 0; first < count; first += length) {
      const end = Math.min(first + length, count);
      sumBlock(slice, fromStart, toEnd, first * inner, end * inner, inner);
    }
    combine(slice, fromStart, toEnd, count, inner, lead, trail);
  }
}

/**
 * The sums within one block of rows. A window that begins where a block does is all in the sums from its start, so the
 * sum from there to the end is left at 0.
 */
function sumBlock(
  data: Float64Array,
  fromStart: Float64Array,
  toEnd: Float64Array,
  start: number,
  end: number,
  inner: number,
): void {
  for (let i = start; i < start + inner; i++) fromStart[i] = data[i]!;
  for (let i = start + inner; i < end; i++) fromStart[i] = fromStart[i - inner]! + data[i]!;
  for (let i = end - 1; i >= end - inner; i--) toEnd[i] = data[i]!;
  for (let i = end - inner - 1; i >= start + inner; i--) toEnd[i] = toEnd[i + inner]! + data[i]!;
  for (let i = start; i < start + inner; i++) toEnd[i] = 0;
}

/** Writes the sums of all windows: cut at the front, whole, cut at the back. */
function combine(
  out: Float64Array,
  fromStart: Float64Array,
  toEnd: Float64Array,
  count: number,
  inner: number,
  lead: number,
  trail: number,
): void {
  const last = count - 1;
  for (let row = 0; row < lead; row++) {
    const from = Math.min(row + trail, last) * inner;
    for (let i = 0, to = row * inner; i < inner; i++, to++) out[to] = fromStart[from + i]!;
  }
  const back = lead * inner;
  const ahead = trail * inner;
  for (let i = back; i < (count - trail) * inner; i++) out[i] = toEnd[i - back]! + fromStart[i + ahead]!;
  const length = lead + trail + 1;
  const lastBlock = last - (last % length);
  for (let row = Math.max(lead, count - trail); row < count; row++) {
    const reaches = row - lead <= lastBlock;
    for (let i = 0, to = row * inner; i < inner; i++, to++) {
      out[to] = toEnd[to - back]! + (reaches ? fromStart[last * inner + i]! : 0);
    }
  }
}
