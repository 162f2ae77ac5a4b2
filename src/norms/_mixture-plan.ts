/** Options, state and arguments of mixture norm: what is checked, and where EM starts. */
import { assign } from '../tensor/assign.ts';
import { fromArray, full, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { Random } from '../tensor/random.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkCount, checkEps, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import { batchMoments, type Mixture, rowsOf } from './_mixture-em.ts';
import { seedRows, seedUniform } from './_mixture-seeding.ts';
import { blend } from './_running.ts';

/** What mixture norm carries from one training call to the next. */
export interface MixtureNormState {
  /** The weights of the components, `[K]`. */
  readonly runningWeight: Tensor;
  /** The means of the components, `[K, C]`. */
  readonly runningMean: Tensor;
  /** The biased variances of the components, `[K, C]`. */
  readonly runningVar: Tensor;
  /** The number of training calls so far, a scalar. */
  readonly numBatchesTracked: Tensor;
}

/** Where EM starts in a training call. */
export type MixtureInit = 'running' | 'kmeans++' | 'given';

/** What of EM the gradient goes through. */
export type EmGradient = 'none' | 'posterior' | 'full';

/** Options of `mixtureNorm`. */
export interface MixtureNormOptions {
  /** The number of components, K, at least 1. Default 3. */
  numComponents?: number;
  /** Rounds of EM in a training call, at least 0. Default 2. */
  emSteps?: number;
  /** Added to the variances that normalize, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Added to the variances of the mixture that gives the posteriors; finite, at least 0. Default 1e-6. */
  covEps?: number;
  /** Weight of the new value in the running statistics, in [0, 1]; the first batch counts fully. Default 0.1. */
  momentum?: number;
  /**
   * Where EM starts: `'given'`, at `initMeans`; `'kmeans++'`, at rows that are far from each other; `'running'`, at the
   * state, and with the first batch at `initMeans` if there are any, else as `'kmeans++'`. Default `'running'`.
   */
  init?: MixtureInit;
  /** What the gradient goes through: `'full'`, all of EM; `'posterior'`, the last E step; `'none'`. Default `'posterior'`. */
  emGradient?: EmGradient;
  /** The means that EM starts from, `[K, C]`. Default: none. */
  initMeans?: Tensor | null;
  /** For seeding, `[K]`, in [0, 1). Default: drawn from `seed`. */
  uniforms?: Tensor | null;
  /** An integer in [0, 2^53) that uniforms are drawn from when they are not given. Default 0. */
  seed?: number;
  /** Fit the mixture to the batch and update the state; otherwise use the state's. Default true. */
  training?: boolean;
}

/** Where EM starts: a mixture; no variances stand for those of the batch. */
export type MixtureStart = Pick<Mixture, 'weight' | 'mean'> & { readonly variance: Float64Array | null };

/** Options with their defaults, and what follows from them and from the data. */
export interface MixturePlan {
  readonly caller: string;
  readonly emSteps: number;
  readonly eps: number;
  readonly covEps: number;
  readonly emGradient: EmGradient;
  readonly start: MixtureStart;
  /** The statistics of the state when they normalize; null when the batch's do. */
  readonly running: Pick<Mixture, 'mean' | 'variance'> | null;
}

/** The state that a call moves, and the weight of the new value. */
export interface MixtureUpdate {
  readonly state: MixtureNormState;
  readonly momentum: number;
}

/** A fresh state: equal weights, means 0, variances 1, no batches. */
export function newMixtureState(
  numFeatures: number,
  numComponents: number,
  dtype: NonNullable<TensorOptions['dtype']>,
): MixtureNormState {
  return {
    runningWeight: full([numComponents], 1 / numComponents, { dtype }),
    runningMean: zeros([numComponents, numFeatures], { dtype }),
    runningVar: full([numComponents, numFeatures], 1, { dtype }),
    numBatchesTracked: zeros([], { dtype }),
  };
}

/** Uniforms in [0, 1) for seeding, as many as there are components. */
export function drawUniforms(seed: number, numComponents: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: numComponents }, () => seedUniform(random));
}

/** Counts a training call and moves the state towards its mixture's weights and the statistics that normalized. */
export function trackMixture(
  { state, momentum }: MixtureUpdate,
  weight: ArrayLike<number>,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
): void {
  const count = state.numBatchesTracked.data[0]!;
  const share = count === 0 ? 1 : momentum;
  blend(state.runningWeight, weight, share);
  blend(state.runningMean, mean, share);
  blend(state.runningVar, variance, share);
  assign(state.numBatchesTracked, fromArray([count + 1], []));
}

/** Throws for options that have no meaning, by themselves or together. */
export function checkMixtureOptions(
  caller: string,
  { numComponents = 3, emSteps = 2, eps = 1e-5, covEps = 1e-6, momentum = 0.1, init = 'running', emGradient = 'posterior', ...rest }: MixtureNormOptions,
): void {
  checkCount(caller, 'numComponents', numComponents);
  if (!(Number.isInteger(emSteps) && emSteps >= 0)) {
    throw new RangeError(`${caller}: emSteps must be an integer of at least 0, got ${emSteps}`);
  }
  checkEps(caller, eps);
  checkEps(caller, covEps, 'covEps');
  checkMomentum(caller, momentum);
  checkOneOf(caller, 'init', init, ['running', 'kmeans++', 'given']);
  checkOneOf(caller, 'emGradient', emGradient, ['none', 'posterior', 'full']);
  const { initMeans = null, uniforms = null } = rest;
  if (init === 'given' && !initMeans) throw new RangeError(`${caller}: init 'given' needs initMeans, [numComponents, channels]`);
  if (init === 'kmeans++' && initMeans) throw new RangeError(`${caller}: init 'kmeans++' has no use for initMeans; choose 'given'`);
  if (uniforms && initMeans) throw new RangeError(`${caller}: uniforms are for seeding, which initMeans replace; give one of them`);
}

