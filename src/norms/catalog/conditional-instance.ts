/** Conditional instance norm in the catalogue. */
import {
  conditionalInstanceNorm,
  conditionalInstanceNormDefinition,
  type ConditionalInstanceNormOptions,
} from '../conditional-instance.ts';
import { axesOf, epsChoices, extents, product, spatialNames } from './choices.ts';
import { type NormEntry, pick, type TensorPlan } from './entry.ts';

export const conditionalInstance: NormEntry = {
  slug: 'conditional-instance',
  name: 'Conditional Instance Normalization',
  functionName: 'conditionalInstanceNorm',
  className: 'ConditionalInstanceNorm',
  paper: {
    authors: 'V. Dumoulin, J. Shlens, M. Kudlur',
    title: 'A Learned Representation for Artistic Style',
    year: 2017,
    link: 'https://arxiv.org/abs/1610.07629',
  },
  family: 'condition',
  averages: 'space, per sample and channel',
  carries: '',
  formula: 'y = (x - mean) / sqrt(variance + eps) * weight[style] + bias[style]',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'numStyles', default: 'required', meaning: 'class only: the number of styles, rows of weight and bias' },
    { name: 'conditioning', default: "'select'", meaning: "`'select'` takes rows by label, `'mix'` sums them by weights" },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
  ],
  apply(form, { config, params, inputs }) {
    const call = form === 'fused' ? conditionalInstanceNorm : conditionalInstanceNormDefinition;
    const options = pick<ConditionalInstanceNormOptions>(config, ['conditioning', 'eps']);
    const style = config.conditioning === 'mix' ? inputs.styleWeights! : inputs.labels!;
    return { y: call(inputs.x!, style, params.weight!, params.bias!, options) };
  },
  constants: ['labels'],
  whole: ['labels'],
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', 'K', ...spatialNames(choose.integer(1, 2))], 5),
      options: { eps: choose.oneOf(epsChoices), conditioning: choose.oneOf(['select', 'mix', 'mix shared']) },
    };
  },
  plan({ sizes, options: { eps, conditioning } }) {
    const spatial = axesOf(sizes, 'S');
    if (sizes.N === undefined || sizes.C === undefined || sizes.K === undefined) return null;
    if (product(sizes, spatial) < 2) return null;
    const x = ['N', 'C', ...spatial];
    const table: TensorPlan = { axes: ['K', 'C'], filling: 'parameter' };
    const select = conditioning === 'select';
    return {
      config: { conditioning: select ? 'select' : 'mix', numStyles: sizes.K, eps },
      params: { weight: table, bias: table },
      state: {},
      inputs: {
        x: { axes: x, filling: 'data' },
        ...(select
          ? { labels: { axes: ['N'], filling: 'index', below: sizes.K } }
          : { styleWeights: { axes: conditioning === 'mix' ? ['N', 'K'] : ['K'], filling: 'parameter' } }),
      },
      outputs: { y: x },
      modes: ['train'],
    };
  },
};
