/** Conditional batch norm in the catalogue. */
import { linear } from '../../nn/linear.ts';
import {
  type BatchCondition,
  conditionalBatchNorm,
  conditionalBatchNormDefinition,
  type ConditionalBatchNormOptions,
  type ConditionalBatchNormParameters,
  type ConditionalBatchNormState,
} from '../conditional-batch.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Call, type CasePlan, type Mode, type NormEntry, pick, type TensorPlan } from './entry.ts';

export const conditionalBatch: NormEntry = {
  slug: 'conditional-batch',
  name: 'Conditional Batch Normalization',
  functionName: 'conditionalBatchNorm',
  className: 'ConditionalBatchNorm',
  paper: {
    authors: 'H. de Vries, F. Strub, J. Mary, H. Larochelle, O. Pietquin, A. Courville',
    title: 'Modulating early visual processing by language',
    year: 2017,
    link: 'https://arxiv.org/abs/1707.00683',
  },
  family: 'condition',
  averages: 'batch and space, per channel',
  carries: 'running mean and variance',
  formula: 'y = (x - mean) / sqrt(variance + eps) * (weight + deltaWeight(condition)) + bias + deltaBias(condition)',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'conditioning', default: "'mlp'", meaning: "`'mlp'` of an embedding, `'lookup'` by label, `'direct'`" },
    { name: 'frozenAffine', default: "true for 'mlp'", meaning: 'give weight and bias no gradient' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value in the running statistics, in [0, 1]' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
    { name: 'numClasses', default: 'required', meaning: "class only, 'lookup': rows of weight and bias" },
    { name: 'embeddingSize', default: 'required', meaning: "class only, 'mlp': the length of an embedding" },
    { name: 'hiddenSize', default: 'required', meaning: "class only, 'mlp': hidden units of each network" },
    { name: 'random', default: 'required', meaning: "class only, 'mlp': where the first weights come from" },
    { name: 'outputBias', default: 'false', meaning: "class only, 'mlp': a bias at the output of the networks" },
    { name: 'useGamma', default: 'true', meaning: "class only, 'mlp': have a network that changes the scale" },
    { name: 'useBeta', default: 'true', meaning: "class only, 'mlp': have a network that changes the shift" },
    { name: 'zeroInitOut', default: 'false', meaning: "class only, 'mlp': begin exactly at weight and bias" },
    { name: 'trackRunningStats', default: 'true', meaning: 'class only: keep a state; without, evaluation uses the batch' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? conditionalBatchNorm : conditionalBatchNormDefinition;
    const names = ['conditioning', 'frozenAffine', 'eps', 'momentum'] as const;
    const options = { ...pick<ConditionalBatchNormOptions>(config, names), training: mode === 'train' };
    const held = config.trackRunningStats === false ? null : (state as unknown as ConditionalBatchNormState);
    const condition = inputs.embedding ?? inputs.labels ?? (inputs as unknown as BatchCondition);
    return { y: call(inputs.x!, condition, params as unknown as ConditionalBatchNormParameters, held, options) };
  },
  constants: ['labels'],
  whole: ['labels'],
  frozen: ({ conditioning = 'mlp', frozenAffine = conditioning === 'mlp' }) => (frozenAffine ? ['weight', 'bias'] : []),
  smooth: ({ params, inputs }) => networksOf(params).every((role) => isAwayFromKinks(role, params, inputs)),
  draw(choose) {
    const conditioning = choose.oneOf(['mlp', 'lookup', 'direct']);
    const more = conditioning === 'mlp' ? ['E', 'H'] : conditioning === 'lookup' ? ['K'] : [];
    return {
      sizes: extents(choose, ['N', 'C', ...more, ...spatialNames(choose.integer(0, 2))], 5),
      options: {
        conditioning,
        frozenAffine: choose.oneOf([undefined, true, false]),
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf(momentumChoices),
        trackRunningStats: choose.oneOf([true, true, false]),
        ...(conditioning === 'mlp' && {
          outputBias: choose.oneOf([false, true]),
          useGamma: choose.oneOf([true, true, false]),
          useBeta: choose.oneOf([true, true, false]),
        }),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, frozenAffine, ...options } }) {
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    if (sizes.N === undefined || sizes.C === undefined || product(sizes, x) / sizes.C < 2) return null;
    const conditioned = conditionOf(options, sizes);
    if (!conditioned) return null;
    const { params, inputs, config } = conditioned;
    return {
      config: { ...options, ...config, ...(frozenAffine !== undefined && { frozenAffine }) },
      params,
      state: options.trackRunningStats
        ? { runningMean: { axes: ['C'], filling: 'parameter' }, runningVar: { axes: ['C'], filling: 'positive' } }
        : {},
      inputs: { x: { axes: x, filling: 'data' }, ...inputs },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
};

/** Parameters, inputs and further options of a way of conditioning; null when an extent is missing. */
function conditionOf(
  { conditioning, outputBias, useGamma, useBeta }: Readonly<Record<string, unknown>>,
  { K, E, H }: Readonly<Record<string, number>>,
): Pick<CasePlan, 'params' | 'inputs' | 'config'> | null {
  const plan = (...axes: readonly string[]): TensorPlan => ({ axes, filling: 'parameter' });
  const base = { weight: plan('C'), bias: plan('C') };
  if (conditioning === 'direct') {
    return { params: base, inputs: { deltaWeight: plan('N', 'C'), deltaBias: plan('N', 'C') }, config: {} };
  }
  if (conditioning === 'lookup') {
    if (K === undefined) return null;
    const labels: TensorPlan = { axes: ['N'], filling: 'index', below: K };
    return { params: { weight: plan('K', 'C'), bias: plan('K', 'C') }, inputs: { labels }, config: { numClasses: K } };
  }
  if (E === undefined || H === undefined) return null;
  const network = (role: string): Record<string, TensorPlan> => ({
    [`${role}HiddenWeight`]: plan('H', 'E'),
    [`${role}HiddenBias`]: plan('H'),
    [`${role}OutWeight`]: plan('C', 'H'),
    ...(outputBias === true && { [`${role}OutBias`]: plan('C') }),
  });
  const params = { ...base, ...(useGamma === true && network('gamma')), ...(useBeta === true && network('beta')) };
  return { params, inputs: { embedding: plan('N', 'E') }, config: { hiddenSize: H } };
}

function networksOf(params: Call['params']): string[] {
  return ['gamma', 'beta'].filter((role) => params[`${role}HiddenWeight`]);
}

/** Whether no hidden unit is so near to 0 that a step of a difference goes over its kink. */
function isAwayFromKinks(role: string, params: Call['params'], inputs: Call['inputs']): boolean {
  const hidden = linear(inputs.embedding!, params[`${role}HiddenWeight`]!, params[`${role}HiddenBias`]!);
  return hidden.data.every((value) => Math.abs(value) > 2 ** -6);
}
