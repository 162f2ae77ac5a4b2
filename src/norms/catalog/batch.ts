/** Batch norm in the catalogue. */
import { BatchNorm, batchNorm, batchNormDefinition, type BatchNormOptions, type BatchNormState } from '../batch.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';

export const batch: NormEntry = {
  slug: 'batch',
  name: 'Batch Normalization',
  functionName: 'batchNorm',
  className: 'BatchNorm',
  paper: {
    authors: 'S. Ioffe, C. Szegedy',
    title: 'Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift',
    year: 2015,
    link: 'https://arxiv.org/abs/1502.03167',
  },
  family: 'standardize',
  averages: 'batch and space, per channel',
  carries: 'running mean and variance, batch count',
  formula: 'y = (x - mean) / sqrt(variance + eps) * weight + bias',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value, in [0, 1]; null: the average over all calls' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
    { name: 'trackRunningStats', default: 'true', meaning: 'class only: keep a state; without, evaluation uses the batch' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? batchNorm : batchNormDefinition;
    const options = { ...pick<BatchNormOptions>(config, ['eps', 'momentum']), training: mode === 'train' };
    const held = config.trackRunningStats === false ? null : (state as unknown as BatchNormState);
    return { y: call(inputs.x!, params.weight ?? null, params.bias ?? null, held, options) };
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 5),
      options: {
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf([...momentumChoices, null]),
        affine: choose.oneOf([true, true, false]),
        trackRunningStats: choose.oneOf([true, true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    if (sizes.N === undefined || sizes.C === undefined) return null;
    if (product(sizes, x) / sizes.C < 2) return null;
    return {
      config: { numFeatures: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: options.trackRunningStats
        ? {
            runningMean: { axes: ['C'], filling: 'parameter' },
            runningVar: { axes: ['C'], filling: 'positive' },
            numBatchesTracked: { axes: [], filling: 'zero' },
          }
        : {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new BatchNorm(channels),
};
