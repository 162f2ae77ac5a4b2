/** Equalities of the norms that standardize activations. */
import { concat } from '../../../src/autograd/concat.ts';
import { leakyRelu } from '../../../src/autograd/leaky-relu.ts';
import { mean } from '../../../src/autograd/mean.ts';
import { reshape } from '../../../src/autograd/reshape.ts';
import { slice } from '../../../src/autograd/slice.ts';
import { sub } from '../../../src/autograd/sub.ts';
import { transpose } from '../../../src/autograd/transpose.ts';
import { actNorm, actNormState } from '../../../src/norms/activation.ts';
import { batchNorm, batchNormState } from '../../../src/norms/batch.ts';
import { batchChannelNorm, batchChannelNormState } from '../../../src/norms/batch-channel.ts';
import { decorrelatedBatchNorm } from '../../../src/norms/decorrelated-batch.ts';
import { inPlaceABN } from '../../../src/norms/in-place-abn.ts';
import { onlineNorm, onlineNormState } from '../../../src/norms/online.ts';
import { filterResponseNorm } from '../../../src/norms/filter-response.ts';
import { groupNorm } from '../../../src/norms/group.ts';
import { instanceNorm } from '../../../src/norms/instance.ts';
import { layerNorm } from '../../../src/norms/layer.ts';
import { rmsNorm } from '../../../src/norms/rms.ts';
import { syncBatchNorm } from '../../../src/norms/sync-batch.ts';
import { virtualBatchNorm } from '../../../src/norms/virtual-batch.ts';
import { moments } from '../../../src/norms/_moments.ts';
import { fromArray, full, ones, zeros } from '../../../src/tensor/create.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { type Equality, images, matrices, numbers, rounding, single } from './equality.ts';

const [weight, bias] = [numbers(1, 4), numbers(2, 4)];
const float64 = { dtype: 'float64' } as const;

/** `|weight| + eps`. */
const sized = (values: Tensor): Tensor => fromArray(values.data.map((w) => Math.abs(w) + 1e-5), values.shape);
const running = { runningMean: numbers(6, 4), runningVar: fromArray(numbers(7, 4).data.map((v) => v * v + 0.25), [4]) };

/** x as rows of all positions. */
const flat = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, x.shape[1]!, -1]);

