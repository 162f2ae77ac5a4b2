/**
 * Mean and variance over a view.
 *
 * A view reads a contiguous tensor as `[outer, channel, inner]`: the statistics of a channel run over outer and inner.
 * Batch norm on `[N, C, H, W]` is `[N, C, HW]`, layer norm on N rows of m is `[1, N, m]`.
 *
 * Everything is in double and in two passes, sum and then squared deviations: the difference of mean square and
 * squared mean, which one pass would give, loses all digits when the mean is large against the spread. The second
 * pass also adds up the deviations, which tells how far the first pass' mean was off: a constant channel has exactly
 * its value as mean, and variance 0.
 */
import type { FloatArray } from '../tensor/dtype.ts';

/** How a contiguous tensor is read: `[outer, channel, inner]`. */
export interface View {
  readonly outer: number;
  readonly channel: number;
  readonly inner: number;
}

/** Statistics of each channel of a view; the variance is biased (divided by the count). */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** `mean = sum x / count` and `variance = sum (x - mean)^2 / count` of each channel, count = outer * inner. */
export function moments(x: FloatArray, view: View): Moments {
  return view.inner === 1 ? columnMoments(x, view) : runMoments(x, view);
}

/**
 * The statistics of parts of equal size put together, `[outer, channel, inner]` parts in the order of `view`: the mean
 * of the means, and the mean of the variances plus `factor` times the variance of the means.
 */
export function poolMoments(parts: Moments, view: View, factor = 1): Moments {
  const { mean, variance: between } = moments(parts.mean, view);
  const { mean: within } = moments(parts.variance, view);
  return { mean, variance: within.map((value, i) => value + factor * between[i]!) };
}

/** `1 / sqrt(variance + eps)`. */
export function rstdOf(variance: ArrayLike<number>, eps: number): Float64Array {
  const rstd = new Float64Array(variance.length);
  for (let c = 0; c < rstd.length; c++) rstd[c] = 1 / Math.sqrt(variance[c]! + eps);
  return rstd;
}

/** A channel is `outer` runs of `inner` neighbours. */
function runMoments(x: FloatArray, { outer, channel, inner }: View): Moments {
  const mean = new Float64Array(channel);
  const variance = new Float64Array(channel);
  const count = outer * inner;
  for (let c = 0; c < channel; c++) {
    let total = 0;
    for (let o = 0; o < outer; o++) total += sumRun(x, (o * channel + c) * inner, inner);
    const first = total / count;
    let off = 0;
    let squares = 0;
    for (let o = 0; o < outer; o++) {
      const start = (o * channel + c) * inner;
      let a = 0;
      let b = 0;
      let aa = 0;
      let bb = 0;
      let cc = 0;
      let dd = 0;
      let i = start;
      for (const end = start + inner - 3; i < end; i += 4) {
        const p = x[i]! - first;
        const q = x[i + 1]! - first;
        const s = x[i + 2]! - first;
        const t = x[i + 3]! - first;
        a += p + q;
        b += s + t;
        aa += p * p;
        bb += q * q;
        cc += s * s;
        dd += t * t;
      }
      for (; i < start + inner; i++) {
        const p = x[i]! - first;
        a += p;
        aa += p * p;
      }
      off += a + b;
      squares += aa + bb + (cc + dd);
    }
    off /= count;
    mean[c] = first + off;
    variance[c] = Math.max(0, squares / count - off * off);
  }
  return { mean, variance };
}

/** With `inner` 1 the channels are columns: they advance together, row by row. */
function columnMoments(x: FloatArray, { outer, channel }: View): Moments {
  const mean = new Float64Array(channel);
  const variance = new Float64Array(channel);
  const off = new Float64Array(channel);
  for (let o = 0, at = 0; o < outer; o++) for (let c = 0; c < channel; c++, at++) mean[c]! += x[at]!;
  for (let c = 0; c < channel; c++) mean[c]! /= outer;
  for (let o = 0, at = 0; o < outer; o++) {
    for (let c = 0; c < channel; c++, at++) {
      const p = x[at]! - mean[c]!;
      off[c]! += p;
      variance[c]! += p * p;
    }
  }
  for (let c = 0; c < channel; c++) {
    const shift = off[c]! / outer;
    mean[c]! += shift;
    variance[c] = Math.max(0, variance[c]! / outer - shift * shift);
  }
  return { mean, variance };
}

/** Four partial sums: a single one makes each addition wait for the last (1.3 ns an element against 0.7). */
function sumRun(x: FloatArray, start: number, length: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  const end = start + length;
  for (; i < end - 3; i += 4) {
    a += x[i]!;
    b += x[i + 1]!;
    c += x[i + 2]!;
    d += x[i + 3]!;
  }
  for (; i < end; i++) a += x[i]!;
  return a + b + (c + d);
}
