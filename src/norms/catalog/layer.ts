/** Layer norm in the catalogue. */
import { LayerNorm, layerNorm, layerNormDefinition, type LayerNormOptions } from '../layer.ts';
import { axesOf, epsChoices, extents } from './choices.ts';
import { type NormEntry, pick, type TensorPlan } from './entry.ts';

export const layer: NormEntry = {
  slug: 'layer',
  name: 'Layer Normalization',
  functionName: 'layerNorm',
  className: 'LayerNorm',
  paper: {
    authors: 'J. L. Ba, J. R. Kiros, G. E. Hinton',
    title: 'Layer Normalization',
    year: 2016,
    link: 'https://arxiv.org/abs/1607.06450',
  },
  family: 'standardize',
  averages: 'the trailing axes of each slice',
  carries: '',
  formula: 'y = (x - mean) / sqrt(variance + eps) * weight + bias',
  options: [
    { name: 'normalizedShape', default: 'shape of weight', meaning: 'the trailing axes of x that make up a slice' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance, under the root; finite, at least 0' },
    { name: 'elementwiseAffine', default: 'true', meaning: 'class only: learn weight and bias' },
    { name: 'bias', default: 'true', meaning: 'class only: learn the bias; ignored without elementwiseAffine' },
  ],
  apply(form, { config, params, inputs }) {
    const call = form === 'fused' ? layerNorm : layerNormDefinition;
    const options = pick<LayerNormOptions>(config, ['normalizedShape', 'eps']);
    return { y: call(inputs.x!, params.weight ?? null, params.bias ?? null, options) };
  },
  draw(choose) {
    const lead = Array.from({ length: choose.integer(0, 2) }, (_, i) => `L${i}`);
    const slice = Array.from({ length: choose.integer(1, 2) }, (_, i) => `D${i}`);
    return {
      sizes: extents(choose, [...lead, ...slice], 7),
      options: { eps: choose.oneOf(epsChoices), affine: choose.oneOf(['both', 'weight', 'none']) },
    };
  },
  plan({ sizes, options: { eps, affine } }) {
    const slice = axesOf(sizes, 'D');
    if (slice.length === 0) return null;
    const x = [...axesOf(sizes, 'L'), ...slice];
    const parameter: TensorPlan = { axes: slice, filling: 'parameter' };
    return {
      config: {
        normalizedShape: slice.map((axis) => sizes[axis]!),
        eps,
        elementwiseAffine: affine !== 'none',
        bias: affine === 'both',
      },
      params: { ...(affine !== 'none' && { weight: parameter }), ...(affine === 'both' && { bias: parameter }) },
      state: {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: ['train'],
    };
  },
  classifier: (channels, spatial) => new LayerNorm([channels, ...spatial]),
};
