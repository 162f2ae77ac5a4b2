/**
 * The kernel of mode norm: each value is standardized in every mode and the results are mixed by the gates.
 *
 *     y = weight * (sum over k of gates[k] (x - mean[k]) rstd[k]) + bias
 *
 * Gates do not differ between the positions of a sample and channel (a row), so that there y is affine in x:
 *
 *     y = weight * ((x - pivot) scale + shift) + bias     scale = sum of gates[k] rstd[k]
 *                                                         shift = sum of gates[k] rstd[k] (pivot - mean[k])
 *
 * and x is read twice for the statistics of the rows and once more for y, however many modes there are. The pivot is the
 * mean of the mode with the largest part in the row: with any other number the two terms could cancel. The gates are kept
 * in double: rounded ones would cost digits where pooled values are large.
 */
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { spatialSize } from './_check.ts';
import { type Moments, moments, rstdOf } from './_moments.ts';
import { sharesBackward } from './_shares.ts';
import { groupOf, weightedMoments, weightedMomentsBackward, weightsOf, type WeightedView } from './_weighted-moments.ts';

/** Which way modes are shared out: to samples ("mn"), or to the channels of each sample ("mgn"). */
export type ModeVariant = 'mn' | 'mgn';

/** x, weight, bias, gateWeight and gateBias. */
export type ModeInputs = readonly [Tensor, Tensor | null, Tensor | null, Tensor, Tensor];

/** What y and its derivative are computed from. */
export interface ModeSaved {
  readonly inputs: ModeInputs;
  readonly variant: ModeVariant;
  readonly eps: number;
  readonly view: WeightedView;
  /** Mean and variance of each sample and channel. */
  readonly rowMean: Float64Array;
  readonly rowVariance: Float64Array;
  /** `[units, modes]` */
  readonly gates: Float64Array;
  /** Mean, variance and `1 / sqrt(variance + eps)` of each mode. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly rstd: Float64Array;
  /** The sums of the gates that mean and variance were weighted with; null when these are given. */
  readonly total: Float64Array | null;
}

/** How the rows of x make up groups: the samples of a channel, or the channels of a sample. */
export function modeView(x: Tensor, variant: ModeVariant, modes: number): WeightedView {
  const [samples, channels] = x.shape as [number, number];
  return variant === 'mn'
    ? { groups: { outer: samples, channel: channels, inner: 1 }, modes, share: channels }
    : { groups: { outer: 1, channel: samples, inner: channels }, modes, share: 1 };
}

/** Rows, gates and statistics of a call; `running` are statistics that are given. */
export function modesOf(inputs: ModeInputs, variant: ModeVariant, eps: number, running: Moments | null): ModeSaved {
  const [x, , , gateWeight, gateBias] = inputs;
  const view = modeView(x, variant, gateBias.data.length);
  const rows = moments(x.data, { outer: 1, channel: x.shape[0]! * x.shape[1]!, inner: spatialSize(x) });
  const gates = gatesOf(rows.mean, gateWeight, gateBias, view);
  const own = running ? null : weightedMoments(rows, gates, view);
  const { mean, variance } = running ?? own!;
  const total = own && own.total;
  const rstd = rstdOf(variance, eps);
  // a mode without weight has variance 0 and no part: with an eps of 0 its part would be 0 * Infinity
  if (total) for (let at = 0; at < rstd.length; at++) if (total[at] === 0) rstd[at] = 0;
  return { inputs, variant, eps, view, rowMean: rows.mean, rowVariance: rows.variance, gates, mean, variance, rstd, total };
}

/** `softmax` over the modes of `gateWeight . pooled + gateBias`: of all channels of a sample, or of one. */
function gatesOf(pooled: Float64Array, gateWeight: Tensor, gateBias: Tensor, { modes, share }: WeightedView): Float64Array {
  const gates = new Float64Array((pooled.length / share) * modes);
  for (let unit = 0, at = 0; at < gates.length; unit++, at += modes) {
    let most = -Infinity;
    for (let k = 0; k < modes; k++) {
      let logit = gateBias.data[k]!;
      for (let f = 0; f < share; f++) logit += gateWeight.data[k * share + f]! * pooled[unit * share + f]!;
      gates[at + k] = logit;
      if (logit > most) most = logit;
    }
    let total = 0;
    for (let k = 0; k < modes; k++) total += gates[at + k] = Math.exp(gates[at + k]! - most);
    for (let k = 0; k < modes; k++) gates[at + k]! /= total;
  }
  return gates;
}

