/** Attentive norm in the catalogue. */
import { zeros } from '../../tensor/create.ts';
import {
  AttentiveNorm,
  attentiveNorm,
  attentiveNormDefinition,
  type AttentiveNormOptions,
  type AttentiveNormParameters,
} from '../attentive.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Call, type Mode, type NormEntry, pick, type TensorPlan } from './entry.ts';

export const attentive: NormEntry = {
  slug: 'attentive',
  name: 'Attentive Normalization',
  functionName: 'attentiveNorm',
  className: 'AttentiveNorm',
  paper: {
    authors: 'X. Li, W. Sun, T. Wu',
    title: 'Attentive Normalization',
    year: 2020,
    link: 'https://arxiv.org/abs/1908.01259',
  },
  family: 'condition',
  averages: 'batch and space per channel, or groups of a sample; space for the descriptor',
  carries: 'running mean and variance, of x and of the logits',
  formula: `t = m / sqrt(w + attentionEps)     m, w: mean and variance of each sample and channel
a = hsigmoid(norm(t attentionWeight^T))
y = (x - mean) / sqrt(variance + eps) * (a weight) + a bias`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'random', default: 'required', meaning: 'class only: where the first parameters come from' },
    { name: 'numComponents', default: '10', meaning: 'class only: how many scales and shifts are mixed' },
    { name: 'backbone', default: "'batch'", meaning: "what standardizes: `'batch'` or `'group'`" },
    { name: 'numGroups', default: "required for 'group'", meaning: 'the number of groups; divides the number of channels' },
    { name: 'attention', default: "'hsigmoid'", meaning: "what makes weights of logits: `'hsigmoid'`, `'sigmoid'`, `'softmax'`" },
    { name: 'attentionNorm', default: "'batch'; 'none' for 'group'", meaning: "behind a linear map of the head: a `'batch'` norm over the samples, or a bias (`'none'`)" },
    { name: 'attentionHidden', default: '0', meaning: 'class only: units of a hidden layer of the head; 0: there is none' },
    { name: 'descriptor', default: "'meanStd'", meaning: "what the head sees of a channel: its `'mean'`, or mean over standard deviation" },
    { name: 'attentionEps', default: '1e-3', meaning: 'added to the variance of the descriptor, under the root; finite, at least 0' },
    { name: 'unbiased', default: 'false', meaning: 'divide the variance of the descriptor by the positions less 1' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variances of backbone and head, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value in the running statistics, in [0, 1]' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
    { name: 'zeroInit', default: 'false', meaning: 'class only: start with scales and shifts of 0' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? attentiveNorm : attentiveNormDefinition;
    const { y, attention } = call(inputs.x!, tensorsOf(params), state, optionsOf(config, mode));
    return { y, attention };
  },
  smooth: isAwayFromKinks,
  draw(choose) {
    const backbone = choose.oneOf(['batch', 'batch', 'group']);
    const hidden = choose.oneOf([false, false, true]);
    const spatial = choose.oneOf([1, 1, 2, 2, 3]);
    const sizes = extents(choose, ['N', 'C', 'K', ...(hidden ? ['H'] : []), ...spatialNames(spatial)], spatial === 3 ? 3 : 4);
    const divisors = Array.from({ length: sizes.C! }, (_, i) => i + 1).filter((g) => sizes.C! % g === 0);
    return {
      sizes,
      options: {
        backbone,
        ...(backbone === 'group' && { numGroups: choose.oneOf(divisors) }),
        attention: choose.oneOf(['hsigmoid', 'sigmoid', 'softmax']),
        attentionNorm: choose.oneOf([undefined, 'batch', 'none']),
        descriptor: choose.oneOf(['meanStd', 'meanStd', 'mean']),
        attentionEps: choose.oneOf([1, 0.125, 1e-3]),
        unbiased: choose.oneOf([false, false, true]),
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf(momentumChoices),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, attentionNorm, ...options } }) {
    const spatial = axesOf(sizes, 'S');
    const x = ['N', 'C', ...spatial];
    const { N, C, K, H } = sizes;
    if (N === undefined || C === undefined || K === undefined || spatial.length === 0) return null;
    const { backbone, numGroups, unbiased, descriptor } = options;
    if (backbone === 'group' && C % (numGroups as number) !== 0) return null;
    const positions = product(sizes, spatial);
    const normed = (attentionNorm ?? (backbone === 'group' ? 'none' : 'batch')) === 'batch';
    if ((normed && N < 2) || (backbone === 'batch' && N * positions < 2)) return null;
    if (unbiased === true && descriptor === 'meanStd' && positions < 2) return null;
    const last = H === undefined ? 'C' : 'H';
    return {
      config: { numFeatures: C, numComponents: K, ...(H !== undefined && { attentionHidden: H }), ...options, ...(attentionNorm !== undefined && { attentionNorm }) },
      params: {
        weight: { axes: ['K', 'C'], filling: 'parameter' },
        bias: { axes: ['K', 'C'], filling: 'parameter' },
        ...(H !== undefined && stage('attentionHidden', 'H', 'C', normed)),
        ...stage('attention', 'K', last, normed),
      },
      state: {
        ...(backbone === 'batch' && statistics('running', 'C')),
        ...(normed && H !== undefined && statistics('attentionHiddenRunning', 'H')),
        ...(normed && statistics('attentionRunning', 'K')),
      },
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x, attention: ['N', 'K'] },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels, _spatial, random) => new AttentiveNorm(channels, { random }),
};

