/** Decorrelated batch norm in the catalogue. */
import {
  DecorrelatedBatchNorm,
  decorrelatedBatchNorm,
  decorrelatedBatchNormDefinition,
  type DecorrelatedBatchNormOptions,
  type DecorrelatedBatchNormState,
} from '../decorrelated-batch.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';

/** Most channels of a group in a classifier: a large group needs a large batch for its matrix. */
const largestGroup = 16;

export const decorrelatedBatch: NormEntry = {
  slug: 'decorrelated-batch',
  name: 'Decorrelated Batch Normalization',
  functionName: 'decorrelatedBatchNorm',
  className: 'DecorrelatedBatchNorm',
  paper: {
    authors: 'L. Huang, D. Yang, B. Lang, J. Deng',
    title: 'Decorrelated Batch Normalization',
    year: 2018,
    link: 'https://arxiv.org/abs/1804.08450',
  },
  family: 'whitening',
  averages: 'batch and space, per channel and pair of channels of a group',
  carries: 'running mean and whitening matrix',
  formula: `v = x - mean,  sigma = mean of v vᵀ + eps I     for each group of channels
y = sigma^(-1/2) v * weight + bias`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'numGroups', default: '1', meaning: 'groups of neighbouring channels, each whitened by itself; divides the channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the diagonal of the covariance; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value in the running mean and matrix, in [0, 1]' },
    { name: 'method', default: '"zca"', meaning: '"zca", the inverse root exactly, or "iterative", by steps towards it' },
    { name: 'numIterations', default: '5', meaning: 'steps of "iterative"; few whiten small eigenvalues partly' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? decorrelatedBatchNorm : decorrelatedBatchNormDefinition;
    const names = ['numGroups', 'eps', 'momentum', 'method', 'numIterations'] as const;
    const options = { ...pick<DecorrelatedBatchNormOptions>(config, names), training: mode === 'train' };
    const held = state.runningMean ? (state as unknown as DecorrelatedBatchNormState) : null;
    return { y: call(inputs.x!, params.weight ?? null, params.bias ?? null, held, options) };
  },
  draw(choose) {
    const sizes = extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 5);
    const divisors = Array.from({ length: sizes.C! }, (_, i) => i + 1).filter((groups) => sizes.C! % groups === 0);
    return {
      sizes,
      options: {
        numGroups: choose.oneOf([1, ...divisors]),
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf(momentumChoices),
        affine: choose.oneOf([true, true, false]),
        method: choose.oneOf(['zca', 'iterative']),
        numIterations: choose.oneOf([5, 1, 2, 8]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    const groups = options.numGroups as number;
    if (sizes.N === undefined || sizes.C === undefined || sizes.C % groups !== 0) return null;
    if (product(sizes, x) / sizes.C < 2) return null;
    const size = String(sizes.C / groups);
    return {
      config: { numFeatures: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: {
        runningMean: { axes: ['C'], filling: 'parameter' },
        runningWhitening: { axes: [String(groups), size, size], filling: 'parameter' },
      },
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier(channels) {
    let size = Math.min(channels, largestGroup);
    while (channels % size !== 0) size--;
    return new DecorrelatedBatchNorm(channels, { numGroups: channels / size });
  },
};
