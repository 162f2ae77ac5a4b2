/** Weight standardization in the catalogue. */
import {
  WeightStandardization,
  weightStandardization as fused,
  weightStandardizationDefinition,
  type WeightStandardizationOptions,
} from '../weight-standardization.ts';
import { axesOf, epsChoices, extents, product, spatialNames } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';
import { throughLayer } from './layers.ts';

export const weightStandardization: NormEntry = {
  slug: 'weight-standardization',
  name: 'Weight Standardization',
  functionName: 'weightStandardization',
  className: 'WeightStandardization',
  paper: {
    authors: 'S. Qiao, H. Wang, C. Liu, W. Shen, A. Yuille',
    title: 'Micro-Batch Training with Batch-Channel Normalization and Weight Standardization',
    year: 2019,
    link: 'https://arxiv.org/abs/1903.10520',
  },
  family: 'weight',
  averages: 'each filter of the weight',
  carries: '',
  formula: 'wHat = (weight - mean) / (sigma + eps)',
  options: [
    { name: 'eps', default: '1e-5', meaning: 'keeps the divisor from 0; finite, at least 0' },
    { name: 'epsMode', default: "'outside'", meaning: "added to sigma ('outside') or, under the root, to its square ('inside')" },
    { name: 'unbiased', default: 'false', meaning: 'divide the squares by n - 1 in place of n' },
  ],
  transform: () => new WeightStandardization(),
  apply(form, call) {
    const norm = form === 'fused' ? fused : weightStandardizationDefinition;
    const options = pick<WeightStandardizationOptions>(call.config, ['eps', 'epsMode', 'unbiased']);
    return throughLayer(call, norm(call.inputs.weight!, options));
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['O', 'I', ...spatialNames(choose.integer(0, 2))], 5),
      options: {
        eps: choose.oneOf(epsChoices),
        epsMode: choose.oneOf(['outside', 'inside']),
        unbiased: choose.oneOf([true, false]),
      },
    };
  },
  plan({ sizes, options }) {
    const axes = ['O', 'I', ...axesOf(sizes, 'S')];
    if (sizes.O === undefined || sizes.I === undefined) return null;
    if (options.unbiased && product(sizes, axes) / sizes.O < 2) return null;
    return {
      config: options,
      params: {},
      state: {},
      inputs: { weight: { axes, filling: 'data' } },
      outputs: { weight: axes },
      modes: ['train'],
    };
  },
};
