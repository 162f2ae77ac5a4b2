/** Mode norm in the catalogue. */
import { ModeNorm, modeNorm, modeNormDefinition, type ModeNormOptions, type ModeNormState } from '../mode.ts';
import { axesOf, epsChoices, extents, momentumChoices, spatialNames } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';

export const mode: NormEntry = {
  slug: 'mode',
  name: 'Mode Normalization',
  functionName: 'modeNorm',
  className: 'ModeNorm',
  paper: {
    authors: 'L. Deecke, I. Murray, H. Bilen',
    title: 'Mode Normalization',
    year: 2019,
    link: 'https://arxiv.org/abs/1810.05466',
  },
  family: 'learned',
  averages: 'batch and space, per channel and mode; channels and space of a sample, per mode, for "mgn"',
  carries: 'running mean and variance of each mode',
  formula: `gates = softmax(gateWeight . mean over space of x + gateBias)     of each sample; of each of its channels for "mgn"
y = weight * sum over k of gates_k * (x - mean_k) / sqrt(variance_k + eps) + bias     both weighted by the gates`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'numModes', default: '2', meaning: 'class only: the number of modes' },
    { name: 'variant', default: "'mn'", meaning: "what is shared out: the samples of a batch, `'mn'`, or the channels of each sample, `'mgn'`" },
    { name: 'eps', default: '1e-5', meaning: 'added to the variances, under the root; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value in the running statistics, in [0, 1]' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias; the gates are learned in any case' },
    { name: 'random', default: 'required', meaning: 'class only: where the first weights of the gates come from' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? modeNorm : modeNormDefinition;
    const { weight = null, bias = null, gateWeight, gateBias } = params;
    const held = state.runningMean ? (state as unknown as ModeNormState) : null;
    const options = { ...pick<ModeNormOptions>(config, ['variant', 'eps', 'momentum']), training: mode === 'train' };
    return { y: call(inputs.x!, weight, bias, gateWeight!, gateBias!, held, options) };
  },
  // where x is one number everywhere, modes do not differ and gates have no effect: differences show rounding alone
  smooth: ({ inputs: { x } }) => x!.data.some((value) => value !== x!.data[0]),
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', 'K', ...spatialNames(choose.integer(0, 2))], 5),
      options: {
        variant: choose.oneOf(['mn', 'mgn']),
        gating: choose.oneOf(['seen', 'equal']),
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf(momentumChoices),
        affine: choose.oneOf([true, true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  // Gates that see measurements of any offset and scale are steps: 0 or 1 but for numbers that float32 does not have,
  // with a gradient that differences do not show. So either they see values of moderate size, or they do not differ.
  plan({ sizes, options: { modes, gating, ...options } }) {
    if (sizes.N === undefined || sizes.C === undefined || sizes.K === undefined) return null;
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    const batch = options.variant === 'mn';
    return {
      config: { numFeatures: sizes.C, numModes: sizes.K, ...options },
      params: {
        gateWeight: { axes: batch ? ['K', 'C'] : ['K'], filling: gating === 'seen' ? 'parameter' : 'zero' },
        gateBias: { axes: ['K'], filling: 'parameter' },
        ...(options.affine === true && {
          weight: { axes: ['C'], filling: 'parameter' as const },
          bias: { axes: ['C'], filling: 'parameter' as const },
        }),
      },
      state: batch
        ? { runningMean: { axes: ['K', 'C'], filling: 'parameter' }, runningVar: { axes: ['K', 'C'], filling: 'positive' } }
        : {},
      inputs: { x: { axes: x, filling: gating === 'seen' ? 'parameter' : 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels, _spatial, random) => new ModeNorm(channels, { random }),
};
