/** Instance norm in the catalogue. */
import {
  InstanceNorm,
  instanceNorm,
  instanceNormDefinition,
  type InstanceNormOptions,
  type InstanceNormState,
} from '../instance.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';

export const instance: NormEntry = {
  slug: 'instance',
  name: 'Instance Normalization',
  functionName: 'instanceNorm',
  className: 'InstanceNorm',
  paper: {
    authors: 'D. Ulyanov, A. Vedaldi, V. Lempitsky',
    title: 'Instance Normalization: The Missing Ingredient for Fast Stylization',
    year: 2016,
    link: 'https://arxiv.org/abs/1607.08022',
  },
  family: 'standardize',
  averages: 'space, per sample and channel',
  carries: 'running mean and variance, when asked for',
  formula: 'y = (x - mean) / sqrt(variance + eps) * weight + bias',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value in the running statistics, in [0, 1]' },
    { name: 'training', default: 'true', meaning: "function only: use each instance's statistics and track them" },
    { name: 'affine', default: 'false', meaning: 'class only: learn weight and bias' },
    { name: 'trackRunningStats', default: 'false', meaning: 'class only: keep a state, and evaluate as batch norm does' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? instanceNorm : instanceNormDefinition;
    const options = { ...pick<InstanceNormOptions>(config, ['eps', 'momentum']), training: mode === 'train' };
    const held = config.trackRunningStats === true ? (state as unknown as InstanceNormState) : null;
    return { y: call(inputs.x!, params.weight ?? null, params.bias ?? null, held, options) };
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', ...spatialNames(choose.integer(1, 2))], 5),
      options: {
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf(momentumChoices),
        affine: choose.oneOf([true, false]),
        trackRunningStats: choose.oneOf([true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const spatial = axesOf(sizes, 'S');
    if (sizes.N === undefined || sizes.C === undefined || product(sizes, spatial) < 2) return null;
    const x = ['N', 'C', ...spatial];
    return {
      config: { numFeatures: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: options.trackRunningStats
        ? { runningMean: { axes: ['C'], filling: 'parameter' }, runningVar: { axes: ['C'], filling: 'positive' } }
        : {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new InstanceNorm(channels, { affine: true }),
};
