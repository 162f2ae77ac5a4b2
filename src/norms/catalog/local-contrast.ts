/** Local contrast norm in the catalogue. */
import {
  distanceToTie,
  LocalContrastNorm,
  localContrastNorm,
  localContrastNormDefinition,
  type LocalContrastNormOptions,
} from '../local-contrast.ts';
import { axesOf, epsChoices, extents, spatialNames } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';

const names = ['kernelSize', 'window', 'sigma', 'acrossChannels', 'border', 'threshold', 'eps'] as const;

export const localContrast: NormEntry = {
  slug: 'local-contrast',
  name: 'Local Contrast Normalization',
  functionName: 'localContrastNorm',
  className: 'LocalContrastNorm',
  paper: {
    authors: 'K. Jarrett, K. Kavukcuoglu, M. Ranzato, Y. LeCun',
    title: 'What is the Best Multi-Stage Architecture for Object Recognition?',
    year: 2009,
    link: 'https://doi.org/10.1109/ICCV.2009.5459469',
  },
  family: 'local',
  averages: 'a window of space and all channels, per sample; or per channel',
  carries: '',
  formula: 'v = x - A x;  sd = sqrt(A(v^2));  y = v / max(sd, mean(sd), eps)',
  options: [
    { name: 'kernelSize', default: '9', meaning: 'extent of the window; odd, one number or one per spatial axis' },
    { name: 'window', default: "'gaussian'", meaning: "or `'box'`: all weights are equal" },
    { name: 'sigma', default: 'null', meaning: 'standard deviation of the Gaussian in pixels; null: kernelSize / 4' },
    { name: 'acrossChannels', default: 'true', meaning: 'average over the channels too; false handles each alone' },
    { name: 'border', default: "'renormalize'", meaning: "or `'zero'`: what is outside counts as 0" },
    { name: 'threshold', default: "'mean'", meaning: 'least divisor: the mean of sd over space, or a number of at least 0' },
    { name: 'eps', default: '1e-4', meaning: 'least divisor in any case; finite, above 0' },
  ],
  apply(form, { config, inputs }) {
    const call = form === 'fused' ? localContrastNorm : localContrastNormDefinition;
    return { y: call(inputs.x!, pick<LocalContrastNormOptions>(config, names)) };
  },
  smooth: ({ config, inputs }) => distanceToTie(inputs.x!, pick<LocalContrastNormOptions>(config, names)) > 2 ** -8,
  draw(choose) {
    const spatial = spatialNames(choose.integer(1, 3));
    const odd = [3, 1, 5];
    return {
      sizes: { ...extents(choose, ['N', 'C'], 3), ...extents(choose, spatial, spatial.length === 3 ? 3 : 5) },
      options: {
        kernelSize: choose.oneOf([9, 3, 3, 3, 5, 1, spatial.map(() => choose.oneOf(odd))]),
        window: choose.oneOf(['gaussian', 'box']),
        sigma: choose.oneOf([null, null, 0.75, 2]),
        acrossChannels: choose.oneOf([true, false]),
        border: choose.oneOf(['renormalize', 'zero']),
        threshold: choose.oneOf(['mean', 'mean', 0, 0.5, 4]),
        eps: choose.oneOf(epsChoices),
      },
    };
  },
  plan({ sizes, options }) {
    const spatial = axesOf(sizes, 'S');
    if (sizes.N === undefined || sizes.C === undefined || spatial.length === 0) return null;
    if (Array.isArray(options.kernelSize) && options.kernelSize.length !== spatial.length) return null;
    const x = ['N', 'C', ...spatial];
    return {
      config: options,
      params: {},
      state: {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: ['train'],
    };
  },
  classifier: () => new LocalContrastNorm({ kernelSize: 5 }),
};
