/** Batch-channel norm in the catalogue. */
import {
  BatchChannelNorm,
  batchChannelNorm,
  batchChannelNormDefinition,
  type BatchChannelNormOptions,
  type BatchChannelNormState,
} from '../batch-channel.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';

export const batchChannel: NormEntry = {
  slug: 'batch-channel',
  name: 'Batch-Channel Normalization',
  functionName: 'batchChannelNorm',
  className: 'BatchChannelNorm',
  paper: {
    authors: 'S. Qiao, H. Wang, C. Liu, W. Shen, A. Yuille',
    title: 'Rethinking Normalization and Elimination Singularity in Neural Networks',
    year: 2019,
    link: 'https://arxiv.org/abs/1911.09738',
  },
  family: 'standardize',
  averages: 'batch and space per channel, then a group of channels and space per sample',
  carries: 'running mean and variance, or estimates; batch count',
  formula: `u = (x - mean) / sqrt(variance + bnEps) * bnWeight + bnBias     per channel
y = (u - mu) / sqrt(s + eps) * weight + bias                    mu, s of each sample's groups; weight, bias per group`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'numGroups', default: '32', meaning: 'the number of groups; divides the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance of a group, under the root; finite, at least 0' },
    { name: 'bnEps', default: '1e-5', meaning: 'added to the variance of a channel, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'without estimate: weight of the new value in the running statistics, in [0, 1]' },
    { name: 'estimate', default: 'false', meaning: "normalize channels with estimates that the batch has moved, not with the batch's statistics" },
    { name: 'movingSpeed', default: '0.1', meaning: 'with estimate: weight of the new value in the estimates, in [0, 1]' },
    { name: 'training', default: 'true', meaning: "function only: update the state; without estimate use the batch's statistics" },
  ],
  heldState: ({ estimate }) => estimate === true,
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? batchChannelNorm : batchChannelNormDefinition;
    const names = ['numGroups', 'eps', 'bnEps', 'momentum', 'estimate', 'movingSpeed'] as const;
    const options = { ...pick<BatchChannelNormOptions>(config, names), training: mode === 'train' };
    const { bnWeight = null, bnBias = null, weight = null, bias = null } = params;
    const held = state.runningMean ? (state as unknown as BatchChannelNormState) : null;
    return { y: call(inputs.x!, bnWeight, bnBias, weight, bias, held, options) };
  },
  draw(choose) {
    const sizes = extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 6);
    const divisors = Array.from({ length: sizes.C! }, (_, i) => i + 1).filter((g) => sizes.C! % g === 0);
    const numGroups = choose.oneOf(divisors);
    return {
      sizes: { ...sizes, G: numGroups },
      options: {
        numGroups,
        eps: choose.oneOf(epsChoices),
        bnEps: choose.oneOf(epsChoices),
        ...(choose.oneOf([true, false])
          ? { estimate: true, movingSpeed: choose.oneOf(momentumChoices) }
          : { momentum: choose.oneOf(momentumChoices) }),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const { N = 0, C = 0, G = 0 } = sizes;
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    if (N === 0 || C === 0 || G !== options.numGroups || C % G !== 0) return null;
    const inner = product(sizes, axesOf(sizes, 'S'));
    if ((C / G) * inner < 2 || (options.estimate !== true && N * inner < 2)) return null;
    return {
      config: { numFeatures: C, ...options },
      params: {
        bnWeight: { axes: ['C'], filling: 'parameter' },
        bnBias: { axes: ['C'], filling: 'parameter' },
        weight: { axes: ['G'], filling: 'parameter' },
        bias: { axes: ['G'], filling: 'parameter' },
      },
      state: {
        runningMean: { axes: ['C'], filling: 'parameter' },
        runningVar: { axes: ['C'], filling: 'positive' },
        numBatchesTracked: { axes: [], filling: 'zero' },
      },
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new BatchChannelNorm(channels, { numGroups: channels % 4 === 0 ? channels / 4 : 1 }),
};
