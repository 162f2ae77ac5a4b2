/**
 * The kernel of batch-channel norm: standardize each channel, `u = slope (x - mean) + shift`, and then u over the groups
 * of each sample.
 *
 * Within a row, the positions of one sample and channel, both stages are affine in x, so that neither u nor a
 * normalized value is ever stored: the result is `(x - rowMean) scale + level` with two numbers for each row. All
 * statistics follow from mean and variance of the rows. Those of a channel over the batch, and those of u over a group,
 * are the mean of the variances within rows plus the spread between rows; nothing is a difference of mean squares.
 * The backward takes two sums of each row and two of each group, and is affine in dy and x again.
 */
import type { FloatArray } from '../tensor/dtype.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { spatialSize } from './_check.ts';
import { type Moments, moments } from './_moments.ts';

/** Statistics of each row. */
export interface Rows {
  readonly rowMean: FloatArray;
  /** Biased; null where a row is a single value, and so its own mean. */
  readonly rowVariance: Float64Array | null;
}

/** The first stage. */
export interface ChannelStage extends Rows {
  /** x, bnWeight, bnBias, weight and bias. */
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null, Tensor | null, Tensor | null];
  readonly numGroups: number;
  /** Mean and `1 / sqrt(variance + bnEps)` of each channel. */
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
}

/** Both stages: what the backward needs. */
export interface BatchChannelSaved extends ChannelStage {
  /** Mean of u, and `1 / sqrt(variance + eps)`, of each sample's groups. */
  readonly groupMean: Float64Array;
  readonly groupRstd: Float64Array;
  /** Whether mean and rstd of the channels were computed from x (and so depend on it), or given. */
  readonly own: boolean;
}

/** Mean and variance of each sample and channel of `[N, C, ...spatial]`. */
export function rowsOf(x: Tensor): Rows {
  const inner = spatialSize(x);
  if (inner === 1) return { rowMean: x.data, rowVariance: null };
  const { mean, variance } = moments(x.data, { outer: 1, channel: x.shape[0]! * x.shape[1]!, inner });
  return { rowMean: mean, rowVariance: variance };
}

/** Mean and biased variance of each channel over the batch and all positions. */
export function channelMoments({ rowMean, rowVariance }: Rows, x: Tensor): Moments {
  const [samples, channels] = x.shape as [number, number];
  const { mean, variance } = moments(rowMean, { outer: samples, channel: channels, inner: 1 });
  if (rowVariance) for (let s = 0; s < rowVariance.length; s++) variance[s % channels]! += rowVariance[s]! / samples;
  return { mean, variance };
}

/** Mean and biased variance of u over each sample's groups. */
export function groupMoments(stage: ChannelStage): Moments {
  const { rowMean, rowVariance, mean: centre, numGroups } = stage;
  const { slope, shift } = affineOf(stage);
  const channels = slope.length;
  const size = channels / numGroups;
  const level = new Float64Array(rowMean.length);
  for (let s = 0, c = 0; s < level.length; s++, c++) {
    if (c === channels) c = 0;
    level[s] = slope[c]! * (rowMean[s]! - centre[c]!) + shift[c]!;
  }
  const { mean, variance } = moments(level, { outer: 1, channel: level.length / size, inner: size });
  if (!rowVariance) return { mean, variance };
  for (let k = 0, s = 0; k < mean.length; k++) {
    const first = (k % numGroups) * size;
    let within = 0;
    for (let c = first; c < first + size; c++, s++) within += slope[c]! * slope[c]! * rowVariance[s]!;
    variance[k]! += within / size;
  }
  return { mean, variance };
}

