/** Mixture norm in the catalogue. */
import { noGrad } from '../../autograd/record.ts';
import { fitDefinition, normalizeSoftly, posteriorOf, rowsOfTensor } from '../_mixture-definition.ts';
import { fit, floor, posteriors, rowsOf } from '../_mixture-em.ts';
import { planMixture, startOf } from '../_mixture-plan.ts';
import { MixtureNorm, mixtureNorm, mixtureNormDefinition, type MixtureNormOptions, type MixtureNormState } from '../mixture.ts';
import { axesOf, epsChoices, extents, momentumChoices, spatialNames } from './choices.ts';
import { type Call, type Mode, type NormEntry, pick } from './entry.ts';

export const mixture: NormEntry = {
  slug: 'mixture',
  name: 'Mixture Normalization',
  functionName: 'mixtureNorm',
  className: 'MixtureNorm',
  paper: {
    authors: 'M. M. Kalayeh, M. Shah',
    title: 'Training Faster by Separating Modes of Variation in Batch-normalized Models',
    year: 2019,
    link: 'https://arxiv.org/abs/1806.02892',
  },
  family: 'learned',
  averages: 'batch and space, per channel and component of a mixture',
  carries: 'weights, means and variances of the mixture, batch count',
  formula: `p[k] = posterior of component k of a mixture with weights w, fitted by EM
y = (sum over k of p[k] / sqrt(w[k]) * (x - mean[k]) / sqrt(variance[k] + eps)) * weight + bias     mean, variance: weighted by p[k]`,
  options: [
    { name: 'numFeatures', default: 'required', meaning: 'class only: the number of channels' },
    { name: 'numComponents', default: '3', meaning: 'the components of the mixture, at least 1' },
    { name: 'emSteps', default: '2', meaning: 'rounds of EM in a training call, at least 0' },
    { name: 'eps', default: '1e-5', meaning: 'added to the variances that normalize, under the root; finite, at least 0' },
    { name: 'covEps', default: '1e-6', meaning: 'added to the variances of the mixture that gives the posteriors; finite, at least 0' },
    { name: 'momentum', default: '0.1', meaning: 'weight of the new value, in [0, 1]; the first batch counts fully' },
    {
      name: 'init',
      default: "'running'",
      meaning: "where EM starts: `'given'`, at `initMeans`; `'kmeans++'`, at seeds; `'running'`, at the state, the first time at `initMeans` or seeds",
    },
    {
      name: 'emGradient',
      default: "'posterior'",
      meaning: "what the gradient goes through: `'full'`, all of EM; `'posterior'`, the last E step; `'none'`",
    },
    { name: 'initMeans', default: 'none', meaning: 'the means that EM starts from, `[numComponents, channels]`' },
    { name: 'uniforms', default: 'from `seed`', meaning: 'numbers in [0, 1) that choose the seeds, `[numComponents]`' },
    { name: 'seed', default: '0', meaning: 'what uniforms are drawn from' },
    { name: 'training', default: 'true', meaning: 'function only: fit and track the mixture of the batch' },
    { name: 'affine', default: 'true', meaning: 'class only: learn weight and bias' },
  ],
  whole: ['numBatchesTracked', 'uniforms'],
  apply(form, call) {
    const norm = form === 'fused' ? mixtureNorm : mixtureNormDefinition;
    const { x, weight, bias, state, options } = argumentsOf(call);
    return { y: norm(x, weight, bias, state, options) };
  },
  held(_, call) {
    const { x, weight, bias, state, options } = argumentsOf(call);
    const { plan } = planMixture('mixtureNorm', [x, weight, bias], state, options);
    const { emGradient } = plan;
    const still = noGrad(() => {
      const rows = rowsOfTensor(x);
      const fitted = fitDefinition(rows, plan);
      return { fitted, p: posteriorOf(rows, fitted) };
    });
    return ({ params, inputs }) => {
      const rows = rowsOfTensor(inputs.x!);
      const fitted = emGradient === 'full' ? fitDefinition(rows, plan) : still.fitted;
      const p = emGradient === 'none' ? still.p : posteriorOf(rows, fitted);
      return { y: normalizeSoftly([inputs.x!, params.weight ?? null, params.bias ?? null], rows, p, fitted.weight, plan).y };
    };
  },
  smooth(call) {
    const { x, weight, bias, state, options } = argumentsOf(call);
    const { plan } = planMixture('mixtureNorm', [x, weight, bias], state, options);
    const rows = rowsOf(x);
    const found = fit(rows, startOf(plan, x), plan).map((mixture) => posteriors(rows, mixture));
    const components = plan.start.weight.length;
    return found.every((p) => offFloor(p, components)) && (plan.running !== null || shared(found[found.length - 1]!, components));
  },
  draw(choose) {
    return {
      sizes: extents(choose, ['N', 'C', 'K', ...spatialNames(choose.integer(0, 2))], 4),
      options: {
        emSteps: choose.integer(0, 2),
        eps: choose.oneOf(epsChoices),
        covEps: choose.oneOf([0.125, 2 ** -10, 1e-6]),
        momentum: choose.oneOf(momentumChoices),
        init: choose.oneOf(['given', 'running', 'running']),
        emGradient: choose.oneOf(['none', 'posterior', 'full', 'full']),
        affine: choose.oneOf([true, true, false]),
        warm: choose.oneOf([true, false]),
        modes: choose.oneOf<readonly Mode[]>([['train'], ['train', 'train'], ['eval'], ['train', 'eval']]),
      },
    };
  },
  plan({ sizes, options: { modes, warm, ...options } }) {
    const { N, C, K } = sizes;
    if (N === undefined || C === undefined || K === undefined) return null;
    const x = ['N', 'C', ...axesOf(sizes, 'S')];
    // seeds are rows, and which ones may turn on a rounding: cases start from means or from the state
    const given = options.init === 'given' || warm === false;
    return {
      config: { numFeatures: C, numComponents: K, ...options },
      params: options.affine
        ? { weight: { axes: ['C'], filling: 'parameter' }, bias: { axes: ['C'], filling: 'parameter' } }
        : {},
      state: {
        runningWeight: { axes: ['K'], filling: 'positive' },
        runningMean: { axes: ['K', 'C'], filling: 'parameter' },
        runningVar: { axes: ['K', 'C'], filling: 'positive' },
        numBatchesTracked: given ? { axes: [], filling: 'index', below: 3 } : { axes: [], filling: 'one' },
        ...(given && { initMeans: { axes: ['K', 'C'], filling: 'parameter' as const } }),
      },
      inputs: { x: { axes: x, filling: 'data' } },
      outputs: { y: x },
      modes: modes as readonly Mode[],
    };
  },
  classifier: (channels) => new MixtureNorm(channels),
};

