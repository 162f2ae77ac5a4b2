/** Cosine norm in the catalogue. */
import type { Tensor } from '../../tensor/tensor.ts';
import { cosineNorm, cosineNormDefinition, type CosineNormOptions } from '../cosine.ts';
import { extents } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';
import { layerOf } from './layers.ts';

export const cosine: NormEntry = {
  slug: 'cosine',
  name: 'Cosine Normalization',
  functionName: 'cosineNorm',
  className: 'CosineNorm',
  paper: {
    authors: 'C. Luo, J. Zhan, L. Wang, Q. Yang',
    title: 'Cosine Normalization: Using Cosine Similarity Instead of Dot Product in Neural Networks',
    year: 2018,
    link: 'https://arxiv.org/abs/1702.05870',
  },
  family: 'weight',
  averages: 'each vector of x and each output weight, about zero',
  carries: '',
  formula: 'y = <weight, x> / (|weight| |x|) + bias',
  options: [
    { name: 'centered', default: 'false', meaning: "subtract each vector's mean first: Pearson's correlation" },
    { name: 'eps', default: '1e-8', meaning: 'the least divisor of a vector; finite, above 0' },
    { name: 'stride', default: '1', meaning: 'step between patches, for images' },
    { name: 'padding', default: '0', meaning: 'zeros around an image' },
  ],
  apply(form, call) {
    const norm = form === 'fused' ? cosineNorm : cosineNormDefinition;
    const { stride = 1, padding = 0 } = layerOf(call) ?? {};
    const { x, weight, bias = null } = call.inputs;
    return { y: norm(x!, weight!, bias, { ...pick<CosineNormOptions>(call.config, ['centered', 'eps']), stride, padding }) };
  },
  smooth({ config, inputs }) {
    // vectors shorter than eps are on the other side of a kink; with a large eps all of them are
    const { eps = 1e-8 } = config as CosineNormOptions;
    const { x, weight } = inputs as { x: Tensor; weight: Tensor };
    return eps > 1 || [x, weight].every((t) => t.data.every((value: number) => Math.abs(value) > 1e-3));
  },
  draw(choose) {
    const image = choose.oneOf([true, false]);
    const names = image ? ['N', 'O', 'I', 'H', 'W'] : ['N', 'O', 'I'];
    return {
      sizes: extents(choose, names, 4),
      options: {
        centered: choose.oneOf([true, false]),
        eps: choose.oneOf([1e-8, 1e4]),
        padding: choose.oneOf([0, 1]),
        bias: choose.oneOf([true, false]),
      },
    };
  },
  plan({ sizes, options: { bias, padding, ...options } }) {
    const { N, O, I, H, W } = sizes;
    if (N === undefined || O === undefined || I === undefined || (H === undefined) !== (W === undefined)) return null;
    const image = H !== undefined;
    if (image && (H < 2 || W! < 2)) return null;
    const kind = image ? 'conv2d' : 'linear';
    const space = (extent: number | undefined): string => String(extent! - 1 + 2 * (padding as number));
    const biased = bias ? { bias: { axes: ['O'], filling: 'parameter' as const } } : {};
    return {
      config: { ...options, layer: { kind, bias, ...(image && { stride: 1, padding }) } },
      params: {},
      state: {},
      inputs: {
        x: { axes: image ? ['N', 'I', 'H', 'W'] : ['N', 'I'], filling: 'data' },
        weight: { axes: image ? ['O', 'I', '2', '2'] : ['O', 'I'], filling: 'parameter' },
        ...biased,
      },
      outputs: { y: image ? ['N', 'O', space(H), space(W)] : ['N', 'O'] },
      modes: ['train'],
    };
  },
};