function checkOneOf(caller: string, name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw new RangeError(`${caller}: ${name} must be '${known.join("', '")}', got '${value}'`);
}

/** Checks everything, and finds where EM starts and what is updated afterwards, if anything. Changes nothing. */
export function planMixture(
  caller: string,
  [x, weight, bias]: readonly [Tensor, Tensor | null, Tensor | null],
  state: MixtureNormState | null,
  options: MixtureNormOptions,
): { plan: MixturePlan; update: MixtureUpdate | null } {
  const { numComponents = 3, emSteps = 2, eps = 1e-5, covEps = 1e-6, momentum = 0.1 } = options;
  const { emGradient = 'posterior', initMeans = null, uniforms = null, seed = 0, training = true, init = 'running' } = options;
  checkRank(caller, x, 2, Infinity, '[N, C, ...spatial]');
  checkMixtureOptions(caller, options);
  const channels = x.shape[1]!;
  const shape = [numComponents, channels];
  checkLike(caller, 'weight', weight, [channels], x);
  checkLike(caller, 'bias', bias, [channels], x);
  checkLike(caller, 'initMeans', initMeans, shape, x);
  checkLike(caller, 'uniforms', uniforms, [numComponents], x);
  if (initMeans) checkFinite(caller, 'initMeans', initMeans);
  uniforms?.data.forEach((u, k) => {
    if (!(u >= 0 && u < 1)) throw new RangeError(`${caller}: uniforms must be in [0, 1), got ${u} at component ${k}`);
  });
  const held = state && checkState(caller, state, shape, x);
  const common = { caller, emSteps, eps, covEps, emGradient };
  if (held && !training) {
    const start = { ...held, variance: held.variance.map((v) => v + covEps) };
    return { plan: { ...common, emSteps: 0, start, running: held }, update: null };
  }
  if (x.shape[0]! * spatialSize(x) === 0 || channels === 0) {
    throw new ShapeError(`${caller}: a mixture of the batch needs at least one value, got x of shape ${showShape(x.shape)}`);
  }
  checkFinite(caller, 'x', x);
  const update = state && { state, momentum };
  if (init === 'running' && held && state!.numBatchesTracked.data[0]! > 0) {
    const start = { ...held, variance: held.variance.map((v) => v + covEps) };
    return { plan: { ...common, start, running: null }, update };
  }
  const mean = initMeans
    ? Float64Array.from(initMeans.data)
    : seedMeans(x, uniforms ? uniforms.data : drawUniforms(seed, numComponents));
  const start = { weight: new Float64Array(numComponents).fill(1 / numComponents), mean, variance: null };
  return { plan: { ...common, start, running: null }, update };
}

/** The rows that k-means++ chooses. */
function seedMeans(x: Tensor, uniforms: ArrayLike<number>): Float64Array {
  const channels = x.shape[1]!;
  const { values, count } = rowsOf(x);
  const mean = new Float64Array(uniforms.length * channels);
  seedRows(values, count, channels, uniforms).forEach((row, k) => {
    mean.set(values.subarray(row * channels, (row + 1) * channels), k * channels);
  });
  return mean;
}

/** The mixture that EM starts from, with the variance of the batch where none is given. */
export function startOf({ start, covEps }: MixturePlan, x: Tensor): Mixture {
  const { weight, mean, variance } = start;
  if (variance) return { weight, mean, variance };
  const batch = batchMoments(x).variance;
  return { weight, mean, variance: mean.map((_, at) => batch[at % batch.length]! + covEps) };
}

/** The state in double. Throws unless it fits x and is that of a mixture. */
function checkState(caller: string, state: MixtureNormState, shape: readonly [number, number] | number[], x: Tensor): Mixture {
  const { runningWeight, runningMean, runningVar, numBatchesTracked } = state;
  checkLike(caller, 'runningWeight', runningWeight, [shape[0]!], x);
  checkLike(caller, 'runningMean', runningMean, shape, x);
  checkLike(caller, 'runningVar', runningVar, shape, x);
  checkLike(caller, 'numBatchesTracked', numBatchesTracked, [], x);
  const poor = runningWeight.data.findIndex((weight) => !(weight > 0));
  if (poor >= 0) {
    throw new RangeError(`${caller}: runningWeight must be positive, got ${runningWeight.data[poor]} for component ${poor}`);
  }
  const negative = runningVar.data.findIndex((v) => v < 0);
  if (negative >= 0) {
    throw new RangeError(`${caller}: runningVar must not be negative, got ${runningVar.data[negative]} at element ${negative}; it is a variance`);
  }
  const [weight, mean, variance] = [runningWeight, runningMean, runningVar].map(({ data }) => Float64Array.from(data));
  return { weight: weight!, mean: mean!, variance: variance! };
}

/** Throws unless every value is finite, and the squares of its distances are too. */
function checkFinite(caller: string, name: string, x: Tensor): void {
  const most = x.dtype === 'float32' ? 2 ** 62 : 2 ** 510;
  for (let i = 0; i < x.data.length; i++) {
    if (!(Math.abs(x.data[i]!) <= most)) {
      throw new RangeError(
        `${caller}: ${name} must be finite and so must be squared distances, got ${x.data[i]} at element ${i}; ` +
          'EM would carry it into every component and into the state',
      );
    }
  }
}
