/**
 * The kernel of the standardize family: subtract a mean and divide by a standard deviation over one view, then scale
 * and shift over another. Layer, batch, instance, group norm and many more are this, with different views:
 *
 *     y = (x - mean[s]) * rstd[s] * weight[a] + bias[a]        s, a: the channel of the element in either view
 *
 * The derivative, when mean and rstd are those of x (n elements a channel):
 *
 *     dBias[a] = sum dy      dWeight[a] = sum dy xHat
 *     dx = rstd (gh - mean(gh) - xHat mean(gh xHat))           gh = dy weight, means over the channel s
 *
 * and `dx = rstd gh` when they are given numbers. Elements are handled in runs of neighbours along which each of the
 * two channels either stays (`inner` above 1) or advances by one with the element (`inner` 1); there is a loop for
 * each combination, because one loop for all would look both channels up for every element.
 */
import { allocate, type FloatArray } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { View } from './_moments.ts';

/** What the backward of a standardization needs; `inputs` are x, weight and bias. */
export interface StandardizeSaved {
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null];
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
  /** The view that mean and rstd belong to. */
  readonly statistics: View;
  /** The view that weight and bias belong to. */
  readonly affine: View;
  /** Whether mean and rstd were computed from x (and so depend on it), or given. */
  readonly own: boolean;
  /** Values that mean and rstd of a channel are of, where they are of more than x. Default: those of x. */
  readonly count?: number;
}

/**
 * `y = (x - mean) * rstd * weight + bias`; no weight counts as 1, no bias as 0. Written into `y`, which may be the data of
 * x itself; default: new memory.
 */
export function standardize(
  { inputs: [x, weight, bias], mean, rstd, statistics, affine }: StandardizeSaved,
  y: FloatArray = allocate(x.dtype, x.data.length),
): Tensor {
  const w = weight ? weight.data : allocate(x.dtype, affine.channel).fill(1);
  const b = bias ? bias.data : allocate(x.dtype, affine.channel);
  const { length, together, staying } = runsOf(statistics, affine);
  const data = x.data;
  for (let start = 0; start < data.length; start += length) {
    const end = start + length;
    const s = Math.floor(start / statistics.inner) % statistics.channel;
    const a = Math.floor(start / affine.inner) % affine.channel;
    const mu = mean[s]!;
    const r = rstd[s]!;
    if (staying) {
      const scale = r * w[a]!;
      const shift = b[a]!;
      for (let i = start; i < end; i++) y[i] = (data[i]! - mu) * scale + shift;
    } else if (!together) {
      for (let i = start, j = a; i < end; i++, j++) y[i] = (data[i]! - mu) * r * w[j]! + b[j]!;
    } else {
      for (let i = start, k = s, j = a; i < end; i++, k++, j++) y[i] = (data[i]! - mean[k]!) * rstd[k]! * w[j]! + b[j]!;
    }
  }
  return new Tensor(y, x.shape);
}

/** The gradients of x, weight and bias; null where `needs` is false. */
export function standardizeBackward(dy: Tensor, saved: StandardizeSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const [x, weight, bias] = saved.inputs;
  const w = weight ? weight.data : allocate(x.dtype, saved.affine.channel).fill(1);
  const sums = reduce(dy.data, x.data, w, saved);
  const dx = needs[0] ? new Tensor(spread(dy.data, x.data, w, sums, saved), x.shape) : null;
  return [dx, needs[1] ? like(sums.dWeight, weight!) : null, needs[2] ? like(sums.dBias, bias!) : null];
}

/** The sums that a backward is made of, for a standardization whose statistics are of more than x. */
export function standardizeSums(dy: Tensor, saved: StandardizeSaved): Sums {
  return reduce(dy.data, saved.inputs[0].data, weightOf(saved), saved);
}

/** The gradient of x, given `scaled` and `projected` over all that the statistics are of. */
export function standardizeGradient(dy: Tensor, saved: StandardizeSaved, sums: Pick<Sums, 'scaled' | 'projected'>): Tensor {
  const [x] = saved.inputs;
  return new Tensor(spread(dy.data, x.data, weightOf(saved), sums, saved), x.shape);
}

