/**
 * Norms in plain loops with a backward of their own, and the mistakes one can make in it: what a derivative check is
 * worth is what it notices.
 */
import { type Op, record } from '../../src/autograd/record.ts';
import { like } from '../../src/tensor/like.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Mistakes of a backward, by what they do. */
export const mistakes = [
  'mean of dy dropped', 'mean of dy xHat dropped', 'both means dropped', 'both means over n - 1', 'mean of dy over n - 1',
  'mean of dy xHat over n - 1', 'mean of dy not divided', 'mean of dy xHat not divided', 'sign of the mean of dy',
  'sign of the mean of dy xHat', 'mean of dy xHat twice', 'means over the whole tensor', 'eps outside the root', 'eps dropped',
  'eps doubled', 'eps squared', 'xHat without eps', 'rstd of the unbiased variance', 'rstd squared', 'y in place of xHat',
  'centred x in place of xHat', 'weight of the neighbour', 'weight dropped', 'weight after the means', 'weight missing in the means',
  'dWeight from y', 'dWeight from centred x', 'dWeight a mean', 'dWeight of the last sample', 'dBias a mean',
  'dBias of the last sample', 'last n mod 4 elements skipped', 'clipped at 1', 'zero',
] as const;

/** `none` is the right backward. */
export type Mistake = (typeof mistakes)[number] | 'none';

/** Which elements of `[samples, channels, positions]` share statistics, and which share a weight. */
export const arrangements = ['layer', 'batch', 'instance', 'group'] as const;
export type Arrangement = (typeof arrangements)[number];

/** For each element the slice that its statistics run over, and its weight. */
export interface Layout {
  readonly slice: Int32Array;
  readonly slices: number;
  readonly affine: Int32Array;
  readonly weights: number;
}

/** Where the elements of a shape belong. A group is half of the channels, or all when they are odd. */
export function layoutOf([samples, channels, positions]: readonly [number, number, number], arrangement: Arrangement): Layout {
  const size = samples * channels * positions;
  const groups = { layer: 1, batch: channels, instance: channels, group: channels % 2 === 0 ? 2 : 1 }[arrangement];
  const slice = new Int32Array(size);
  const affine = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const sample = Math.floor(i / (channels * positions));
    const channel = Math.floor(i / positions) % channels;
    const group = Math.floor(channel / (channels / groups));
    slice[i] = arrangement === 'batch' ? channel : sample * groups + group;
    affine[i] = arrangement === 'layer' ? i % (channels * positions) : channel;
  }
  return {
    slice,
    slices: arrangement === 'batch' ? channels : samples * groups,
    affine,
    weights: arrangement === 'layer' ? channels * positions : channels,
  };
}

/** Mean and biased variance of each slice, in two passes. */
export function slicesOf(x: Tensor, { slice, slices }: Layout): { mean: Float64Array; variance: Float64Array } {
  const count = x.data.length / slices;
  const mean = new Float64Array(slices);
  const variance = new Float64Array(slices);
  const off = new Float64Array(slices);
  for (let i = 0; i < slice.length; i++) mean[slice[i]!]! += x.data[i]! / count;
  for (let i = 0; i < slice.length; i++) off[slice[i]!]! += (x.data[i]! - mean[slice[i]!]!) / count;
  for (let s = 0; s < slices; s++) mean[s]! += off[s]!;
  for (let i = 0; i < slice.length; i++) variance[slice[i]!]! += (x.data[i]! - mean[slice[i]!]!) ** 2 / count;
  return { mean, variance };
}

interface Saved {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly layout: Layout;
  readonly eps: number;
  readonly mistake: Mistake;
}

/** `y = (x - mean) / sqrt(variance + eps) * weight + bias`, whose backward has a mistake. */
export function wrongNorm(x: Tensor, weight: Tensor, bias: Tensor, layout: Layout, eps: number, mistake: Mistake): Tensor {
  const { slice, affine } = layout;
  const { mean, variance } = slicesOf(x, layout);
  const y = like(x);
  for (let i = 0; i < y.data.length; i++) {
    const xHat = (x.data[i]! - mean[slice[i]!]!) / Math.sqrt(variance[slice[i]!]! + eps);
    y.data[i] = xHat * weight.data[affine[i]!]! + bias.data[affine[i]!]!;
  }
  return record(wrongOp, [x, weight, bias], { x, weight, bias, layout, eps, mistake }, y);
}

