/** Weight demodulation in the catalogue. */
import {
  modulatedConv,
  modulatedConvDefinition,
  weightDemodulation as fused,
  weightDemodulationDefinition,
  type WeightDemodulationOptions,
} from '../weight-demodulation.ts';
import { axesOf, epsChoices, extents, spatialNames } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';
import { layerOf } from './layers.ts';

export const weightDemodulation: NormEntry = {
  slug: 'weight-demodulation',
  name: 'Weight Demodulation',
  functionName: 'weightDemodulation',
  className: 'WeightDemodulation',
  paper: {
    authors: 'T. Karras, S. Laine, M. Aittala, J. Hellsten, J. Lehtinen, T. Aila',
    title: 'Analyzing and Improving the Image Quality of StyleGAN',
    year: 2020,
    link: 'https://arxiv.org/abs/1912.04958',
  },
  family: 'weight',
  averages: "each filter of a sample's modulated weight, about zero",
  carries: '',
  formula: 'style * weight / sqrt(sum((style * weight)^2) + eps)',
  options: [
    { name: 'demodulate', default: 'true', meaning: 'bring each filter back to length 1; without, only the style is applied' },
    { name: 'eps', default: '1e-8', meaning: 'added to the sum of squares, under the root; finite, at least 0' },
    { name: 'styleOffset', default: '0', meaning: 'added to the style: 1 for styles around 0' },
    { name: 'stride, padding, dilation', default: '1, 0, 1', meaning: '`modulatedConv` and class only: those of the convolution' },
  ],
  apply(form, call) {
    const options = pick<WeightDemodulationOptions>(call.config, ['demodulate', 'eps', 'styleOffset']);
    const { weight, style, x, bias = null } = call.inputs;
    const layer = layerOf(call);
    if (!layer) return { weight: (form === 'fused' ? fused : weightDemodulationDefinition)(weight!, style!, options) };
    const { stride = 1, padding = 0 } = layer;
    const through = form === 'fused' ? modulatedConv : modulatedConvDefinition;
    return { y: through(x!, weight!, style!, bias, { ...options, stride, padding }) };
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'O', 'I', ...spatialNames(choose.integer(0, 2))], 4),
      options: {
        demodulate: choose.oneOf([true, true, false]),
        eps: choose.oneOf(epsChoices),
        styleOffset: choose.oneOf([0, 1]),
        layer: choose.oneOf([undefined, { kind: 'conv2d', stride: 1, padding: 1, bias: true }]),
      },
    };
  },
  plan({ sizes, options: { layer, ...options } }) {
    const kernel = axesOf(sizes, 'S');
    if (sizes.N === undefined || sizes.O === undefined || sizes.I === undefined) return null;
    const inputs = {
      weight: { axes: ['O', 'I', ...kernel], filling: 'data' },
      style: { axes: ['N', 'I'], filling: 'parameter' },
    } as const;
    if (!layer || kernel.length === 0) {
      return { config: options, params: {}, state: {}, inputs, outputs: { weight: ['N', 'O', 'I', ...kernel] }, modes: ['train'] };
    }
    // an image of the kernel's size: with a padding of 1 the result has an extent of 3
    const x = { axes: ['N', 'I', ...kernel], filling: 'parameter' } as const;
    return {
      config: { ...options, layer },
      params: {},
      state: {},
      inputs: { ...inputs, x, bias: { axes: ['O'], filling: 'parameter' } },
      outputs: { y: ['N', 'O', ...kernel.map(() => '3')] },
      modes: ['train'],
    };
  },
};
