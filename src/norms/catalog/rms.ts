/** RMS norm in the catalogue. */
import { RMSNorm, rmsNorm, rmsNormDefinition, type RMSNormOptions } from '../rms.ts';
import { axesOf, epsChoices, extents } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';

export const rms: NormEntry = {
  slug: 'rms',
  name: 'Root Mean Square Layer Normalization',
  functionName: 'rmsNorm',
  className: 'RMSNorm',
  paper: {
    authors: 'B. Zhang, R. Sennrich',
    title: 'Root Mean Square Layer Normalization',
    year: 2019,
    link: 'https://arxiv.org/abs/1910.07467',
  },
  family: 'standardize',
  averages: 'the trailing axes of each slice, about zero',
  carries: '',
  formula: 'y = x / sqrt(mean(x^2) + eps) * weight',
  options: [
    { name: 'normalizedShape', default: 'shape of weight', meaning: 'the trailing axes of x that make up a slice' },
    { name: 'eps', default: '1e-6', meaning: 'added to the mean square, under the root; finite, at least 0' },
    { name: 'elementwiseAffine', default: 'true', meaning: 'class only: learn weight' },
  ],
  apply(form, { config, params, inputs }) {
    const call = form === 'fused' ? rmsNorm : rmsNormDefinition;
    const options = pick<RMSNormOptions>(config, ['normalizedShape', 'eps']);
    return { y: call(inputs.x!, params.weight ?? null, options) };
  },
  draw(choose) {
    const lead = Array.from({ length: choose.integer(0, 2) }, (_, i) => `L${i}`);
    const slice = Array.from({ length: choose.integer(1, 2) }, (_, i) => `D${i}`);
    return {
      sizes: extents(choose, [...lead, ...slice], 7),
      options: { eps: choose.oneOf(epsChoices), affine: choose.oneOf([true, false]) },
    };
  },
  plan({ sizes, options: { eps, affine } }) {
    const slice = axesOf(sizes, 'D');
    if (slice.length === 0) return null;
    const x = [...axesOf(sizes, 'L'), ...slice];
    return {
      config: { normalizedShape: slice.map((axis) => sizes[axis]!), eps, elementwiseAffine: affine },
      params: affine ? { weight: { axes: slice, filling: 'parameter' } } : {},
      state: {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: ['train'],
    };
  },
  classifier: (channels, spatial) => new RMSNorm([channels, ...spatial]),
};