export const standardizing: readonly Equality[] = [
  {
    norm: 'batch',
    given: 'of one sample',
    is: 'instance',
    shapes: single,
    left: (x) => batchNorm(x, weight, bias),
    right: (x) => instanceNorm(x, weight, bias),
    within: 0,
  },
  {
    norm: 'batch',
    given: 'of a matrix, without weight and bias',
    is: 'layer',
    as: 'of its transpose',
    shapes: matrices,
    left: (x) => batchNorm(x),
    right: (x) => transpose(layerNorm(transpose(x), null, null, { normalizedShape: x.shape[0]! })),
    within: rounding,
  },
  {
    norm: 'group',
    given: 'with as many groups as channels',
    is: 'instance',
    shapes: images,
    left: (x) => groupNorm(x, weight, bias, { numGroups: 4 }),
    right: (x) => instanceNorm(x, weight, bias),
    within: 0,
  },
  {
    norm: 'group',
    given: 'with one group, without weight and bias',
    is: 'layer',
    as: 'over `[C, ...spatial]`',
    shapes: images,
    left: (x) => groupNorm(x, null, null, { numGroups: 1 }),
    right: (x) => layerNorm(x, null, null, { normalizedShape: x.shape.slice(1) }),
    within: rounding,
  },
  {
    norm: 'instance',
    given: 'without weight and bias',
    is: 'layer',
    as: 'over the spatial axes',
    shapes: images,
    left: (x) => instanceNorm(x),
    right: (x) => layerNorm(x, null, null, { normalizedShape: x.shape.slice(2) }),
    within: rounding,
  },
  {
    norm: 'layer',
    given: 'without bias',
    is: 'rms',
    as: 'of what is left when each slice loses its mean',
    shapes: matrices,
    left: (x) => layerNorm(x, numbers(3, x.shape[1]!)),
    right: (x) => rmsNorm(sub(x, mean(x, { axis: -1, keepDims: true })), numbers(3, x.shape[1]!), { eps: 1e-5 }),
    within: rounding,
  },
  {
    norm: 'filter-response',
    given: 'without threshold, weight and bias',
    is: 'rms',
    as: 'over the positions',
    shapes: images,
    left: (x) => filterResponseNorm(x, null, null, null, null, { eps: 1e-3 }),
    right: (x) => reshape(rmsNorm(flat(x), null, { normalizedShape: flat(x).shape[2]!, eps: 1e-3 }), x.shape),
    within: rounding,
  },
  {
    norm: 'sync-batch',
    given: 'of replicas, however the batch is cut',
    is: 'batch',
    as: 'of the whole batch',
    shapes: images,
    left: (x) => {
      const cut = [slice(x, 0, 0, 1), slice(x, 0, 1)];
      return concat(syncBatchNorm(cut, weight, bias), 0);
    },
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'virtual-batch',
    given: 'of the reference batch itself (the output `yRef`)',
    is: 'batch',
    shapes: images,
    left: (x) => virtualBatchNorm(numbers(4, ...x.shape), x, weight, bias, null, { detachReference: false }).yRef!,
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'activation',
    given: 'once initialized',
    is: 'batch',
    as: 'in evaluation, with the mean and `(std + eps)^2` of the first batch as running statistics and `eps: 0`',
    shapes: images,
    left: (x) => {
      const [scale, shift, state] = [ones([4], float64), zeros([4], float64), actNormState(float64)];
      const first = numbers(5, ...x.shape);
      actNorm(first, scale, shift, state, { training: true });
      return actNorm(x, scale, shift, state, { training: false }).y;
    },
    right: (x) => {
      const first = numbers(5, ...x.shape);
      const found = moments(first.data, { outer: x.shape[0]!, channel: 4, inner: first.data.length / (4 * x.shape[0]!) });
      const state = batchNormState(4, float64);
      const runningMean = fromArray(found.mean, [4]);
      const runningVar = fromArray(found.variance.map((v) => (Math.sqrt(v) + 1e-6) ** 2), [4]);
      return batchNorm(x, null, null, { ...state, runningMean, runningVar }, { training: false, eps: 0 });
    },
    within: rounding,
  },
  {
    norm: 'decorrelated-batch',
    given: 'with as many groups as channels',
    is: 'batch',
    shapes: images,
    left: (x) => decorrelatedBatchNorm(x, weight, bias, null, { numGroups: 4 }),
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'batch-channel',
    given: 'with the same weight and bias for all groups',
    is: 'group',
    as: 'of [batch](norms/batch.md) with `bnWeight` and `bnBias`',
    shapes: images,
    left: (x) => batchChannelNorm(x, weight, bias, full([2], 0.75, float64), full([2], -0.5, float64), null, { numGroups: 2 }),
    right: (x) =>
      groupNorm(batchNorm(x, weight, bias), full([4], 0.75, float64), full([4], -0.5, float64), { numGroups: 2 }),
    within: rounding,
  },
  {
    norm: 'batch-channel',
    given: 'with estimates of mean 0 and variance 1, `estimate: true`, `movingSpeed: 0` and `bnEps: 0`',
    is: 'group',
    shapes: images,
    left: (x) => {
      const options = { numGroups: 2, estimate: true, movingSpeed: 0, bnEps: 0 };
      return batchChannelNorm(x, null, null, null, null, batchChannelNormState(4, float64), options);
    },
    right: (x) => groupNorm(x, null, null, { numGroups: 2 }),
    within: rounding,
  },
  {
    norm: 'in-place-abn',
    given: '',
    is: 'batch',
    as: 'with the weight `|weight| + eps`, and the activation behind it',
    shapes: images,
    left: (x) => inPlaceABN(x, weight, bias, null, { activationParam: 0.25 }),
    right: (x) => leakyRelu(batchNorm(x, sized(weight), bias), 0.25),
    within: rounding,
  },
  {
    norm: 'in-place-abn',
    given: "with `activation: 'identity'`, without weight and bias",
    is: 'batch',
    shapes: images,
    left: (x) => inPlaceABN(x, null, null, null, { activation: 'identity' }),
    right: (x) => batchNorm(x),
    within: rounding,
  },
  {
    norm: 'online',
    given: "in evaluation, with `ecm: 'none'`",
    is: 'batch',
    as: 'in evaluation, with the same running statistics',
    shapes: images,
    left: (x) => onlineNorm(x, weight, bias, { ...onlineNormState(4, float64), ...running }, { ecm: 'none', training: false }),
    right: (x) => batchNorm(x, weight, bias, { ...batchNormState(4, float64), ...running }, { training: false }),
    within: 0,
  },
];
