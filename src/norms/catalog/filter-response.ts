/** Filter response norm in the catalogue. */
import { abs } from '../../autograd/abs.ts';
import { less } from '../../autograd/compare.ts';
import { sub } from '../../autograd/sub.ts';
import { perChannel } from '../_affine.ts';
import {
  FilterResponseNorm,
  filterResponseNorm,
  filterResponseNormDefinition,
  type FilterResponseNormOptions,
} from '../filter-response.ts';
import { axesOf, epsChoices, extents, spatialNames } from './choices.ts';
import { type NormEntry, pick, type TensorPlan } from './entry.ts';

export const filterResponse: NormEntry = {
  slug: 'filter-response',
  name: 'Filter Response Normalization',
  functionName: 'filterResponseNorm',
  className: 'FilterResponseNorm',
  paper: {
    authors: 'S. Singh, S. Krishnan',
    title:
      'Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep Neural Networks',
    year: 2020,
    link: 'https://arxiv.org/abs/1911.09737',
  },
  family: 'standardize',
  averages: 'space, per sample and channel, about zero',
  carries: '',
  formula: 'z = max(x / sqrt(mean(x^2) + eps + |epsLearned|) * weight + bias, tau)',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-6', meaning: 'the constant added to the mean square, under the root; finite, at least 0' },
    { name: 'learnableEps', default: 'false', meaning: 'class only: learn a number, from 1e-4, whose size is added to eps' },
    { name: 'tlu', default: 'true', meaning: 'class only: learn the threshold tau, and apply it' },
  ],
  apply(form, { config, params, inputs }) {
    const call = form === 'fused' ? filterResponseNorm : filterResponseNormDefinition;
    const { weight = null, bias = null, tau = null, epsLearned = null } = params;
    return { y: call(inputs.x!, weight, bias, tau, epsLearned, pick<FilterResponseNormOptions>(config, ['eps'])) };
  },
  smooth({ config, params, inputs }) {
    const { weight = null, bias = null, tau, epsLearned = null } = params;
    const y = filterResponseNorm(inputs.x!, weight, bias, null, epsLearned, pick<FilterResponseNormOptions>(config, ['eps']));
    const threshold = tau ? perChannel(tau, y.shape.length) : -Infinity;
    return epsLearned?.data[0] !== 0 && !less(abs(sub(y, threshold)), 2 ** -10).data.some((near) => near === 1);
  },
  draw(choose) {
    return {
      sizes: { ...extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 5), E: 1 },
      options: {
        eps: choose.oneOf(epsChoices),
        learnableEps: choose.oneOf([true, false]),
        tlu: choose.oneOf([true, true, false]),
      },
    };
  },
  plan({ sizes, options }) {
    if (sizes.N === undefined || sizes.C === undefined || sizes.E !== 1) return null;
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    const parameter: TensorPlan = { axes: ['C'], filling: 'parameter' };
    return {
      config: { numFeatures: sizes.C, ...options },
      params: {
        weight: parameter,
        bias: parameter,
        ...(options.tlu === true && { tau: parameter }),
        ...(options.learnableEps === true && { epsLearned: { axes: ['E'], filling: 'parameter' } }),
      },
      state: {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: ['train'],
    };
  },
  // the rectifier of the classifier stands in for the threshold: one behind the other would cut twice
  classifier: (channels) => new FilterResponseNorm(channels, { tlu: false }),
};