const wrongOp: Op<Saved> = {
  name: 'wrongNorm',
  pullback(dy, { x, weight, bias, layout, eps, mistake }) {
    const is = (...names: readonly Mistake[]): boolean => names.includes(mistake);
    const { slice, slices, affine, weights } = layout;
    const { mean, variance } = slicesOf(x, layout);
    const size = x.data.length;
    const n = size / slices;
    const rstd = variance.map((v) => {
      if (is('eps outside the root')) return 1 / (Math.sqrt(v) + eps);
      if (is('eps dropped')) return 1 / Math.sqrt(v);
      if (is('eps doubled')) return 1 / Math.sqrt(v + 2 * eps);
      if (is('eps squared')) return 1 / Math.sqrt(v + eps * eps);
      if (is('rstd of the unbiased variance')) return 1 / Math.sqrt((v * n) / (n - 1) + eps);
      return 1 / Math.sqrt(v + eps);
    });
    const centred = (i: number): number => x.data[i]! - mean[slice[i]!]!;
    const xHat = (i: number): number => centred(i) * rstd[slice[i]!]!;
    const output = (i: number): number => xHat(i) * weight.data[affine[i]!]! + bias.data[affine[i]!]!;
    const forMean = (i: number): number => {
      if (is('xHat without eps')) return centred(i) / Math.sqrt(variance[slice[i]!]!);
      if (is('y in place of xHat')) return output(i);
      return is('centred x in place of xHat') ? centred(i) : xHat(i);
    };
    const forWeight = is('dWeight from y') ? output : is('dWeight from centred x') ? centred : xHat;
    const scaled = (i: number): number => {
      if (is('weight dropped', 'weight after the means')) return dy.data[i]!;
      return dy.data[i]! * weight.data[is('weight of the neighbour') ? (affine[i]! + 1) % weights : affine[i]!]!;
    };

    const dx = like(x);
    const dWeight = like(weight);
    const dBias = like(bias);
    const g = new Float64Array(slices);
    const p = new Float64Array(slices);
    const end = is('last n mod 4 elements skipped') ? size - (size % 4) : size;
    const last = size - size / x.shape[0]!;
    const share = weights / size;
    for (let i = 0; i < end; i++) {
      const inside = is('weight missing in the means') ? dy.data[i]! : scaled(i);
      g[slice[i]!]! += inside;
      p[slice[i]!]! += inside * forMean(i);
      if (i >= last || !is('dWeight of the last sample')) dWeight.data[affine[i]!]! += dy.data[i]! * forWeight(i) * (is('dWeight a mean') ? share : 1);
      if (i >= last || !is('dBias of the last sample')) dBias.data[affine[i]!]! += dy.data[i]! * (is('dBias a mean') ? share : 1);
    }
    if (is('means over the whole tensor')) for (const sums of [g, p]) sums.fill(sums.reduce((a, b) => a + b) / slices);
    for (let s = 0; s < slices; s++) {
      g[s]! /= is('both means over n - 1', 'mean of dy over n - 1') ? n - 1 : is('mean of dy not divided') ? 1 : n;
      p[s]! /= is('both means over n - 1', 'mean of dy xHat over n - 1') ? n - 1 : is('mean of dy xHat not divided') ? 1 : n;
      if (is('mean of dy dropped', 'both means dropped')) g[s] = 0;
      if (is('mean of dy xHat dropped', 'both means dropped')) p[s] = 0;
      if (is('sign of the mean of dy')) g[s] = -g[s]!;
      if (is('sign of the mean of dy xHat')) p[s] = -p[s]!;
      if (is('mean of dy xHat twice')) p[s]! *= 2;
    }
    for (let i = 0; i < (is('zero') ? 0 : end); i++) {
      let value = rstd[slice[i]!]! * (scaled(i) - g[slice[i]!]! - forMean(i) * p[slice[i]!]!);
      if (is('weight after the means')) value *= weight.data[affine[i]!]!;
      if (is('rstd squared')) value *= rstd[slice[i]!]!;
      dx.data[i] = is('clipped at 1') ? Math.max(-1, Math.min(1, value)) : value;
    }
    return [dx, dWeight, dBias];
  },
};
