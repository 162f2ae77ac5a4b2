/** Equalities of the norms whose affine step depends on a condition, and of those over a window. */
import { concat } from '../../../src/autograd/concat.ts';
import { permute } from '../../../src/autograd/permute.ts';
import { reshape } from '../../../src/autograd/reshape.ts';
import { slice } from '../../../src/autograd/slice.ts';
import { adaptiveInstanceNorm } from '../../../src/norms/adaptive-instance.ts';
import { batchNorm } from '../../../src/norms/batch.ts';
import { conditionalBatchNorm } from '../../../src/norms/conditional-batch.ts';
import { conditionalInstanceNorm } from '../../../src/norms/conditional-instance.ts';
import { filterResponseNorm } from '../../../src/norms/filter-response.ts';
import { instanceNorm } from '../../../src/norms/instance.ts';
import { layerNorm } from '../../../src/norms/layer.ts';
import { localContrastNorm } from '../../../src/norms/local-contrast.ts';
import { localResponseNorm } from '../../../src/norms/local-response.ts';
import { rmsNorm } from '../../../src/norms/rms.ts';
import type { Shape } from '../../../src/tensor/shape.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { type Equality, images, numbers, rounding, single } from './equality.ts';

const [weight, bias] = [numbers(11, 4), numbers(12, 4)];
/** A row for each of two styles, and the style of each sample. */
const [weights, biases] = [numbers(13, 2, 4), numbers(14, 2, 4)];
const stylesOf = (x: Tensor): number[] => Array.from({ length: x.shape[0]! }, (_, n) => n % 2);
const row = (table: Tensor, s: number): Tensor => reshape(slice(table, 0, s, s + 1), [4]);
const rowsOf = (table: Tensor, x: Tensor): Tensor => concat(stylesOf(x).map((s) => slice(table, 0, s, s + 1)), 0);

const pictures: readonly Shape[] = [[2, 3, 4, 5], [1, 2, 3, 3]];
/** A box that takes in every position from each, and nothing to keep a divisor from being small. */
const everything = { kernelSize: [11, 11], window: 'box', threshold: 1e-30, eps: 1e-30 } as const;
const last = (x: Tensor): Tensor => permute(x, [0, 2, 3, 1]);
const first = (x: Tensor): Tensor => permute(x, [0, 3, 1, 2]);

export const conditioned: readonly Equality[] = [
  {
    norm: 'conditional-instance',
    given: 'of each sample',
    is: 'instance',
    as: 'with the rows of its style as weight and bias',
    shapes: images,
    left: (x) => conditionalInstanceNorm(x, stylesOf(x), weights, biases),
    right: (x) =>
      concat(stylesOf(x).map((s, n) => instanceNorm(slice(x, 0, n, n + 1), row(weights, s), row(biases, s))), 0),
    within: 0,
  },
  {
    norm: 'conditional-instance',
    given: '',
    is: 'adaptive-instance',
    as: 'whose style is the rows that the labels choose',
    shapes: images,
    left: (x) => conditionalInstanceNorm(x, stylesOf(x), weights, biases),
    right: (x) => adaptiveInstanceNorm(x, { styleMean: rowsOf(biases, x), styleStd: rowsOf(weights, x) }),
    within: rounding,
  },
  {
    norm: 'conditional-batch',
    given: 'by lookup, of one sample',
    is: 'conditional-instance',
    shapes: single,
    left: (x) => conditionalBatchNorm(x, [1], { weight: weights, bias: biases }, null, { conditioning: 'lookup' }),
    right: (x) => conditionalInstanceNorm(x, [1], weights, biases),
    within: rounding,
  },
  {
    norm: 'conditional-batch',
    given: 'by lookup, when all samples are of one class',
    is: 'batch',
    as: 'with the row of that class as weight and bias',
    shapes: images,
    left: (x) =>
      conditionalBatchNorm(x, stylesOf(x).map(() => 1), { weight: weights, bias: biases }, null, { conditioning: 'lookup' }),
    right: (x) => batchNorm(x, row(weights, 1), row(biases, 1)),
    within: rounding,
  },
  {
    norm: 'adaptive-instance',
    given: 'with one style for all samples',
    is: 'instance',
    as: 'with the style\'s standard deviation as weight and its mean as bias',
    shapes: images,
    left: (x) => {
      const all = (values: Tensor): Tensor => concat(stylesOf(x).map(() => reshape(values, [1, 4])), 0);
      return adaptiveInstanceNorm(x, { styleMean: all(bias), styleStd: all(weight) });
    },
    right: (x) => instanceNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'local-response',
    given: 'with a window over all channels, `beta: 0.5`, `divideBySize: false`, `alpha` one over the number of channels',
    is: 'rms',
    as: 'over the channels, with `k` as eps',
    shapes: pictures,
    left: (x) =>
      localResponseNorm(x, { size: 2 * x.shape[1]! + 1, alpha: 1 / x.shape[1]!, beta: 0.5, k: 1e-3, divideBySize: false }),
    right: (x) => first(rmsNorm(last(x), null, { normalizedShape: x.shape[1]!, eps: 1e-3 })),
    within: rounding,
  },
  {
    norm: 'local-response',
    given: 'within channels, with a window over all m positions, `beta: 0.5`, `divideBySize: false`, `alpha: 1 / m`',
    is: 'filter-response',
    as: 'without threshold, weight and bias, with `k` as eps',
    shapes: pictures,
    left: (x) => {
      const positions = x.shape[2]! * x.shape[3]!;
      const options = { size: 11, alpha: 1 / positions, beta: 0.5, k: 1e-3, divideBySize: false } as const;
      return localResponseNorm(x, { ...options, normRegion: 'withinChannel' });
    },
    right: (x) => filterResponseNorm(x, null, null, null, null, { eps: 1e-3 }),
    within: rounding,
  },
  {
    norm: 'local-contrast',
    given: 'with a box that takes in the whole image, and a tiny threshold and eps',
    is: 'layer',
    as: 'over `[C, ...spatial]`, with `eps: 0`',
    shapes: pictures,
    left: (x) => localContrastNorm(x, everything),
    right: (x) => layerNorm(x, null, null, { normalizedShape: x.shape.slice(1), eps: 0 }),
    within: rounding,
  },
  {
    norm: 'local-contrast',
    given: 'with such a box and `acrossChannels: false`',
    is: 'instance',
    as: 'with `eps: 0`',
    shapes: pictures,
    left: (x) => localContrastNorm(x, { ...everything, acrossChannels: false }),
    right: (x) => instanceNorm(x, null, null, null, { eps: 0 }),
    within: rounding,
  },
];
