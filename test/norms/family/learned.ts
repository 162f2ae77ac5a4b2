/** Equalities of the norms that learn how to normalize. */
import { add } from '../../../src/autograd/add.ts';
import { mul } from '../../../src/autograd/mul.ts';
import { reshape } from '../../../src/autograd/reshape.ts';
import { attentiveNorm } from '../../../src/norms/attentive.ts';
import { batchNorm } from '../../../src/norms/batch.ts';
import { groupNorm } from '../../../src/norms/group.ts';
import { instanceNorm } from '../../../src/norms/instance.ts';
import { instanceLevelMetaNorm } from '../../../src/norms/instance-level-meta.ts';
import { layerNorm } from '../../../src/norms/layer.ts';
import { mixtureNorm } from '../../../src/norms/mixture.ts';
import { modeNorm } from '../../../src/norms/mode.ts';
import { sparseSwitchableNorm } from '../../../src/norms/sparse-switchable.ts';
import { switchableNorm } from '../../../src/norms/switchable.ts';
import { full, tensor, zeros } from '../../../src/tensor/create.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { type Equality, images, numbers, rounding, single } from './equality.ts';

const [weight, bias] = [numbers(31, 4), numbers(32, 4)];
const double = (values: number[]): Tensor => tensor(values, { dtype: 'float64' });

/** What one statistic alone gives. */
const alone: readonly { name: 'in' | 'ln' | 'bn'; is: string; as?: string; run: (x: Tensor) => Tensor }[] = [
  { name: 'in', is: 'instance', run: (x) => instanceNorm(x, weight, bias) },
  { name: 'ln', is: 'group', as: 'with one group', run: (x) => groupNorm(x, weight, bias, { numGroups: 1 }) },
  { name: 'bn', is: 'batch', run: (x) => batchNorm(x, weight, bias) },
];

/** Attentive norm with one component and a softmax, whose weight is then 1 whatever the head says. */
const attentive = (x: Tensor, options: { backbone: 'batch' } | { backbone: 'group'; numGroups: number }): Tensor => {
  const component = { weight: reshape(weight, [1, 4]), bias: reshape(bias, [1, 4]) };
  const head = { attentionWeight: numbers(36, 1, 4), attentionBias: numbers(37, 1) };
  return attentiveNorm(x, { ...component, ...head }, null, { ...options, attention: 'softmax', attentionNorm: 'none' }).y;
};

const attending: readonly Equality[] = [
  {
    norm: 'attentive',
    given: "with one component and `attention: 'softmax'`",
    is: 'batch',
    shapes: images,
    left: (x) => attentive(x, { backbone: 'batch' }),
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'attentive',
    given: "with one component, `attention: 'softmax'` and `backbone: 'group'`",
    is: 'group',
    shapes: images,
    left: (x) => attentive(x, { backbone: 'group', numGroups: 2 }),
    right: (x) => groupNorm(x, weight, bias, { numGroups: 2 }),
    within: rounding,
  },
];

/** Instance-level meta norm whose decoders give nothing: a scale of 1/2 and no shift. */
const meta = (x: Tensor, numGroups: number, w = weight, b = bias): Tensor => {
  const none = zeros([2, 3], { dtype: 'float64' });
  const parameters = { weight: w, bias: b, encoderWeight: numbers(33, 3, 2), weightDecoder: none, biasDecoder: none };
  return instanceLevelMetaNorm(x, parameters, { numGroups, keyGroupSize: 2 });
};
const half = add(weight, 0.5);

const metaWithoutCode: readonly Equality[] = [
  {
    norm: 'instance-level-meta',
    given: 'with decoders of 0',
    is: 'group',
    as: 'with `weight + 1/2`',
    shapes: images,
    left: (x) => meta(x, 2),
    right: (x) => groupNorm(x, half, bias, { numGroups: 2 }),
    within: rounding,
  },
  {
    norm: 'instance-level-meta',
    given: 'with decoders of 0 and as many groups as channels',
    is: 'instance',
    as: 'with `weight + 1/2`',
    shapes: images,
    left: (x) => meta(x, 4),
    right: (x) => instanceNorm(x, half, bias),
    within: rounding,
  },
  {
    norm: 'instance-level-meta',
    given: 'with decoders of 0, one group, a weight of 1/2 and a bias of 0',
    is: 'layer',
    as: 'over `[C, ...spatial]`',
    shapes: images,
    left: (x) => meta(x, 1, full([4], 0.5, { dtype: 'float64' }), zeros([4], { dtype: 'float64' })),
    right: (x) => layerNorm(x, null, null, { normalizedShape: x.shape.slice(1) }),
    within: rounding,
  },
];

