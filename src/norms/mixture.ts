/**
 * Mixture Normalization.
 * M. M. Kalayeh, M. Shah, Training Faster by Separating Modes of Variation in Batch-normalized Models, IEEE TPAMI 2019,
 * arXiv 1806.02892.
 *
 *     fit a mixture of K normal distributions with weights w[k] to the rows x[i] by EM, then
 *     p[i,k]  = posterior of component k for row i
 *     r[i,k]  = p[i,k] / sum over the rows of p[k]
 *     mean[k] = sum of r[k] x,  v[k] = sum of r[k] (x - mean[k])^2
 *     xHat[i] = sum over k of p[i,k] / sqrt(w[k]) (x[i] - mean[k]) / sqrt(v[k] + eps)
 *     y       = xHat * weight + bias
 *
 * A row is the vector of all channels at one sample and position, so that its channels share one posterior; means and
 * variances are per channel. Where batch norm draws one bell over several modes, each mode is normalized by itself.
 * There is no released code: how EM starts, how long it runs, what the gradient goes through and what evaluation uses is
 * defined here, in `_mixture-em.ts` and the options.
 *
 * Training runs EM from a start that `init` chooses, and moves the running weights, means and variances (biased) towards
 * those that it normalized with; the first batch replaces them. Evaluation takes posteriors by one E step, and all
 * statistics, from the state. `covEps` keeps the variances of the mixture from 0, `eps` stands under the root.
 *
 * `emGradient` says what is a constant for the gradient: with `'none'` posteriors and weights, with `'posterior'` the
 * mixture, with `'full'` nothing but the start. Only `'full'` is the derivative of the whole training call. The choice of
 * seeds, given means and the state never get a gradient.
 *
 * A value that is not finite in a training batch is refused before EM: it would be in every component, and in the state
 * for good. In evaluation it spoils its own row alone.
 *
 * With one component it equals batch norm, and with equal initial means sqrt(K) times batch norm.
 */
import { type Op, record } from '../autograd/record.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { copy, fromArray, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkChannels, checkCount, checkLike } from './_check.ts';
import { mix, mixBackward, type MixtureSaved } from './_mixture.ts';
import { mixDefinition } from './_mixture-definition.ts';
import { fit, rowsOf } from './_mixture-em.ts';
import {
  checkMixtureOptions,
  drawUniforms,
  type EmGradient,
  type MixtureInit,
  type MixtureNormOptions,
  type MixtureNormState,
  newMixtureState,
  planMixture,
  startOf,
  trackMixture,
} from './_mixture-plan.ts';

export type { EmGradient, MixtureInit, MixtureNormOptions, MixtureNormState } from './_mixture-plan.ts';

/** A fresh state: equal weights, means 0, variances 1, no batches. */
export function mixtureNormState(
  numFeatures: number,
  { numComponents = 3, dtype = 'float32' }: { numComponents?: number; dtype?: TensorOptions['dtype'] } = {},
): MixtureNormState {
  return newMixtureState(numFeatures, numComponents, dtype);
}

/** `mixtureNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function mixtureNormDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: MixtureNormState | null = null,
  options: MixtureNormOptions = {},
): Tensor {
  const { plan, update } = planMixture('mixtureNormDefinition', [x, weight, bias], state, options);
  const found = mixDefinition(x, weight, bias, plan);
  if (update) trackMixture(update, found.weight.data, found.mean.data, found.variance.data);
  return found.y;
}

/**
 * `y = (sum over k of p[k] / sqrt(w[k]) (x - mean[k]) / sqrt(v[k] + eps)) * weight + bias`, with the components of a
 * mixture that EM fits to the batch when training or without a state, and with those of the state otherwise.
 *
 * `x`: `[N, C, ...spatial]`; `weight`, `bias`: `[C]` or null; `state` is updated by a training call, outside the graph.
 * Throws a ShapeError when shapes do not fit or there is no row, a RangeError for bad options or state, for an x that is
 * not finite when training, and for a component without variance when covEps is 0, and a TypeError for dtypes that
 * differ. Source: arXiv 1806.02892.
 * @example
 * ```ts
 * const x = tensor([[0], [2], [100], [102]]);
 * const initMeans = tensor([[0], [100]]);
 * toArray(mixtureNorm(x, null, null, null, { numComponents: 2, initMeans, emSteps: 5 }));
 * // [[-1.4142065], [1.4142065], [-1.4142065], [1.4142065]]
 * ```
 */