/** `y = (u - groupMean) groupRstd weight + bias`, in one pass over x. */
export function batchChannel(saved: BatchChannelSaved): Tensor {
  const { inputs, numGroups, rowMean, mean, groupMean, groupRstd } = saved;
  const [x, , , weight, bias] = inputs;
  const { slope, shift } = affineOf(saved);
  const size = slope.length / numGroups;
  const inner = spatialSize(x);
  const data = x.data;
  const y = like(x);
  const out = y.data;
  for (let k = 0, s = 0, i = 0; k < groupMean.length; k++) {
    const g = k % numGroups;
    const gain = groupRstd[k]! * (weight ? weight.data[g]! : 1);
    const base = bias ? bias.data[g]! : 0;
    for (let c = g * size; c < (g + 1) * size; c++, s++) {
      const mu = rowMean[s]!;
      const scale = slope[c]! * gain;
      const level = (slope[c]! * (mu - mean[c]!) + shift[c]! - groupMean[k]!) * gain + base;
      for (const end = i + inner; i < end; i++) out[i] = (data[i]! - mu) * scale + level;
    }
  }
  return y;
}

/**
 * The gradients of x, bnWeight, bnBias, weight and bias; null where `needs` is false. With M values in a channel,
 *
 *     h  = dy weight                  du = groupRstd (h - mean(h) - vHat mean(h vHat))       means over the group
 *     dBias = sum dy                  dWeight = sum dy vHat                                  of each group
 *     dBnBias = sum du                dBnWeight = sum du xHat                                of each channel
 *     dx = slope (du - dBnBias / M - xHat dBnWeight / M)      or slope du, where mean and rstd were given
 */
export function batchChannelBackward(dy: Tensor, saved: BatchChannelSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const [x, bnWeight, bnBias, weight, bias] = saved.inputs;
  const sums = sumsOf(dy.data, saved);
  const tensorLike = (values: Float64Array, parameter: Tensor): Tensor => new Tensor(rounded(values, parameter.dtype), parameter.shape);
  return [
    needs[0] ? new Tensor(inputGradient(dy, saved, sums), x.shape) : null,
    needs[1] ? tensorLike(sums.dBnWeight, bnWeight!) : null,
    needs[2] ? tensorLike(sums.dBnBias, bnBias!) : null,
    needs[3] ? tensorLike(sums.dWeight, weight!) : null,
    needs[4] ? tensorLike(sums.dBias, bias!) : null,
  ];
}

/** The gradients of the parameters, and of each sample's groups the means of h and of h vHat. */
interface BatchChannelSums {
  readonly dBnWeight: Float64Array;
  readonly dBnBias: Float64Array;
  readonly dWeight: Float64Array;
  readonly dBias: Float64Array;
  readonly scaled: Float64Array;
  readonly projected: Float64Array;
}