/** Mode norm with gates for K modes, or K modes whose gates do not see x. */
const mode = (x: Tensor, variant: 'mn' | 'mgn', modes: number, seen: boolean): Tensor => {
  const shape = variant === 'mn' ? [modes, 4] : [modes];
  const gateWeight = seen ? numbers(34, ...shape) : full(shape, 0.75, { dtype: 'float64' });
  return modeNorm(x, weight, bias, gateWeight, numbers(35, modes), null, { variant });
};

const modes: readonly Equality[] = [
  {
    norm: 'mode',
    given: "with one mode, variant `'mn'`",
    is: 'batch',
    shapes: images,
    left: (x) => mode(x, 'mn', 1, true),
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'mode',
    given: "with gates that do not see x (equal rows of `gateWeight`), variant `'mn'`",
    is: 'batch',
    shapes: images,
    left: (x) => mode(x, 'mn', 3, false),
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'mode',
    given: "with one mode, variant `'mgn'`",
    is: 'group',
    as: 'with one group',
    shapes: images,
    left: (x) => mode(x, 'mgn', 1, true),
    right: (x) => groupNorm(x, weight, bias, { numGroups: 1 }),
    within: rounding,
  },
  {
    norm: 'mode',
    given: "with gates that do not see x, variant `'mgn'`",
    is: 'group',
    as: 'with one group',
    shapes: images,
    left: (x) => mode(x, 'mgn', 3, false),
    right: (x) => groupNorm(x, weight, bias, { numGroups: 1 }),
    within: rounding,
  },
  {
    norm: 'mode',
    given: "of one sample, variant `'mn'`, with any gates",
    is: 'instance',
    shapes: single,
    left: (x) => mode(x, 'mn', 3, true),
    right: (x) => instanceNorm(x, weight, bias),
    within: rounding,
  },
];

const mixtures: readonly Equality[] = [
  {
    norm: 'mixture',
    given: 'with one component',
    is: 'batch',
    shapes: images,
    left: (x) => mixtureNorm(x, weight, bias, null, { numComponents: 1 }),
    right: (x) => batchNorm(x, weight, bias),
    within: rounding,
  },
  {
    norm: 'mixture',
    given: 'with K components that start from equal means',
    is: 'batch',
    as: 'times `sqrt(K)`',
    shapes: images,
    left: (x) => {
      const initMeans = zeros([3, 4], { dtype: 'float64' });
      return mixtureNorm(x, null, null, null, { numComponents: 3, init: 'given', initMeans });
    },
    right: (x) => mul(batchNorm(x), Math.sqrt(3)),
    within: rounding,
  },
];

export const learned: readonly Equality[] = [
  ...alone.map(
    ({ name, is, as, run }): Equality => ({
      norm: 'switchable',
      given: `with \`statistics: ['${name}']\``,
      is,
      ...(as !== undefined && { as }),
      shapes: images,
      left: (x) => switchableNorm(x, weight, bias, double([0.5]), double([-1]), null, { statistics: [name] }),
      right: run,
      within: rounding,
    }),
  ),
  ...alone.map(
    ({ name, is, as, run }, k): Equality => ({
      norm: 'sparse-switchable',
      given: `when both ratios have chosen \`'${name}'\``,
      is,
      ...(as !== undefined && { as }),
      shapes: images,
      left: (x) => {
        const chosen = double([0, 1, 2].map((i) => (i === k ? 3 : 0)));
        return sparseSwitchableNorm(x, weight, bias, chosen, chosen, null, { radius: 0.9 });
      },
      right: run,
      within: rounding,
    }),
  ),
  ...attending,
  ...metaWithoutCode,
  ...modes,
  ...mixtures,
];
