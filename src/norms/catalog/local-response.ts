/** Local response norm in the catalogue. */
import {
  LocalResponseNorm,
  localResponseNorm,
  localResponseNormDefinition,
  type LocalResponseNormOptions,
} from '../local-response.ts';
import { axesOf, extents, spatialNames } from './choices.ts';
import { type NormEntry, pick } from './entry.ts';

export const localResponse: NormEntry = {
  slug: 'local-response',
  name: 'Local Response Normalization',
  functionName: 'localResponseNorm',
  className: 'LocalResponseNorm',
  paper: {
    authors: 'A. Krizhevsky, I. Sutskever, G. E. Hinton',
    title: 'ImageNet Classification with Deep Convolutional Neural Networks',
    year: 2012,
    link: 'https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks',
  },
  family: 'local',
  averages: 'neighbouring channels, or neighbouring positions of a channel',
  carries: '',
  formula: 'y = x * (k + alpha / size * sum(x^2))^(-beta)',
  options: [
    { name: 'size', default: '5', meaning: 'extent of the window; a positive integer, may exceed that of the axis' },
    { name: 'alpha', default: '1e-4', meaning: 'weight of the sum of squares; finite, at least 0' },
    { name: 'beta', default: '0.75', meaning: 'the exponent; finite, at least 0' },
    { name: 'k', default: '1', meaning: 'added to the weighted sum; finite, above 0' },
    { name: 'normRegion', default: "'acrossChannels'", meaning: "or `'withinChannel'`: the window lies in space" },
    { name: 'divideBySize', default: 'true', meaning: "divide alpha by the size of the window; false is the paper's form" },
  ],
  apply(form, { config, inputs }) {
    const call = form === 'fused' ? localResponseNorm : localResponseNormDefinition;
    const names = ['size', 'alpha', 'beta', 'k', 'normRegion', 'divideBySize'] as const;
    return { y: call(inputs.x!, pick<LocalResponseNormOptions>(config, names)) };
  },
  draw(choose) {
    const spatial = choose.integer(0, 3);
    return {
      sizes: extents(choose, ['N', 'C', ...spatialNames(spatial)], spatial === 3 ? 3 : 5),
      options: {
        size: choose.oneOf([5, 1, 2, 3, 4, 6, 9]),
        alpha: choose.oneOf([1, 0.5, 2, 1e-4, 0]),
        beta: choose.oneOf([0.75, 0.5, 1, 0.6, 0]),
        k: choose.oneOf([1, 2, 2 ** -3, 2 ** -10]),
        normRegion: choose.oneOf(['acrossChannels', 'withinChannel']),
        divideBySize: choose.oneOf([true, false]),
      },
    };
  },
  plan({ sizes, options }) {
    const spatial = axesOf(sizes, 'S');
    if (sizes.N === undefined || sizes.C === undefined) return null;
    if (options.normRegion === 'withinChannel' && spatial.length === 0) return null;
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
  // with the default alpha activations of unit scale would pass almost unchanged
  classifier: () => new LocalResponseNorm({ alpha: 1 }),
};
