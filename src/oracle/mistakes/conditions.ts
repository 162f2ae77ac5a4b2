/** The weight and bias that each channel of each sample has in a conditional norm, where they are given in tables. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import type { Case } from '../case.ts';

/** Weight and bias of `[N * C]`; null for a way of conditioning that computes them. */
export function conditionOf(config: Case['config'], params: Tensors, inputs: Tensors): { weight: Float64Array; bias: Float64Array } | null {
  const { labels, styleWeights, deltaWeight, deltaBias } = inputs;
  const [samples, channels] = inputs.x!.shape as [number, number];
  const each = (value: (n: number, c: number) => number): Float64Array =>
    Float64Array.from({ length: samples * channels }, (_, i) => value(Math.floor(i / channels), i % channels));
  const of = (name: 'weight' | 'bias', value: (table: ArrayLike<number>, n: number, c: number) => number): Float64Array =>
    each((n, c) => value(params[name]!.data, n, c));
  const both = (value: (table: ArrayLike<number>, n: number, c: number) => number) => ({ weight: of('weight', value), bias: of('bias', value) });
  if (labels) return both((table, n, c) => table[labels.data[n]! * channels + c]!);
  if (styleWeights) {
    const styles = params.weight!.shape[0]!;
    const shared = styleWeights.shape.length === 1;
    return both((table, n, c) => {
      let mixed = 0;
      for (let k = 0; k < styles; k++) mixed += styleWeights.data[(shared ? 0 : n * styles) + k]! * table[k * channels + c]!;
      return mixed;
    });
  }
  if (config.conditioning !== 'direct' || !deltaWeight || !deltaBias) return null;
  return {
    weight: each((n, c) => params.weight!.data[c]! + deltaWeight.data[n * channels + c]!),
    bias: each((n, c) => params.bias!.data[c]! + deltaBias.data[n * channels + c]!),
  };
}

/** Standard deviation and mean of the style of each channel, of each sample or of all. */
export function styleOf(config: Case['config'], inputs: Tensors): { std: Float64Array; mean: Float64Array } {
  const { style, styleMean, styleStd } = inputs;
  if (!style) return { std: Float64Array.from(styleStd!.data), mean: Float64Array.from(styleMean!.data) };
  const { eps = 1e-5, styleEps = eps, unbiased = false } = config as { eps?: number; styleEps?: number; unbiased?: boolean };
  const length = style.data.length / (style.shape[0]! * style.shape[1]!);
  const channels = style.data.length / length;
  const mean = new Float64Array(channels);
  const std = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const values = Float64Array.from(style.data.subarray(c * length, (c + 1) * length));
    const mu = values.reduce((t, v) => t + v, 0) / length;
    mean[c] = mu + values.reduce((t, v) => t + (v - mu), 0) / length;
    std[c] = Math.sqrt(values.reduce((t, v) => t + (v - mean[c]!) ** 2, 0) / (length - (unbiased ? 1 : 0)) + styleEps);
  }
  return { std, mean };
}
