/** Equalities of the norms of weights. The tensor is the weight. */
import { linear } from '../../../src/nn/linear.ts';
import { mul } from '../../../src/autograd/mul.ts';
import { reshape } from '../../../src/autograd/reshape.ts';
import { sqrt } from '../../../src/autograd/sqrt.ts';
import { square } from '../../../src/autograd/square.ts';
import { sum } from '../../../src/autograd/sum.ts';
import { cosineNorm } from '../../../src/norms/cosine.ts';
import { layerNorm } from '../../../src/norms/layer.ts';
import { rmsNorm } from '../../../src/norms/rms.ts';
import { spectralNorm } from '../../../src/norms/spectral.ts';
import { stableRankNorm } from '../../../src/norms/stable-rank.ts';
import { weightNorm } from '../../../src/norms/weight.ts';
import { weightDemodulation } from '../../../src/norms/weight-demodulation.ts';
import { weightStandardization } from '../../../src/norms/weight-standardization.ts';
import { ones } from '../../../src/tensor/create.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { type Equality, filters, matrices, numbers, rounding } from './equality.ts';

/** Length 1 for each slice along the first axis. */
const unit = (weight: Tensor): Tensor =>
  ones([weight.shape[0]!, ...weight.shape.slice(1).map(() => 1)], { dtype: 'float64' });
const rows = (weight: Tensor): Tensor => reshape(weight, [weight.shape[0]!, -1]);

export const ofWeights: readonly Equality[] = [
  {
    norm: 'weight-standardization',
    given: "with `epsMode: 'inside'` and `unbiased: false`",
    is: 'layer',
    as: 'of each flattened filter',
    shapes: filters,
    left: (weight) => weightStandardization(weight, { epsMode: 'inside', unbiased: false, eps: 1e-5 }),
    right: (weight) => reshape(layerNorm(rows(weight), null, null, { normalizedShape: rows(weight).shape[1]! }), weight.shape),
    within: rounding,
  },
  {
    norm: 'weight',
    given: 'with the lengths of the slices as `weightG`',
    is: null,
    as: 'the identity',
    shapes: filters,
    left: (weight) => {
      const lengths = sqrt(sum(square(rows(weight)), { axis: 1, keepDims: true }));
      return weightNorm(weight, reshape(lengths, unit(weight).shape));
    },
    right: (weight) => mul(weight, 1),
    within: rounding,
  },
  {
    norm: 'weight-demodulation',
    given: 'with a style of ones and `eps: 0`',
    is: 'weight',
    as: 'with lengths of 1, once for each sample',
    shapes: [[3, 2, 3, 3], [4, 5, 2, 1]],
    left: (weight) => weightDemodulation(weight, ones([1, weight.shape[1]!], { dtype: 'float64' }), { eps: 0 }),
    right: (weight) => reshape(weightNorm(weight, unit(weight)), [1, ...weight.shape]),
    within: rounding,
  },
  {
    norm: 'spectral',
    given: "of a matrix with one row, in mode `'svd'`",
    is: 'weight',
    as: 'with a length of 1',
    shapes: [[1, 5], [1, 2, 3]],
    left: (weight) => spectralNorm(weight, null, { mode: 'svd' }),
    right: (weight) => weightNorm(weight, unit(weight)),
    within: rounding,
  },
  {
    norm: 'stable-rank',
    given: "with `rankRatio: 1`, in mode `'svd'`",
    is: 'spectral',
    shapes: filters,
    left: (weight) => stableRankNorm(weight, null, { rankRatio: 1, mode: 'svd' }),
    right: (weight) => spectralNorm(weight, null, { mode: 'svd' }),
    within: rounding,
  },
  {
    norm: 'cosine',
    given: 'of rows of length m',
    is: 'weight',
    as: 'with lengths of 1, in a linear layer behind [RMS norm](norms/rms.md) with `eps: 0`, divided by `sqrt(m)`',
    shapes: matrices,
    left: (x) => cosineNorm(x, numbers(21, 3, x.shape[1]!)),
    right: (x) => {
      const weight = numbers(21, 3, x.shape[1]!);
      return mul(linear(rmsNorm(x, null, { normalizedShape: x.shape[1]!, eps: 0 }), weightNorm(weight, unit(weight))), 1 / Math.sqrt(x.shape[1]!));
    },
    within: rounding,
  },
];
