/** Switchable norm in the catalogue. */
import {
  SwitchableNorm,
  switchableNorm,
  switchableNormDefinition,
  type SwitchableNormOptions,
  type SwitchableNormState,
} from '../switchable.ts';
import { type CasePlan, type Chooser, type Draft, type Mode, type NormEntry, type OptionDoc, pick } from './entry.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';

/** The options of both switchable norms. */
export const switchOptions: readonly OptionDoc[] = [
  { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
  { name: 'statistics', default: '["in", "ln", "bn"]', meaning: 'what is mixed, in the order of meanWeight and varWeight' },
  { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
  { name: 'momentum', default: '0.1', meaning: 'weight of the new value in the running statistics, in [0, 1]' },
  { name: 'usingMovingAverage', default: 'true', meaning: 'false: the state is the plain average over all batches since a reset' },
  { name: 'unbiased', default: 'false', meaning: 'divide the variance of a sample and channel by its positions less 1' },
  { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
  { name: 'zeroWeight', default: 'false', meaning: 'class only: start with a weight of 0' },
];

export const switchable: NormEntry = {
  slug: 'switchable',
  name: 'Switchable Normalization',
  functionName: 'switchableNorm',
  className: 'SwitchableNorm',
  paper: {
    authors: 'P. Luo, J. Ren, Z. Peng, R. Zhang, J. Li',
    title: 'Differentiable Learning-to-Normalize via Switchable Normalization',
    year: 2019,
    link: 'https://arxiv.org/abs/1806.10779',
  },
  family: 'learned',
  averages: 'space, a sample, and the batch per channel, mixed',
  carries: 'running mean and variance; count of batches in the average',
  formula: `p = softmax(meanWeight),  q = softmax(varWeight)
y = (x - sum of p[k] * mean_k) / sqrt(sum of q[k] * variance_k + eps) * weight + bias     k: "in", "ln", "bn"`,
  options: switchOptions,
  whole: ['batchCount'],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? switchableNorm : switchableNormDefinition;
    const { weight = null, bias = null, meanWeight, varWeight } = params;
    const held = state.runningMean ? (state as unknown as SwitchableNormState) : null;
    return { y: call(inputs.x!, weight, bias, meanWeight!, varWeight!, held, switchOptionsOf(config, mode)) };
  },
  draw: drawSwitch,
  plan: planSwitchCase,
  classifier: (channels) => new SwitchableNorm(channels),
};

/** The options of a call. */
export function switchOptionsOf(config: Readonly<Record<string, unknown>>, mode: Mode): SwitchableNormOptions {
  const names = ['statistics', 'eps', 'momentum', 'usingMovingAverage', 'unbiased'] as const;
  return { ...pick<SwitchableNormOptions>(config, names), training: mode === 'train' };
}

/** The choices of both switchable norms. */
export function drawSwitch(choose: Chooser): Draft {
  const all = ['in', 'ln', 'bn'];
  const statistics = choose.oneOf([all, all, all, ['ln', 'bn'], ['bn', 'in'], ['in', 'ln'], ['in'], ['ln'], ['bn']]);
  return {
    sizes: { ...extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 4), K: statistics.length },
    options: {
      statistics,
      eps: choose.oneOf(epsChoices),
      momentum: choose.oneOf(momentumChoices),
      usingMovingAverage: choose.oneOf([true, true, false]),
      unbiased: choose.oneOf([true, false, false]),
      modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
    },
  };
}

/** The cases of both switchable norms. */
export function planSwitchCase({ sizes, options: { modes, ...options } }: Draft): CasePlan | null {
  const statistics = options.statistics as readonly string[];
  const spatial = axesOf(sizes, 'S');
  const { N = 0, C = 0, K } = sizes;
  if (N === 0 || C === 0 || K !== statistics.length) return null;
  if (options.unbiased === true && product(sizes, spatial) === 1) {
    if (spatial.length > 0 || statistics.includes('in') || C < 2 || N < 2) return null;
  }
  const x = ['N', 'C', ...spatial];
  return {
    config: options,
    params: {
      weight: { axes: ['C'], filling: 'parameter' },
      bias: { axes: ['C'], filling: 'parameter' },
      meanWeight: { axes: ['K'], filling: 'parameter' },
      varWeight: { axes: ['K'], filling: 'parameter' },
    },
    state: statistics.includes('bn')
      ? {
          runningMean: { axes: ['C'], filling: 'parameter' },
          runningVar: { axes: ['C'], filling: 'positive' },
          ...(options.usingMovingAverage === false && { batchCount: { axes: [], filling: 'index' as const, below: 3 } }),
        }
      : {},
    inputs: { x: { axes: x, filling: 'data' } },
    outputs: { y: x },
    modes: modes as readonly Mode[],
  };
}
