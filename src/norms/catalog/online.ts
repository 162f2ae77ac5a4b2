/** Online norm in the catalogue. */
import type { Tensor } from '../../tensor/tensor.ts';
import { spatialSize } from '../_check.ts';
import { checkCompanion } from '../_companion.ts';
import { OnlineNorm, onlineNorm, onlineNormDefinition, type OnlineNormOptions, type OnlineNormState } from '../online.ts';
import { axesOf, epsChoices, extents, spatialNames } from './choices.ts';
import { type Call, type Mode, type NormEntry, pick } from './entry.ts';

export const online: NormEntry = {
  slug: 'online',
  name: 'Online Normalization',
  functionName: 'onlineNorm',
  className: 'OnlineNorm',
  paper: {
    authors: 'V. Chiley, I. Sharapov, A. Kosson, U. Koster, R. Reece, S. Samaniego de la Fuente, V. Subbiah, M. James',
    title: 'Online Normalization for Training Neural Networks',
    year: 2019,
    link: 'https://arxiv.org/abs/1905.05894',
  },
  family: 'standardize',
  averages: 'all samples before, weighted by age, and space, per channel',
  carries: 'running mean and variance; two accumulated errors of the backward',
  formula: `y = (x - mean) / sqrt(variance + eps) * weight + bias     mean, variance: before the sample
z = min(max(y, -clampValue), clampValue)  or  y / sqrt(mean(y^2) + lsEps)  or  y`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'alphaFwd', default: '0.999', meaning: 'how much of the running statistics a sample leaves, in [0, 1]' },
    { name: 'alphaBkw', default: '0.99', meaning: 'how much of the errors a sample leaves in the backward, in [0, 1]; 1: nothing is fed back' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'ecm', default: '"clamp"', meaning: 'what bounds the result: "clamp", "layerScaling" (division by its root mean square) or "none"' },
    { name: 'clampValue', default: '5', meaning: 'with "clamp": the largest magnitude of the result; finite, above 0' },
    { name: 'lsEps', default: '1e-5', meaning: 'with "layerScaling": added to the mean square, under the root; finite, at least 0' },
    { name: 'lsGroupSize', default: 'null', meaning: 'with "layerScaling": neighbouring channels that share a root; null: all' },
    { name: 'training', default: 'true', meaning: 'function only: go on with the stream' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
  ],
  published: { exactWith: { alphaFwd: 1, alphaBkw: 1 } },
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? onlineNorm : onlineNormDefinition;
    const options = { ...optionsOf(config), training: mode === 'train' };
    return { y: call(inputs.x!, params.weight ?? null, params.bias ?? null, state as unknown as OnlineNormState, options) };
  },
  smooth({ config, params, state, inputs }) {
    const options = optionsOf(config);
    const { weight = null, bias = null } = params;
    const given = { ...options, ecm: 'none', training: false } as const;
    const u = onlineNorm(inputs.x!, weight, bias, state as unknown as OnlineNormState, given);
    const { ecm, clampValue, length } = checkCompanion('online', options, u.shape[1]!, spatialSize(u));
    if (ecm === 'clamp') return u.data.every((value) => Math.abs(Math.abs(value) - clampValue) > 2 ** -10);
    // layer scaling makes a value that is alone in its block almost its sign, whose slope is lost in rounding
    return ecm === 'none' || u.data.every((value, i) => value === 0 || !isAlone(u, i - (i % length), length));
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 4),
      options: {
        alphaFwd: choose.oneOf([0.999, 0.9, 0.5, 0]),
        alphaBkw: choose.oneOf([0.99, 0.75, 0, 1]),
        eps: choose.oneOf(epsChoices),
        ecm: choose.oneOf(['clamp', 'layerScaling', 'none']),
        clampValue: choose.oneOf([5, 1.25]),
        lsEps: choose.oneOf([1e-5, 0.125]),
        lsGroupSize: choose.oneOf([null, 1, 2]),
        affine: choose.oneOf([true, true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'train'], ['train', 'eval', 'train']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const { N, C } = sizes;
    if (N === undefined || C === undefined || C % ((options.lsGroupSize as number | null) ?? C) !== 0) return null;
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    return {
      config: { numFeatures: C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: {
        runningMean: { axes: ['C'], filling: 'parameter' },
        runningVar: { axes: ['C'], filling: 'positive' },
        errorMean: { axes: ['C'], filling: 'parameter' },
        errorProj: { axes: ['C'], filling: 'parameter' },
      },
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new OnlineNorm(channels),
};

/** Whether a block has one value that is not 0. */
function isAlone({ data }: Tensor, start: number, length: number): boolean {
  return data.subarray(start, start + length).filter((value) => value !== 0).length === 1;
}

function optionsOf(config: Call['config']): OnlineNormOptions {
  return pick<OnlineNormOptions>(config, ['alphaFwd', 'alphaBkw', 'eps', 'ecm', 'clampValue', 'lsEps', 'lsGroupSize']);
}
