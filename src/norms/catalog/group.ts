/** Group norm in the catalogue. */
import { GroupNorm, groupNorm, groupNormDefinition, type GroupNormOptions } from '../group.ts';
import { axesOf, epsChoices, extents, spatialNames } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';

export const group: NormEntry = {
  slug: 'group',
  name: 'Group Normalization',
  functionName: 'groupNorm',
  className: 'GroupNorm',
  paper: {
    authors: 'Y. Wu, K. He',
    title: 'Group Normalization',
    year: 2018,
    link: 'https://arxiv.org/abs/1803.08494',
  },
  family: 'standardize',
  averages: 'a group of channels and space, per sample',
  carries: '',
  formula: 'y = (x - mean) / sqrt(variance + eps) * weight + bias',
  options: [
    { name: 'numGroups', default: 'required', meaning: 'the number of groups; divides the number of channels' },
    { name: 'numChannels', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
  ],
  apply(form, { config, params, inputs }) {
    const call = form === 'fused' ? groupNorm : groupNormDefinition;
    const options = pick<GroupNormOptions>(config, ['numGroups', 'eps']) as GroupNormOptions;
    return { y: call(inputs.x!, params.weight ?? null, params.bias ?? null, options) };
  },
  draw(choose) {
    const sizes = extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 6);
    const divisors = Array.from({ length: sizes.C! }, (_, i) => i + 1).filter((g) => sizes.C! % g === 0);
    return {
      sizes,
      options: { numGroups: choose.oneOf(divisors), eps: choose.oneOf(epsChoices), affine: choose.oneOf([true, true, false]) },
    };
  },
  plan({ sizes, options }) {
    if (sizes.N === undefined || sizes.C === undefined || sizes.C % (options.numGroups as number) !== 0) return null;
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    return {
      config: { numChannels: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: ['train'],
    };
  },
  classifier: (channels) => new GroupNorm(channels % 4 === 0 ? channels / 4 : 1, channels),
};