function sumsOf(dy: FloatArray, saved: BatchChannelSaved): BatchChannelSums {
  const { inputs, numGroups, rowMean, rowVariance, mean, rstd, groupMean, groupRstd } = saved;
  const [x, , , weight] = inputs;
  const { slope, shift } = affineOf(saved);
  const size = slope.length / numGroups;
  const inner = spatialSize(x);
  const data = x.data;
  const dBnWeight = new Float64Array(slope.length);
  const dBnBias = new Float64Array(slope.length);
  const dWeight = new Float64Array(numGroups);
  const dBias = new Float64Array(numGroups);
  const scaled = new Float64Array(groupMean.length);
  const projected = new Float64Array(groupMean.length);
  // of each row of a group: sum of dy, and of dy (x - rowMean)
  const totals = new Float64Array(size);
  const alongs = new Float64Array(size);
  for (let k = 0, s = 0, i = 0; k < groupMean.length; k++) {
    const g = k % numGroups;
    const first = g * size;
    const r = groupRstd[k]!;
    const w = weight ? weight.data[g]! : 1;
    const start = s;
    let sum = 0;
    let along = 0;
    for (let c = first; c < first + size; c++, s++) {
      const mu = rowMean[s]!;
      let t0 = 0;
      let t1 = 0;
      let p0 = 0;
      let p1 = 0;
      const end = i + inner;
      for (; i < end - 1; i += 2) {
        const a = dy[i]!;
        const b = dy[i + 1]!;
        t0 += a;
        t1 += b;
        p0 += a * (data[i]! - mu);
        p1 += b * (data[i + 1]! - mu);
      }
      if (i < end) {
        t0 += dy[i]!;
        p0 += dy[i]! * (data[i]! - mu);
        i++;
      }
      const total = t0 + t1;
      const p = p0 + p1;
      totals[c - first] = total;
      alongs[c - first] = p;
      sum += total;
      along += r * (slope[c]! * p + (slope[c]! * (mu - mean[c]!) + shift[c]! - groupMean[k]!) * total);
    }
    dBias[g]! += sum;
    dWeight[g]! += along;
    const h = (scaled[k] = (w * sum) / (size * inner));
    const hv = (projected[k] = (w * along) / (size * inner));
    for (let c = first, row = start; c < first + size; c++, row++) {
      const mu = rowMean[row]!;
      const away = mu - mean[c]!;
      const level = h + hv * r * (slope[c]! * away + shift[c]! - groupMean[k]!);
      const tilt = hv * r * slope[c]!;
      // sums of du and of du (x - rowMean) over the row
      let du = r * (w * totals[c - first]! - inner * level);
      let duAlong = rowVariance ? r * (w * alongs[c - first]! - inner * tilt * rowVariance[row]!) : 0;
      if (inner <= 2) {
        // two values in a group and in a channel: both stages take nearly all away, of a rounding error only if it is the
        // same here as in dx
        du = 0;
        duAlong = 0;
        for (let e = row * inner; e < (row + 1) * inner; e++) {
          const x0 = data[e]! - mu;
          const value = r * (w * dy[e]! - level - tilt * x0);
          du += value;
          duAlong += value * x0;
        }
      }
      dBnBias[c]! += du;
      dBnWeight[c]! += rstd[c]! * (duAlong + away * du);
    }
  }
  return { dBnWeight, dBnBias, dWeight, dBias, scaled, projected };
}

/** dx, which within a row is affine in dy and in x. */
function inputGradient(dy: Tensor, saved: BatchChannelSaved, sums: BatchChannelSums): FloatArray {
  const { inputs, numGroups, rowMean, mean, rstd, groupMean, groupRstd, own } = saved;
  const [x, , , weight] = inputs;
  const { slope, shift } = affineOf(saved);
  const size = slope.length / numGroups;
  const inner = spatialSize(x);
  const count = x.shape[0]! * inner;
  const data = x.data;
  const upper = dy.data;
  const dx = like(x).data;
  for (let k = 0, s = 0, i = 0; k < groupMean.length; k++) {
    const g = k % numGroups;
    const r = groupRstd[k]!;
    const w = weight ? weight.data[g]! : 1;
    const hv = sums.projected[k]!;
    for (let c = g * size; c < (g + 1) * size; c++, s++) {
      const mu = rowMean[s]!;
      const a = slope[c]!;
      const away = mu - mean[c]!;
      const level = sums.scaled[k]! + hv * r * (a * away + shift[c]! - groupMean[k]!);
      const tilt = hv * r * a;
      // given statistics do not move with x: their terms are 0, also where the sums are infinite
      const bend = own ? (rstd[c]! * sums.dBnWeight[c]!) / count : 0;
      const base = own ? sums.dBnBias[c]! / count + bend * away : 0;
      for (const end = i + inner; i < end; i++) {
        const x0 = data[i]! - mu;
        dx[i] = a * (r * (w * upper[i]! - level - tilt * x0) - (base + bend * x0));
      }
    }
  }
  return dx;
}

/** The first stage as `u = slope (x - mean) + shift`. */
function affineOf({ inputs: [, bnWeight, bnBias], rstd }: ChannelStage): { slope: Float64Array; shift: Float64Array } {
  return {
    slope: bnWeight ? rstd.map((value, c) => value * bnWeight.data[c]!) : rstd,
    shift: bnBias ? Float64Array.from(bnBias.data) : new Float64Array(rstd.length),
  };
}