function weightOf({ inputs: [x, weight], affine }: StandardizeSaved): FloatArray {
  return weight ? weight.data : allocate(x.dtype, affine.channel).fill(1);
}

function like(values: Float64Array, parameter: Tensor): Tensor {
  const data = allocate(parameter.dtype, values.length);
  data.set(values);
  return new Tensor(data, parameter.shape);
}

/** Sums over the channels of the two views. */
export interface Sums {
  /** sum of dy, and of dy xHat, over each channel of the affine view */
  readonly dBias: Float64Array;
  readonly dWeight: Float64Array;
  /** sum of dy weight, and of dy weight xHat, over each channel of the statistics view */
  readonly scaled: Float64Array;
  readonly projected: Float64Array;
}

function reduce(dy: FloatArray, x: FloatArray, w: FloatArray, saved: StandardizeSaved): Sums {
  const { mean, rstd, statistics, affine } = saved;
  const { length, together, staying } = runsOf(statistics, affine);
  const dBias = new Float64Array(affine.channel);
  const dWeight = new Float64Array(affine.channel);
  const scaled = new Float64Array(statistics.channel);
  const projected = new Float64Array(statistics.channel);
  for (let start = 0; start < dy.length; start += length) {
    const end = start + length;
    const s = Math.floor(start / statistics.inner) % statistics.channel;
    const a = Math.floor(start / affine.inner) % affine.channel;
    const mu = mean[s]!;
    const r = rstd[s]!;
    if (staying) {
      let g0 = 0;
      let g1 = 0;
      let p0 = 0;
      let p1 = 0;
      let i = start;
      for (; i < end - 1; i += 2) {
        const u = dy[i]!;
        const v = dy[i + 1]!;
        g0 += u;
        g1 += v;
        p0 += u * (x[i]! - mu);
        p1 += v * (x[i + 1]! - mu);
      }
      if (i < end) {
        g0 += dy[i]!;
        p0 += dy[i]! * (x[i]! - mu);
      }
      const g = g0 + g1;
      const p = (p0 + p1) * r;
      dBias[a]! += g;
      dWeight[a]! += p;
      scaled[s]! += g * w[a]!;
      projected[s]! += p * w[a]!;
    } else if (!together) {
      // two rows at a time where there are two: dWeight and dBias are then read and written half as often
      const next = end + length <= dy.length ? Math.floor(end / statistics.inner) % statistics.channel : -1;
      if (length === affine.channel && next >= 0) {
        reducePair(dy, x, w, start, length, mean, rstd, s, next, { dBias, dWeight, scaled, projected });
        start += length;
        continue;
      }
      let g = 0;
      let p = 0;
      for (let i = start, j = a; i < end; i++, j++) {
        const u = dy[i]!;
        const xHat = (x[i]! - mu) * r;
        const gh = u * w[j]!;
        dBias[j]! += u;
        dWeight[j]! += u * xHat;
        g += gh;
        p += gh * xHat;
      }
      scaled[s]! += g;
      projected[s]! += p;
    } else {
      for (let i = start, k = s, j = a; i < end; i++, k++, j++) {
        const u = dy[i]!;
        const xHat = (x[i]! - mean[k]!) * rstd[k]!;
        dBias[j]! += u;
        dWeight[j]! += u * xHat;
        scaled[k]! += u * w[j]!;
        projected[k]! += u * w[j]! * xHat;
      }
    }
  }
  return { dBias, dWeight, scaled, projected };
}

