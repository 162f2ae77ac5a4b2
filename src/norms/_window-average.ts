/**
 * Weighted averages over a window that slides along the spatial axes, in double. The weights are a product of one
 * sequence per axis, so the average is taken along one axis after the other: k + k terms for a window of k x k.
 *
 * At a border the window is cut. What is left of the weights is scaled to a sum of 1 (renormalized), also axis by axis,
 * or left as it is, which counts what is outside as 0.
 */
import { aroundAxis, type AxisView } from '../autograd/_around-axis.ts';
import type { Shape } from '../tensor/shape.ts';

/** The averages along one axis as a band of a matrix: `rows` by the place of the result, `columns` by that of the data. */
export interface AxisWindow {
  /** The neighbours to either side that may count. */
  readonly reach: number;
  /** `rows[p * (2 * reach + 1) + reach + q - p]`: the weight of element q in the average at p. */
  readonly rows: Float64Array;
  /** `columns[q * (2 * reach + 1) + reach + p - q]`: the same weight. */
  readonly columns: Float64Array;
  /** The sum of the weights at each p: 1 but where the border cuts without renormalization. */
  readonly coverage: Float64Array;
}

/** `exp(-o^2 / (2 sigma^2))` for o from -half to half, scaled to a sum of 1; without sigma all weights are equal. */
export function windowWeights(length: number, sigma: number | null): Float64Array {
  const half = (length - 1) / 2;
  const weights = new Float64Array(length);
  let total = 0;
  for (let i = 0; i < length; i++) {
    const distance = sigma === null ? 0 : (i - half) / sigma;
    total += weights[i] = Math.exp((-distance * distance) / 2);
  }
  for (let i = 0; i < length; i++) weights[i]! /= total;
  return weights;
}

/** The averages with `weights`, an odd number of them with sum 1, along an axis of `count` elements. */
export function axisWindow(weights: Float64Array, count: number, renormalize: boolean): AxisWindow {
  const half = (weights.length - 1) / 2;
  const reach = Math.max(0, Math.min(half, count - 1));
  const width = 2 * reach + 1;
  const rows = new Float64Array(count * width);
  const columns = new Float64Array(count * width);
  const coverage = new Float64Array(count).fill(1);
  for (let p = 0; p < count; p++) {
    const first = Math.max(0, p - reach);
    const end = Math.min(count, p + reach + 1);
    let inside = 0;
    for (let q = first; q < end; q++) inside += weights[half + q - p]!;
    // A whole window has a sum of 1 by definition: the last digit of the sum is rounding.
    const whole = p >= half && p + half < count;
    const sum = renormalize && !whole ? inside : 1;
    if (!renormalize && !whole) coverage[p] = inside;
    for (let q = first; q < end; q++) {
      const weight = weights[half + q - p]! / sum;
      rows[p * width + reach + q - p] = weight;
      columns[q * width + reach + p - q] = weight;
    }
  }
  return { reach, rows, columns, coverage };
}

/**
 * Replaces `data`, laid out as `[groups, ...spatial]`, by its averages; one window for each spatial axis.
 *
 * With `centred` it averages the differences to the element in the middle, and adds that: where all of a window is
 * one value, the average is that value to the last bit, whatever its size. Without, positive values keep all their digits.
 */
export function windowAverages(data: Float64Array, grid: Shape, windows: readonly AxisWindow[], centred: boolean): void {
  windows.forEach(({ rows, coverage }, k) => {
    weigh(data, aroundAxis('windowAverages', grid, k + 1), rows, centred ? coverage : null);
  });
}

/** The adjoint of `windowAverages`: replaces the gradients of the averages by those of the data, by `columns`. */
export function windowAdjoint(data: Float64Array, grid: Shape, columns: readonly Float64Array[]): void {
  columns.forEach((band, k) => weigh(data, aroundAxis('windowAdjoint', grid, k + 1), band, null));
}

/** The products with a band; by the differences to the middle when its coverage is given. */
function weigh(
  data: Float64Array,
  { outer, count, inner }: AxisView,
  band: Float64Array,
  coverage: Float64Array | null,
): void {
  const width = band.length / count;
  const reach = (width - 1) / 2;
  const size = count * inner;
  const given = new Float64Array(size);
  for (let o = 0, start = 0; o < outer; o++, start += size) {
    for (let i = 0; i < size; i++) given[i] = data[start + i]!;
    for (let p = 0, to = 0; p < count; p++) {
      const first = Math.max(0, p - reach);
      const from = p * width + reach + first - p;
      const end = from + Math.min(count, p + reach + 1) - first;
      for (let i = 0; i < inner; i++, to++) {
        const middle = coverage ? given[to]! : 0;
        let total = 0;
        for (let w = from, at = first * inner + i; w < end; w++, at += inner) total += band[w]! * (given[at]! - middle);
        data[start + to] = coverage ? total + middle * coverage[p]! : total;
      }
    }
  }
}
