/** Adaptive instance norm in the catalogue. */
import {
  adaptiveInstanceNorm,
  adaptiveInstanceNormDefinition,
  type AdaptiveInstanceNormOptions,
} from '../adaptive-instance.ts';
import { axesOf, epsChoices, extents, product, spatialNames } from './choices.ts';
import { type NormEntry, pick, type TensorPlan } from './entry.ts';

export const adaptiveInstance: NormEntry = {
  slug: 'adaptive-instance',
  name: 'Adaptive Instance Normalization',
  functionName: 'adaptiveInstanceNorm',
  className: 'AdaptiveInstanceNorm',
  paper: {
    authors: 'X. Huang, S. Belongie',
    title: 'Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization',
    year: 2017,
    link: 'https://arxiv.org/abs/1703.06868',
  },
  family: 'condition',
  averages: 'space, per sample and channel',
  carries: '',
  formula: 'y = alpha * ((x - mean) / sqrt(variance + eps) * styleStd + styleMean) + (1 - alpha) * x',
  options: [
    { name: 'eps', default: '1e-5', meaning: 'added to the variance of x, under the root; finite, at least 0' },
    { name: 'styleEps', default: 'eps', meaning: 'added to the variance of style features, under the root' },
    { name: 'unbiased', default: 'false', meaning: 'divide squared deviations by the count less one, in x and style' },
    { name: 'alpha', default: '1', meaning: 'how much of the style, in [0, 1]; 0 gives x back' },
    { name: 'style', default: "'features'", meaning: "class only: what forward takes, 'features' or 'statistics'" },
  ],
  apply(form, { config, inputs }) {
    const call = form === 'fused' ? adaptiveInstanceNorm : adaptiveInstanceNormDefinition;
    const options = pick<AdaptiveInstanceNormOptions>(config, ['eps', 'styleEps', 'unbiased', 'alpha']);
    const style =
      config.style === 'statistics' ? { styleMean: inputs.styleMean!, styleStd: inputs.styleStd! } : inputs.style!;
    return { y: call(inputs.x!, style, options) };
  },
  // the gradient of a single position is a cancellation to 0 whose rounding no change of an exact 0 shows
  smooth: ({ inputs }) => inputs.x!.data.length > inputs.x!.shape[0]! * inputs.x!.shape[1]!,
  draw(choose) {
    const own = spatialNames(choose.integer(1, 2));
    const theirs = Array.from({ length: choose.integer(1, 2) }, (_, i) => `T${i}`);
    return {
      sizes: extents(choose, ['N', 'C', ...own, ...theirs], 5),
      options: {
        eps: choose.oneOf(epsChoices),
        styleEps: choose.oneOf([undefined, ...epsChoices]),
        unbiased: choose.oneOf([false, true]),
        alpha: choose.oneOf([1, 1, 0.75, 0.5, 0]),
        style: choose.oneOf(['features', 'features', 'statistics']),
        shared: choose.oneOf([false, false, true]),
      },
    };
  },
  plan({ sizes, options: { styleEps, shared, ...options } }) {
    const [spatial, theirs] = [axesOf(sizes, 'S'), axesOf(sizes, 'T')];
    if (sizes.N === undefined || sizes.C === undefined) return null;
    if (spatial.length === 0 || theirs.length === 0) return null;
    const fewest = options.unbiased ? 2 : 1;
    if (product(sizes, spatial) < fewest || product(sizes, theirs) < fewest) return null;
    const x = ['N', 'C', ...spatial];
    const styles = [shared ? '1' : 'N', 'C'];
    const statistic: TensorPlan = { axes: styles, filling: 'parameter' };
    return {
      config: { ...options, ...(styleEps !== undefined && { styleEps }) },
      params: {},
      state: {},
      inputs: {
        x: { axes: x, filling: 'data' },
        ...(options.style === 'features'
          ? { style: { axes: [...styles, ...theirs], filling: 'data' } }
          : { styleMean: statistic, styleStd: statistic }),
      },
      outputs: { y: x },
      modes: ['train'],
    };
  },
};