/** The affine maps of the rows. */
interface RowMaps {
  readonly pivot: Float64Array;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

function mapsOf({ rowMean, gates, mean, rstd, view }: ModeSaved): RowMaps {
  const pivot = new Float64Array(rowMean.length);
  const scale = new Float64Array(rowMean.length);
  const shift = new Float64Array(rowMean.length);
  const { groups: { channel }, modes } = view;
  for (let r = 0; r < rowMean.length; r++) {
    const group = groupOf(r, view);
    const first = weightsOf(r, view);
    let most = -1;
    for (let k = 0, at = group; k < modes; k++, at += channel) {
      const part = gates[first + k]! * rstd[at]!;
      scale[r]! += part;
      if (part > most) {
        most = part;
        pivot[r] = mean[at]!;
      }
    }
    for (let k = 0, at = group; k < modes; k++, at += channel) shift[r]! += gates[first + k]! * rstd[at]! * (pivot[r]! - mean[at]!);
  }
  return { pivot, scale, shift };
}

/** `y = weight * (sum over k of gates[k] (x - mean[k]) rstd[k]) + bias`. */
export function mixModes(saved: ModeSaved): Tensor {
  const [x, weight, bias] = saved.inputs;
  const { pivot, scale, shift } = mapsOf(saved);
  const channels = x.shape[1]!;
  const inner = spatialSize(x);
  const y = like(x);
  for (let r = 0, i = 0; r < scale.length; r++) {
    const w = weight ? weight.data[r % channels]! : 1;
    const middle = pivot[r]!;
    const slope = scale[r]! * w;
    const level = shift[r]! * w + (bias ? bias.data[r % channels]! : 0);
    for (const end = i + inner; i < end; i++) y.data[i] = (x.data[i]! - middle) * slope + level;
  }
  return y;
}

/**
 * The gradients of x, weight, bias, gateWeight and gateBias; null where `needs` is false. With gh = dy weight, and
 * sums over the positions of a row,
 *
 *     dgates[k]   = sum of gh xHat[k]      and what the statistics of the batch pass on
 *     dmean[k]    = -rstd[k] sum of gates[k] gh      dvariance[k] = -rstd[k]^2 / 2 sum of gates[k] gh xHat[k]
 *     dlogit[k]   = gates[k] (dgates[k] - sum over j of gates[j] dgates[j])
 *
 * and x gets `scale gh` and its part of the mean and variance of its row, the mean being what the gates see.
 */
export function mixModesBackward(dy: Tensor, saved: ModeSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const [x, weight, bias, gateWeight, gateBias] = saved.inputs;
  const { rowMean, gates, rstd, view } = saved;
  const { groups: { channel }, modes } = view;
  const { pivot, scale, shift } = mapsOf(saved);
  const channels = x.shape[1]!;
  const inner = spatialSize(x);
  const dWeight = new Float64Array(channels);
  const dBias = new Float64Array(channels);
  // sums over the positions of gh and of gh (x - pivot)
  const plain = new Float64Array(scale.length);
  const along = new Float64Array(scale.length);
  for (let r = 0, i = 0; r < scale.length; r++) {
    const middle = pivot[r]!;
    let total = 0;
    let projected = 0;
    for (const end = i + inner; i < end; i++) {
      total += dy.data[i]!;
      projected += dy.data[i]! * (x.data[i]! - middle);
    }
    const c = r % channels;
    dBias[c]! += total;
    dWeight[c]! += scale[r]! * projected + shift[r]! * total;
    plain[r] = total * (weight ? weight.data[c]! : 1);
    along[r] = projected * (weight ? weight.data[c]! : 1);
  }
  const dGates = new Float64Array(gates.length);
  const dMean = new Float64Array(rstd.length);
  const dVariance = new Float64Array(rstd.length);
  for (let r = 0; r < scale.length; r++) {
    for (let k = 0, at = groupOf(r, view), g = weightsOf(r, view); k < modes; k++, at += channel, g++) {
      const part = rstd[at]! * (along[r]! + (pivot[r]! - saved.mean[at]!) * plain[r]!);
      dGates[g]! += part;
      dMean[at]! -= rstd[at]! * gates[g]! * plain[r]!;
      dVariance[at]! -= 0.5 * rstd[at]! * rstd[at]! * gates[g]! * part;
    }
  }
  const { mean, variance, total } = saved;
  const rows = { mean: rowMean, variance: saved.rowVariance };
  const back = total && weightedMomentsBackward(dMean, dVariance, rows, gates, { mean, variance, total }, view);
  if (back) for (let g = 0; g < dGates.length; g++) dGates[g]! += back.weights[g]!;
  const toLogits = sharesBackward(gates, dGates, modes);
  const { dGateWeight, dGateBias, dPooled } = linearBackward(toLogits, rowMean, gateWeight, view);
  const dx = needs[0] ? like(x) : null;
  for (let r = 0, i = 0; r < scale.length && dx; r++) {
    const w = scale[r]! * (weight ? weight.data[r % channels]! : 1);
    const middle = rowMean[r]!;
    const level = (dPooled[r]! + (back ? back.mean[r]! : 0)) / inner;
    const slope = back ? (2 * back.variance[r]!) / inner : 0;
    for (const end = i + inner; i < end; i++) dx.data[i] = w * dy.data[i]! + level + slope * (x.data[i]! - middle);
  }
  const found = (values: Float64Array, parameter: Tensor): Tensor => new Tensor(rounded(values, parameter.dtype), parameter.shape);
  return [
    dx,
    needs[1] ? found(dWeight, weight!) : null,
    needs[2] ? found(dBias, bias!) : null,
    needs[3] ? found(dGateWeight, gateWeight) : null,
    needs[4] ? found(dGateBias, gateBias) : null,
  ];
}

function linearBackward(
  dLogits: Float64Array,
  pooled: Float64Array,
  gateWeight: Tensor,
  { modes, share }: WeightedView,
): { dGateWeight: Float64Array; dGateBias: Float64Array; dPooled: Float64Array } {
  const dGateWeight = new Float64Array(modes * share);
  const dGateBias = new Float64Array(modes);
  const dPooled = new Float64Array(pooled.length);
  for (let g = 0; g < dLogits.length; g++) {
    const k = g % modes;
    const first = Math.floor(g / modes) * share;
    dGateBias[k]! += dLogits[g]!;
    for (let f = 0; f < share; f++) {
      dGateWeight[k * share + f]! += dLogits[g]! * pooled[first + f]!;
      dPooled[first + f]! += dLogits[g]! * gateWeight.data[k * share + f]!;
    }
  }
  return { dGateWeight, dGateBias, dPooled };
}