/** Whether no sum of posteriors is near its floor, which is a kink. */
function offFloor(p: Float64Array, components: number): boolean {
  return sums(p, components).every((total) => Math.abs(Math.log(total / floor)) > 0.1);
}

/**
 * Whether every component that is not dead has more than one row. A row alone in its component is its mean: it gives 0,
 * and slopes that are what rounding leaves (measured: 2e-14, 1.01 times the bound that gradcheck measures).
 */
function shared(p: Float64Array, components: number): boolean {
  const squares = sums(p.map((value) => value * value), components);
  return sums(p, components).every((total, k) => total < floor || total * total > 1.001 * squares[k]!);
}

function sums(p: Float64Array, components: number): Float64Array {
  const total = new Float64Array(components);
  p.forEach((value, j) => (total[j % components]! += value));
  return total;
}

/** A call of the function form. */
function argumentsOf({ config, params, state, mode, inputs }: Call) {
  const names = ['numComponents', 'emSteps', 'eps', 'covEps', 'momentum', 'init', 'emGradient', 'seed'] as const;
  const { initMeans, uniforms, ...held } = state;
  const options: MixtureNormOptions = {
    ...pick<MixtureNormOptions>(config, names),
    ...(initMeans && { initMeans }),
    ...(uniforms && { uniforms }),
    training: mode === 'train',
  };
  const { weight = null, bias = null } = params;
  return { x: inputs.x!, weight, bias, state: held as unknown as MixtureNormState, options };
}
