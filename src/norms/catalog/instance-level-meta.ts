/** Instance-level meta norm in the catalogue. */
import {
  InstanceLevelMetaNorm,
  instanceLevelMetaNorm,
  instanceLevelMetaNormDefinition,
  type InstanceLevelMetaNormOptions,
  type InstanceLevelMetaNormParameters,
} from '../instance-level-meta.ts';
import { moments } from '../_moments.ts';
import { axesOf, epsChoices, extents, product, spatialNames } from './choices.ts';
import { type Call, type NormEntry, pick } from './entry.ts';

export const instanceLevelMeta: NormEntry = {
  slug: 'instance-level-meta',
  name: 'Instance-Level Meta Normalization',
  functionName: 'instanceLevelMetaNorm',
  className: 'InstanceLevelMetaNorm',
  paper: {
    authors: 'S. Jia, D.-J. Chen, H.-T. Chen',
    title: 'Instance-Level Meta Normalization',
    year: 2019,
    link: 'https://arxiv.org/abs/1904.03516',
  },
  family: 'condition',
  averages: 'a group of channels and space, per sample; key groups for scale and shift',
  carries: '',
  formula: `scale = sigmoid(relu(keyVar encoderWeight^T) weightDecoder^T),  shift = tanh(relu(keyMean encoderWeight^T) biasDecoder^T)
y = (x - mean) / sqrt(variance + eps) * (weight + scale) + bias + shift`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'numGroups', default: '32', meaning: 'the number of normalization groups; divides the number of channels' },
    { name: 'keyGroupSize', default: '16', meaning: 'channels in a key group; divides the number of channels' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variance of a normalization group, under the root; finite, at least 0' },
    { name: 'unbiased', default: 'false', meaning: 'divide the variances of both kinds of groups by the count less 1' },
    { name: 'random', default: 'required', meaning: 'class only: where the first matrices come from' },
    { name: 'reduction', default: '16', meaning: 'class only: key groups for each hidden unit; 2 units below that many' },
    { name: 'embedSize', default: 'by reduction', meaning: 'class only: hidden units of the auto-encoder' },
  ],
  apply(form, { config, params, inputs }) {
    const call = form === 'fused' ? instanceLevelMetaNorm : instanceLevelMetaNormDefinition;
    const options = pick<InstanceLevelMetaNormOptions>(config, ['numGroups', 'keyGroupSize', 'eps', 'unbiased']);
    return { y: call(inputs.x!, params as unknown as InstanceLevelMetaNormParameters, options) };
  },
  smooth: isAwayFromKinks,
  draw(choose) {
    const [K, keyGroupSize] = choose.oneOf([[1, 3], [1, 4], [2, 1], [2, 2], [2, 3], [3, 1], [3, 2], [4, 1], [4, 2]] as const);
    const C = K * keyGroupSize;
    const divisors = Array.from({ length: C }, (_, i) => i + 1).filter((g) => C % g === 0);
    return {
      sizes: { ...extents(choose, ['N', 'E', ...spatialNames(choose.integer(0, 2))], 4), C, K },
      options: {
        numGroups: choose.oneOf(divisors),
        keyGroupSize,
        eps: choose.oneOf(epsChoices),
        unbiased: choose.oneOf([false, false, true]),
      },
    };
  },
  plan({ sizes, options }) {
    const { N, E, C, K } = sizes;
    const { numGroups, keyGroupSize, unbiased } = options as { numGroups: number; keyGroupSize: number; unbiased: boolean };
    if (N === undefined || E === undefined || C === undefined || K === undefined) return null;
    if (K * keyGroupSize !== C || C % numGroups !== 0) return null;
    const spatial = axesOf(sizes, 'S');
    const positions = product(sizes, spatial);
    if ((C / numGroups) * positions < 2 || (unbiased && keyGroupSize * positions < 2)) return null;
    const x = ['N', 'C', ...spatial];
    return {
      config: options,
      params: {
        weight: { axes: ['C'], filling: 'parameter' },
        bias: { axes: ['C'], filling: 'parameter' },
        encoderWeight: { axes: ['E', 'K'], filling: 'parameter' },
        weightDecoder: { axes: ['K', 'E'], filling: 'parameter' },
        biasDecoder: { axes: ['K', 'E'], filling: 'parameter' },
      },
      state: {},
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: ['train'],
    };
  },
  classifier: (channels, _spatial, random) => {
    const fits = channels % 4 === 0;
    return new InstanceLevelMetaNorm(channels, { numGroups: fits ? channels / 4 : 1, keyGroupSize: fits ? 4 : channels, random });
  },
};

/** Whether no hidden unit is so near to 0, against how far its features can move it, that a difference goes over its kink. */
function isAwayFromKinks({ params, inputs }: Call): boolean {
  const x = inputs.x!;
  const encoder = params.encoderWeight!;
  const [embedSize, keyGroups] = encoder.shape as [number, number];
  const channel = x.shape[0]! * keyGroups;
  const keys = moments(x.data, { outer: 1, channel, inner: x.data.length / channel });
  for (let n = 0; n < x.shape[0]!; n++) {
    for (let e = 0; e < embedSize; e++) {
      let [fromVariance, fromMean, varianceSize, meanSize] = [0, 0, 0, 0];
      for (let j = 0; j < keyGroups; j++) {
        const w = encoder.data[e * keyGroups + j]!;
        const variance = keys.variance[n * keyGroups + j]!;
        const mean = keys.mean[n * keyGroups + j]!;
        fromVariance += w * variance;
        fromMean += w * mean;
        varianceSize += Math.abs(w) * variance;
        meanSize += Math.abs(w) * (Math.abs(mean) + Math.sqrt(variance));
      }
      if (!(Math.abs(fromVariance) > 2 ** -6 * varianceSize && Math.abs(fromMean) > 2 ** -6 * meanSize)) return false;
    }
  }
  return true;
}