/** The tensors of a stage of the head. */
function stage(role: string, size: string, features: string, normed: boolean): Record<string, TensorPlan> {
  const vector: TensorPlan = { axes: [size], filling: 'parameter' };
  return {
    [`${role}Weight`]: { axes: [size, features], filling: 'parameter' },
    ...(normed ? { [`${role}NormWeight`]: vector, [`${role}NormBias`]: vector } : { [`${role}Bias`]: vector }),
  };
}

function statistics(role: string, size: string): Record<string, TensorPlan> {
  return { [`${role}Mean`]: { axes: [size], filling: 'parameter' }, [`${role}Var`]: { axes: [size], filling: 'positive' } };
}

function tensorsOf(params: Call['params']): AttentiveNormParameters {
  return params as unknown as AttentiveNormParameters;
}

function optionsOf(config: Call['config'], mode: Mode): AttentiveNormOptions {
  const names = ['backbone', 'numGroups', 'attention', 'attentionNorm', 'descriptor', 'attentionEps', 'unbiased', 'eps', 'momentum'] as const;
  return { ...pick<AttentiveNormOptions>(config, names), training: mode === 'train' };
}

/**
 * Whether no logit is so near to a kink of hsigmoid, and no hidden unit so near to that of the rectifier, that a step of a
 * difference goes over it. Both are read off a norm that squashes them by a sigmoid.
 */
function isAwayFromKinks({ config, params, state, mode, inputs }: Call): boolean {
  const options = { ...optionsOf(config, mode), attention: 'sigmoid' } as const;
  const held = mode === 'train' ? null : state;
  const isFar = (values: ArrayLike<number>, kinks: readonly number[]): boolean =>
    Array.from(values).every((a) => kinks.every((kink) => Math.abs(Math.log(a / (1 - a)) - kink) > margin));
  if (config.attention === 'hsigmoid' || config.attention === undefined) {
    const { attention } = attentiveNorm(inputs.x!, tensorsOf(params), held, options);
    if (!isFar(attention.data, [-3, 3])) return false;
  }
  if (!params.attentionHiddenWeight) return true;
  const { attentionHiddenWeight: attentionWeight, attentionHiddenBias: attentionBias = null } = params;
  const { attentionHiddenNormWeight: attentionNormWeight = null, attentionHiddenNormBias: attentionNormBias = null } = params;
  const { attentionHiddenRunningMean, attentionHiddenRunningVar, ...rest } = state;
  const tables = zeros(attentionWeight.shape, { dtype: inputs.x!.dtype });
  const first = { weight: tables, bias: tables, attentionWeight, attentionBias, attentionNormWeight, attentionNormBias };
  const stateOfFirst = attentionHiddenRunningMean
    ? { ...rest, attentionRunningMean: attentionHiddenRunningMean, attentionRunningVar: attentionHiddenRunningVar! }
    : rest;
  const { attention } = attentiveNorm(inputs.x!, first, held && stateOfFirst, options);
  return isFar(attention.data, [0]);
}

/** Logits and hidden units are at least this far from a kink. */
const margin = 2 ** -4;
