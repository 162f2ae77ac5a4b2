/** Weight norm in the catalogue. */
import { conv } from '../../autograd/conv.ts';
import { noGrad } from '../../autograd/record.ts';
import { linear } from '../../nn/linear.ts';
import { fromArray, ones } from '../../tensor/create.ts';
import { startFrom, WeightNorm, weightNorm, weightNormDefinition, type WeightNormOptions } from '../weight.ts';
import { normsOf, slicesAlong } from '../_slices.ts';
import { axesOf, extents } from './choices.ts';
import { type Call, type NormEntry, pick, type Tensors } from './entry.ts';
import { layerOf, throughLayer } from './layers.ts';

export const weight: NormEntry = {
  slug: 'weight',
  name: 'Weight Normalization',
  functionName: 'weightNorm',
  className: 'WeightNorm',
  paper: {
    authors: 'T. Salimans, D. P. Kingma',
    title: 'Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks',
    year: 2016,
    link: 'https://arxiv.org/abs/1602.07868',
  },
  family: 'weight',
  averages: 'each slice of the weight, about zero',
  carries: '',
  formula: 'weight = weightG * weightV / norm(weightV)',
  options: [
    { name: 'dim', default: '0', meaning: 'the axis of the output units; negative from the back; null: one norm for the whole weight' },
    { name: 'eps', default: '1e-12', meaning: 'the least divisor; finite, above 0' },
    { name: 'initScale', default: '1', meaning: 'class only: the spread that initFromData gives to the outputs' },
    { name: 'initEps', default: '1e-8', meaning: 'class only: added to the variance by initFromData, under the root' },
  ],
  transform: () => new WeightNorm(),
  apply(form, call) {
    const norm = form === 'fused' ? weightNorm : weightNormDefinition;
    const options = pick<WeightNormOptions>(call.config, ['dim', 'eps']);
    if (call.op === 'init') return noGrad(() => start(call, options));
    return throughLayer(call, norm(call.inputs.weightV!, call.inputs.weightG!, options));
  },
  smooth({ config, inputs }) {
    const { dim = 0, eps = 1e-12 } = config as WeightNormOptions;
    const norms = normsOf(inputs.weightV!.data, slicesAlong('weightNorm', inputs.weightV!.shape, dim).view);
    return norms.every((n) => n > 1e-9 && Math.abs(n - eps) > 0.1 * eps);
  },
  draw(choose) {
    const axes = Array.from({ length: choose.integer(1, 4) }, (_, i) => `D${i}`);
    const rank = axes.length;
    return {
      sizes: extents(choose, axes, 5),
      options: { dim: choose.oneOf([null, 0, choose.integer(-rank, rank - 1)]), eps: choose.oneOf([1e-12, 0.5]) },
    };
  },
  plan({ sizes, options }) {
    const axes = axesOf(sizes, 'D');
    const dim = options.dim as number | null;
    if (axes.length === 0 || (dim !== null && (dim >= axes.length || dim < -axes.length))) return null;
    const kept = dim === null ? -1 : (dim + axes.length) % axes.length;
    const lengths = dim === null ? [] : axes.map((axis, i) => (i === kept ? axis : '1'));
    return {
      config: options,
      params: {},
      state: {},
      inputs: { weightV: { axes, filling: 'data' }, weightG: { axes: lengths, filling: 'parameter' } },
      outputs: { weight: axes },
      modes: ['train'],
    };
  },
};

/** The data-dependent start: lengths and bias from a batch, and the outputs they give. */
function start(call: Call, options: WeightNormOptions): Tensors {
  const { weightV, x } = call.inputs as { weightV: Tensors[string]; x: Tensors[string] };
  const { shape } = slicesAlong('weightNorm', weightV.shape, options.dim ?? 0);
  const through = (direction: Tensors[string], bias: Tensors[string] | null): Tensors[string] => {
    const layer = layerOf(call)!;
    const { stride = 1, padding = 0 } = layer;
    return layer.kind === 'linear' ? linear(x, direction, bias) : conv(x, direction, bias, { stride, padding });
  };
  const t = through(weightNorm(weightV, ones(shape, { dtype: x.dtype }), options), null);
  const { lengths, shifts } = startFrom(t, pick(call.config, ['initScale', 'initEps']));
  const weightG = fromArray(lengths, shape, { dtype: x.dtype });
  const bias = fromArray(shifts, [shifts.length], { dtype: x.dtype });
  return { weightG, bias, y: through(weightNorm(weightV, weightG, options), bias) };
}
