/** Virtual batch norm in the catalogue. */
import {
  virtualBatchNorm,
  virtualBatchNormDefinition,
  type VirtualBatchNormOptions,
  type VirtualBatchNormState,
} from '../virtual-batch.ts';
import { axesOf, epsChoices, extents } from './choices.ts';
import { type Mode, type NormEntry, pick } from './entry.ts';

export const virtualBatch: NormEntry = {
  slug: 'virtual-batch',
  name: 'Virtual Batch Normalization',
  functionName: 'virtualBatchNorm',
  className: 'VirtualBatchNorm',
  paper: {
    authors: 'T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen',
    title: 'Improved Techniques for Training GANs',
    year: 2016,
    link: 'https://arxiv.org/abs/1606.03498',
  },
  family: 'standardize',
  averages: 'a reference batch and the sample itself, per channel',
  carries: 'mean, variance and size of the last reference batch',
  formula:
    'y = (x - mean) / sqrt(variance + eps) * weight + bias, of the reference batch with the sample as one more',
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variances, under the root; finite, at least 0' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
    { name: 'detachReference', default: 'false', meaning: 'send no gradient from y into the reference batch' },
    { name: 'training', default: 'true', meaning: 'function only: use and store the statistics of the reference given' },
  ],
  apply(form, { config, params, state, mode, inputs }) {
    const call = form === 'fused' ? virtualBatchNorm : virtualBatchNormDefinition;
    const training = mode === 'train';
    const options = { ...pick<VirtualBatchNormOptions>(config, ['eps', 'detachReference']), training };
    const { weight = null, bias = null } = params;
    const reference = training ? inputs.ref! : null;
    const { y, yRef } = call(inputs.x!, reference, weight, bias, state as unknown as VirtualBatchNormState, options);
    return yRef ? { y, yRef } : { y };
  },
  draw(choose) {
    const spatial = Array.from({ length: choose.integer(0, 2) }, (_, i) => i);
    return {
      sizes: extents(choose, ['N', 'C', 'M', ...spatial.map((i) => `S${i}`), ...spatial.map((i) => `R${i}`)], spatial.length === 2 ? 3 : 4),
      options: {
        eps: choose.oneOf(epsChoices),
        affine: choose.oneOf([true, true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['train'], ['train', 'train'], ['eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, ...options } }) {
    const [spatial, other] = [axesOf(sizes, 'S'), axesOf(sizes, 'R')];
    if (sizes.N === undefined || sizes.C === undefined || sizes.M === undefined) return null;
    if (spatial.length !== other.length) return null;
    const x = ['N', 'C', ...spatial];
    const ref = ['M', 'C', ...other];
    const training = (modes as readonly Mode[])[0] === 'train';
    return {
      config: { numFeatures: sizes.C, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: {
        refMean: { axes: ['C'], filling: 'parameter' },
        refVar: { axes: ['C'], filling: 'positive' },
        refCount: { axes: [], filling: 'positive' },
      },
      inputs: { x: { axes: x, filling: 'data' }, ...(training && { ref: { axes: ref, filling: 'data' } }) },
      outputs: { y: x, ...(training && { yRef: ref }) },
      modes: modes as readonly Mode[],
    };
  },
};