/** The sums of two neighbouring rows, whose statistics are of the channels s and t. */
function reducePair(
  dy: FloatArray,
  x: FloatArray,
  w: FloatArray,
  start: number,
  length: number,
  mean: Float64Array,
  rstd: Float64Array,
  s: number,
  t: number,
  { dBias, dWeight, scaled, projected }: Sums,
): void {
  const [muS, rS, muT, rT] = [mean[s]!, rstd[s]!, mean[t]!, rstd[t]!];
  let gS = 0;
  let pS = 0;
  let gT = 0;
  let pT = 0;
  for (let j = 0, i = start, k = start + length; j < length; j++, i++, k++) {
    const u = dy[i]!;
    const v = dy[k]!;
    const uHat = u * ((x[i]! - muS) * rS);
    const vHat = v * ((x[k]! - muT) * rT);
    const scale = w[j]!;
    dBias[j]! += u + v;
    dWeight[j]! += uHat + vHat;
    gS += u * scale;
    gT += v * scale;
    pS += uHat * scale;
    pT += vHat * scale;
  }
  scaled[s]! += gS;
  projected[s]! += pS;
  scaled[t]! += gT;
  projected[t]! += pT;
}

function spread(
  dy: FloatArray,
  x: FloatArray,
  w: FloatArray,
  sums: Pick<Sums, 'scaled' | 'projected'>,
  saved: StandardizeSaved,
): FloatArray {
  const { mean, rstd, statistics, affine, own } = saved;
  if (!own) return spreadGiven(dy, w, saved);
  const { scaled, projected } = sums;
  const { length, together, staying } = runsOf(statistics, affine);
  const count = saved.count ?? statistics.outer * statistics.inner;
  const dx = emptyLike(dy);
  for (let start = 0; start < dy.length; start += length) {
    const end = start + length;
    const s = Math.floor(start / statistics.inner) % statistics.channel;
    const a = Math.floor(start / affine.inner) % affine.channel;
    const mu = mean[s]!;
    const r = rstd[s]!;
    const g = scaled[s]! / count;
    const p = (projected[s]! / count) * r;
    if (staying) {
      const wa = w[a]!;
      for (let i = start; i < end; i++) dx[i] = r * (dy[i]! * wa - g - (x[i]! - mu) * p);
    } else if (!together) {
      for (let i = start, j = a; i < end; i++, j++) dx[i] = r * (dy[i]! * w[j]! - g - (x[i]! - mu) * p);
    } else {
      for (let i = start, k = s, j = a; i < end; i++, k++, j++) {
        const xHat = (x[i]! - mean[k]!) * rstd[k]!;
        dx[i] = rstd[k]! * (dy[i]! * w[j]! - scaled[k]! / count - (xHat * projected[k]!) / count);
      }
    }
  }
  return dx;
}

/** Given statistics do not move with x: `dx = rstd dy weight`, whatever x is. */
function spreadGiven(dy: FloatArray, w: FloatArray, { rstd, statistics, affine }: StandardizeSaved): FloatArray {
  const { length, together, staying } = runsOf(statistics, affine);
  const dx = emptyLike(dy);
  for (let start = 0; start < dy.length; start += length) {
    const end = start + length;
    const s = Math.floor(start / statistics.inner) % statistics.channel;
    const a = Math.floor(start / affine.inner) % affine.channel;
    const r = rstd[s]!;
    if (staying) for (let i = start, scale = r * w[a]!; i < end; i++) dx[i] = dy[i]! * scale;
    else if (!together) for (let i = start, j = a; i < end; i++, j++) dx[i] = r * (dy[i]! * w[j]!);
    else for (let i = start, k = s, j = a; i < end; i++, k++, j++) dx[i] = rstd[k]! * (dy[i]! * w[j]!);
  }
  return dx;
}

function emptyLike(values: FloatArray): FloatArray {
  return values instanceof Float64Array ? new Float64Array(values.length) : new Float32Array(values.length);
}

interface Runs {
  readonly length: number;
  /** both channels stay the same along a run */
  readonly staying: boolean;
  /** both advance with the element; otherwise the statistics' stays and the affine one advances */
  readonly together: boolean;
}

function runsOf(statistics: View, affine: View): Runs {
  const fixed = statistics.inner > 1;
  if (affine.inner > 1) return { length: fixed ? Math.min(statistics.inner, affine.inner) : 1, staying: true, together: false };
  if (fixed) return { length: Math.min(statistics.inner, affine.channel), staying: false, together: false };
  return { length: Math.min(statistics.channel, affine.channel), staying: false, together: true };
}
