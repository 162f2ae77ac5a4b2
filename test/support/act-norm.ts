/** What the tests of ActNorm share: its options in combination, and first batches. */
import type { Arbitrary } from 'fast-check';
import { ActNorm, type ActNormOptions } from '../../src/norms/activation.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { tensors } from './tensor-arbitrary.ts';

/** Every order and parameterization. */
export const variants: readonly ActNormOptions[] = [
  {},
  { order: 'biasFirst' },
  { parameterization: 'log' },
  { order: 'biasFirst', parameterization: 'log', logscaleFactor: 3, initScale: 0.5, unbiased: true },
];

/** Batches of two or more values in each of three channels, with a spread. */
export const batches: Arbitrary<Tensor> = tensors({
  minRank: 2,
  maxRank: 4,
  minExtent: 2,
  maxExtent: 4,
  extents: [undefined, 3],
  among: ['benign', 'outlier'],
}).map((made) => {
  const x = made.tensor();
  // the last value of each channel away from all others
  const inner = x.data.length / (x.shape[0]! * 3);
  for (let c = 0; c < 3; c++) x.data[((x.shape[0]! - 1) * 3 + c) * inner + inner - 1] = 5 + c;
  return x;
});

/** A norm of three channels in float64 that nothing has set. */
export function fresh(options: ActNormOptions = {}): ActNorm {
  return new ActNorm(3, { ...options, dtype: 'float64' });
}
