/**
 * A layer norm in plain loops with a backward of its own, and the mistakes one can make in it: what a derivative check
 * is worth is what it notices.
 */
import { type Op, record } from '../../src/autograd/record.ts';
import { zeros } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Mistakes of a backward, by what they do. `none` is the right one. */
export const mistakes = [
  'mean of dy dropped', 'mean of dy xHat dropped', 'both means dropped', 'both means over n - 1', 'mean of dy over n - 1',
  'mean of dy xHat over n - 1', 'mean of dy not divided', 'mean of dy xHat not divided', 'sign of the mean of dy',
  'sign of the mean of dy xHat', 'mean of dy xHat twice', 'mean over the whole tensor', 'eps outside the root', 'eps dropped',
  'eps doubled', 'eps squared', 'xHat without eps', 'rstd of the unbiased variance', 'rstd squared', 'y in place of xHat',
  'centred x in place of xHat', 'weight of the neighbour', 'weight dropped', 'weight after the means', 'weight missing in the means',
  'dWeight from y', 'dWeight from centred x', 'dWeight a mean', 'dWeight of the last slice', 'dBias a mean',
  'dBias of the last slice', 'last element skipped', 'clipped at 1', 'zero',
] as const;

export type Mistake = (typeof mistakes)[number] | 'none';

interface Saved {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly eps: number;
  readonly mistake: Mistake;
}

/** Layer norm over the last axis of a matrix, in float64, whose backward has a mistake. */
export function wrongNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number, mistake: Mistake): Tensor {
  const [rows, n] = x.shape as [number, number];
  const y = zeros(x.shape, { dtype: 'float64' });
  for (let row = 0; row < rows; row++) {
    const { mean, rstd } = statistics(x, row, n, (v) => 1 / Math.sqrt(v + eps));
    for (let j = 0, i = row * n; j < n; j++, i++) y.data[i] = (x.data[i]! - mean) * rstd * weight.data[j]! + bias.data[j]!;
  }
  return record(wrongOp, [x, weight, bias], { x, weight, bias, eps, mistake }, y);
}

const wrongOp: Op<Saved> = {
  name: 'wrongNorm',
  pullback(dy, { x, weight, bias, eps, mistake }) {
    const is = (...names: readonly Mistake[]): boolean => names.includes(mistake);
    const [rows, n] = x.shape as [number, number];
    const dx = zeros(x.shape, { dtype: 'float64' });
    const dWeight = zeros([n], { dtype: 'float64' });
    const dBias = zeros([n], { dtype: 'float64' });
    const total = Array.from(dy.data).reduce((sum, g, i) => sum + g * weight.data[i % n]!, 0);
    for (let row = 0; row < rows; row++) {
      const { mean, rstd } = statistics(x, row, n, (v) => {
        if (is('eps outside the root')) return 1 / (Math.sqrt(v) + eps);
        if (is('eps dropped')) return 1 / Math.sqrt(v);
        if (is('eps doubled')) return 1 / Math.sqrt(v + 2 * eps);
        if (is('eps squared')) return 1 / Math.sqrt(v + eps * eps);
        if (is('rstd of the unbiased variance')) return 1 / Math.sqrt((v * n) / (n - 1) + eps);
        return 1 / Math.sqrt(v + eps);
      });
      const bare = statistics(x, row, n, (v) => 1 / Math.sqrt(v)).rstd;
      const xHat = (i: number, j: number): number => {
        const centred = x.data[i]! - mean;
        if (is('xHat without eps')) return centred * bare;
        if (is('y in place of xHat')) return centred * rstd * weight.data[j]! + bias.data[j]!;
        return is('centred x in place of xHat') ? centred : centred * rstd;
      };
      const scale = (j: number): number => {
        if (is('weight dropped', 'weight after the means')) return 1;
        return weight.data[is('weight of the neighbour') ? (j + 1) % n : j]!;
      };
      let g = 0;
      let p = 0;
      for (let j = 0, i = row * n; j < n; j++, i++) {
        const u = dy.data[i]!;
        const inside = is('weight missing in the means') ? u : u * scale(j);
        g += inside;
        p += inside * xHat(i, j);
        const slice = row === rows - 1 ? 1 : 0;
        const forWeight = is('dWeight from y') ? (x.data[i]! - mean) * rstd * weight.data[j]! + bias.data[j]! : is('dWeight from centred x') ? x.data[i]! - mean : (x.data[i]! - mean) * rstd;
        dWeight.data[j]! += u * forWeight * (is('dWeight of the last slice') ? slice : is('dWeight a mean') ? 1 / rows : 1);
        dBias.data[j]! += u * (is('dBias of the last slice') ? slice : is('dBias a mean') ? 1 / rows : 1);
      }
      const nG = is('both means over n - 1', 'mean of dy over n - 1') ? n - 1 : is('mean of dy not divided') ? 1 : n;
      const nP = is('both means over n - 1', 'mean of dy xHat over n - 1') ? n - 1 : is('mean of dy xHat not divided') ? 1 : n;
      g = is('mean over the whole tensor') ? total / (rows * n) : g / nG;
      p /= nP;
      if (is('mean of dy dropped', 'both means dropped')) g = 0;
      if (is('mean of dy xHat dropped', 'both means dropped')) p = 0;
      if (is('sign of the mean of dy')) g = -g;
      if (is('sign of the mean of dy xHat')) p = -p;
      if (is('mean of dy xHat twice')) p *= 2;
      for (let j = 0, i = row * n; j < n; j++, i++) {
        if (is('zero') || (is('last element skipped') && i === rows * n - 1)) continue;
        let value = rstd * (dy.data[i]! * scale(j) - g - xHat(i, j) * p);
        if (is('weight after the means')) value *= weight.data[j]!;
        if (is('rstd squared')) value *= rstd;
        dx.data[i] = is('clipped at 1') ? Math.max(-1, Math.min(1, value)) : value;
      }
    }
    return [dx, dWeight, dBias];
  },
};

function statistics(x: Tensor, row: number, n: number, rstdOf: (variance: number) => number): { mean: number; rstd: number } {
  let mean = 0;
  for (let i = row * n; i < (row + 1) * n; i++) mean += x.data[i]!;
  mean /= n;
  let off = 0;
  for (let i = row * n; i < (row + 1) * n; i++) off += x.data[i]! - mean;
  mean += off / n;
  let variance = 0;
  for (let i = row * n; i < (row + 1) * n; i++) variance += (x.data[i]! - mean) ** 2;
  return { mean, rstd: rstdOf(variance / n) };
}