export function mixtureNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: MixtureNormState | null = null,
  options: MixtureNormOptions = {},
): Tensor {
  const { plan, update } = planMixture('mixtureNorm', [x, weight, bias], state, options);
  const inputs = [x, weight, bias] as const;
  const rows = rowsOf(x);
  const rounds = fit(rows, startOf(plan, x), plan);
  const mixture = rounds[rounds.length - 1]!;
  const saved = { inputs, plan, rounds: plan.emGradient === 'full' ? rounds : [mixture] };
  const { y, mean, variance } = mix(saved, rows);
  if (update) trackMixture(update, mixture.weight, mean, variance);
  return record(mixtureNormOp, inputs, saved, y);
}

const mixtureNormOp: Op<MixtureSaved> = {
  name: 'mixtureNorm',
  // dBias = sum dy;  dWeight = sum dy xHat;  with c = p / sqrt(w), r = p / sum p and gh = dy weight
  // dx = sum over k of rstd (c gh - r sum(c gh) - r xHat[k] sum(c gh xHat[k])), and what comes through EM
  pullback: mixBackward,
  definition: ([x, weight, bias], { plan }) => mixDefinition(x!, weight ?? null, bias ?? null, plan).y,
};

/** Options of the class. */
export interface MixtureNormLayerOptions extends Omit<MixtureNormOptions, 'training'> {
  /** Make weight and bias. Default true. */
  affine?: boolean;
  /** Element type of parameters and state. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * Mixture norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, the running weights
 * `[numComponents]`, means and variances `[numComponents, numFeatures]`, and what EM starts from: `initMeans`, or
 * `uniforms` for seeding. `train()` and `eval()` choose between fitting the batch and using the state.
 * @example
 * ```ts
 * const norm = new MixtureNorm(1, { numComponents: 2, initMeans: tensor([[0], [100]]), emSteps: 5 });
 * norm.forward(tensor([[0], [2], [100], [102]])).shape; // [4, 1]
 * toArray(norm.state.runningMean); // [[1], [101]]
 * ```
 */
export class MixtureNorm extends Module {
  readonly numFeatures: number;
  readonly numComponents: number;
  readonly emSteps: number;
  readonly eps: number;
  readonly covEps: number;
  readonly momentum: number;
  readonly init: MixtureInit;
  readonly emGradient: EmGradient;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: MixtureNormState;
  /** The means that EM starts from; null where it is seeded. */
  readonly initMeans: Tensor | null;
  /** What seeding uses; null where it is not needed. */
  readonly uniforms: Tensor | null;

  constructor(numFeatures: number, { affine = true, dtype = 'float32', ...options }: MixtureNormLayerOptions = {}) {
    super();
    checkCount('MixtureNorm', 'numFeatures', numFeatures);
    checkMixtureOptions('MixtureNorm', options);
    const { numComponents = 3, emSteps = 2, eps = 1e-5, covEps = 1e-6, momentum = 0.1 } = options;
    const { init = 'running', emGradient = 'posterior', initMeans = null, uniforms = null, seed = 0 } = options;
    this.numFeatures = numFeatures;
    this.numComponents = numComponents;
    this.emSteps = emSteps;
    this.eps = eps;
    this.covEps = covEps;
    this.momentum = momentum;
    this.init = init;
    this.emGradient = emGradient;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = newMixtureState(numFeatures, numComponents, dtype);
    checkLike('MixtureNorm', 'initMeans', initMeans, this.state.runningMean.shape, this.state.runningMean);
    checkLike('MixtureNorm', 'uniforms', uniforms, [numComponents], this.state.runningMean);
    this.initMeans = initMeans && copy(initMeans);
    const own = uniforms ? uniforms.data.slice() : drawUniforms(seed, numComponents);
    this.uniforms = initMeans ? null : fromArray(own, [numComponents], { dtype });
  }

  forward(x: Tensor): Tensor {
    checkChannels('MixtureNorm', x, this.numFeatures);
    const { numComponents, emSteps, eps, covEps, momentum, init, emGradient, initMeans, uniforms, training } = this;
    const options = { numComponents, emSteps, eps, covEps, momentum, init, emGradient, initMeans, uniforms, training };
    return mixtureNorm(x, this.weight, this.bias, this.state, options);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    const { state, initMeans, uniforms } = this;
    return { ...state, ...(initMeans && { initMeans }), ...(uniforms && { uniforms }) };
  }
}
