/** In-place activated batch norm in the catalogue. */
import { clone } from '../../autograd/clone.ts';
import { noGrad } from '../../autograd/record.ts';
import { InPlaceABN, inPlaceABN, inPlaceABNDefinition, type InPlaceABNOptions, type InPlaceABNState } from '../in-place-abn.ts';
import { axesOf, epsChoices, extents, momentumChoices, product, spatialNames } from './choices.ts';
import { type Call, type Form, type Mode, type NormEntry, pick } from './entry.ts';

const optionNames = ['eps', 'momentum', 'activation', 'activationParam', 'inPlace'] as const;

function apply(form: Form, { config, params, state, mode, inputs }: Call, more: InPlaceABNOptions = {}) {
  const call = form === 'fused' ? inPlaceABN : inPlaceABNDefinition;
  const options = { ...pick<InPlaceABNOptions>(config, optionNames), training: mode === 'train', ...more };
  // what a case gives stays: with inPlace a copy is written over
  const x = options.inPlace ? clone(inputs.x!) : inputs.x!;
  return { y: call(x, params.weight ?? null, params.bias ?? null, state as unknown as InPlaceABNState, options) };
}

export const inPlaceAbn: NormEntry = {
  slug: 'in-place-abn',
  name: 'In-Place Activated Batch Normalization',
  functionName: 'inPlaceABN',
  className: 'InPlaceABN',
  paper: {
    authors: 'S. Rota Bulò, L. Porzi, P. Kontschieder',
    title: 'In-Place Activated BatchNorm for Memory-Optimized Training of DNNs',
    year: 2018,
    link: 'https://arxiv.org/abs/1712.02616',
  },
  family: 'standardize',
  averages: 'batch and space, per channel',
  carries: 'running mean and variance, batch count',
  formula: 'z = activation((x - mean) / sqrt(variance + eps) * (|weight| + eps) + bias)     z alone is kept for backward',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root, and to the size of the weight; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value, in [0, 1]; null: the average over all calls' },
    { name: 'activation', default: '"leakyRelu"', meaning: 'or "elu", or "identity"' },
    { name: 'activationParam', default: '0.01', meaning: 'slope of leakyRelu below 0, factor of elu; finite, above 0' },
    { name: 'inPlace', default: 'false', meaning: 'write z over x' },
    { name: 'training', default: 'true', meaning: 'function only: use and track the statistics of the batch' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
  ],
  apply: (form, call) => apply(form, call),
  smooth(call) {
    const weights: ArrayLike<number> = call.params.weight?.data ?? [];
    // the state of the case is not to move
    const copies = { ...call, state: Object.fromEntries(Object.entries(call.state).map(([name, held]) => [name, clone(held)])) };
    const { y } = noGrad(() => apply('fused', copies, { activation: 'identity', inPlace: false }));
    const apart = call.config.activation === 'identity' ? 0 : 2 ** -10;
    return !Array.from(weights).includes(0) && y.data.every((value) => !(Math.abs(value) < apart));
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', ...spatialNames(choose.integer(0, 2))], 5),
      options: {
        eps: choose.oneOf(epsChoices),
        momentum: choose.oneOf([...momentumChoices, null]),
        affine: choose.oneOf([true, true, false]),
        activation: choose.oneOf(['leakyRelu', 'leakyRelu', 'elu', 'elu', 'identity']),
        activationParam: choose.oneOf([0.01, 0.25, 1, 2]),
        inPlace: choose.oneOf([false, true]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    if (sizes.N === undefined || sizes.C === undefined) return null;
    if (product(sizes, x) / sizes.C < 2) return null;
    // far below the running mean e^y is less than the least number of float32, and right answers are 0
    const mild = options.activation === 'elu' && (modes as readonly Mode[]).includes('eval');
    if (mild && (options.eps as number) < 0.125) return null;
    return {
      config: { numFeatures: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: {
        runningMean: { axes: ['C'], filling: 'parameter' },
        runningVar: { axes: ['C'], filling: 'positive' },
        numBatchesTracked: { axes: [], filling: 'zero' },
      },
      inputs: { x: { axes: x, filling: mild ? 'parameter' : 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new InPlaceABN(channels),
};
