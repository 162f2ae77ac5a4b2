/**
 * Decorrelated Batch Normalization.
 * L. Huang, D. Yang, B. Lang, J. Deng, Decorrelated Batch Normalization, CVPR 2018, arXiv 1804.08450; method "iterative":
 * L. Huang, Y. Zhou, F. Zhu, L. Liu, L. Shao, Iterative Normalization: Beyond Standardization towards Efficient Whitening,
 * CVPR 2019, arXiv 1904.03441.
 *
 *     mean  = mean(x)                                          per channel, over the batch and all spatial axes
 *     sigma = mean((x - mean) (x - mean)ᵀ) + eps I             for each group of channels; biased, eps on the diagonal
 *     w     = sigma^(-1/2)                                     symmetric (ZCA); or numIterations steps towards it
 *     y     = w (x - mean) * weight + bias                     w per group, weight and bias per channel
 *
 * Batch norm gives every channel variance 1; this also takes away what channels of a group have in common. Of all
 * matrices that do it, ZCA's is the one that changes x least, and it does not depend on the order or the signs of
 * eigenvectors. Its derivative has no difference of eigenvalues as divisor: equal eigenvalues are no special case.
 *
 * Training normalizes with mean and w of the batch and moves the running ones towards them: the average is one of the
 * matrices w, as in the authors' code, not of covariances. Evaluation normalizes with the running ones.
 *
 * A value that is not finite in a training batch makes all that its group has to do with NaN, the running matrix too.
 * With groups of one channel it equals batch norm.
 */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { inverseSqrt } from '../autograd/inverse-sqrt.ts';
import { matmul } from '../autograd/matmul.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { permute } from '../autograd/permute.ts';
import { type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { sub } from '../autograd/sub.ts';
import { transpose } from '../autograd/transpose.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { fromArray, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkGroups, checkLike, checkMomentum, checkRank, spatialSize } from './_check.ts';
import { moments } from './_moments.ts';
import { identity, newtonSchulzDefinition } from './_newton-schulz.ts';
import { blend } from './_running.ts';
import { correlate, transform, transformBack } from './_whiten.ts';
import { type Whitening, whiteningBackward, whiteningOf, type WhiteningSettings } from './_whitening.ts';

/** What decorrelated batch norm carries from one training call to the next. */
export interface DecorrelatedBatchNormState {
  /** The running mean, `[C]`. */
  readonly runningMean: Tensor;
  /** The running whitening matrix of each group, `[numGroups, C / numGroups, C / numGroups]`. */
  readonly runningWhitening: Tensor;
}

/** Options of `decorrelatedBatchNorm`. */
export interface DecorrelatedBatchNormOptions {
  /** How many groups of neighbouring channels are whitened, each by itself; divides the channels. Default 1. */
  numGroups?: number;
  /** Added to the diagonal of the covariance; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Weight of the new value in the running mean and matrix, in [0, 1]. Default 0.1. */
  momentum?: number;
  /** How the inverse root is found: `'zca'`, exactly, or `'iterative'`, by Newton and Schulz' steps. Default `'zca'`. */
  method?: 'zca' | 'iterative';
  /** Steps of the iterative method; few whiten small eigenvalues partly. Default 5. */
  numIterations?: number;
  /** Normalize with the batch's statistics and update the state; otherwise with the state's. Default true. */
  training?: boolean;
}

/** A fresh state: running mean 0, running matrices the identity. Throws a RangeError or ShapeError for bad numbers. */
export function decorrelatedBatchNormState(
  numFeatures: number,
  { numGroups = 1, dtype = 'float32' }: { numGroups?: number; dtype?: TensorOptions['dtype'] } = {},
): DecorrelatedBatchNormState {
  checkCount('decorrelatedBatchNormState', 'numFeatures', numFeatures);
  checkGroups('decorrelatedBatchNormState', numGroups, numFeatures);
  const size = numFeatures / numGroups;
  const runningWhitening = zeros([numGroups, size, size], { dtype });
  for (let c = 0; c < numFeatures; c++) runningWhitening.data[c * size + (c % size)] = 1;
  return { runningMean: zeros([numFeatures], { dtype }), runningWhitening };
}

/** `decorrelatedBatchNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function decorrelatedBatchNormDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: DecorrelatedBatchNormState | null = null,
  options: DecorrelatedBatchNormOptions = {},
): Tensor {
  const plan = check('decorrelatedBatchNormDefinition', x, weight, bias, state, options);
  const given = plan.own ? null : { mean: state!.runningMean, w: state!.runningWhitening };
  const found = compose(x, weight, bias, given, plan);
  if (plan.update) track(state!, found.mean.data, found.w.data, plan.momentum);
  return found.y;
}

/** y, and the mean `[C]` and the matrices `[numGroups, size, size]` that it is made with: the given ones, or those of x. */
function compose(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  given: { readonly mean: Tensor; readonly w: Tensor } | null,
  { view: { outer, channel, inner }, numGroups, size, eps, method, numIterations }: WhiteningSettings,
): { y: Tensor; mean: Tensor; w: Tensor } {
  const rank = x.shape.length;
  const grouped = permute(reshape(x, [outer, numGroups, size, inner]), [1, 2, 0, 3]);
  const rows = reshape(grouped, [numGroups, size, outer * inner]);
  const mu = given ? reshape(given.mean, [numGroups, size, 1]) : mean(rows, { axis: 2, keepDims: true });
  const centred = sub(rows, mu);
  const covariance = given ? null : div(matmul(centred, transpose(centred)), outer * inner);
  const w = !covariance
    ? given!.w
    : method === 'zca'
      ? inverseSqrt(covariance, eps)
      : newtonSchulzDefinition(add(covariance, mul(identity(size, x.dtype), eps)), numIterations);
  const xHat = permute(reshape(matmul(w, centred), [numGroups, size, outer, inner]), [2, 0, 1, 3]);
  const y = scaleAndShift(reshape(xHat, x.shape), perChannel(weight, rank), perChannel(bias, rank));
  return { y, mean: reshape(mu, [channel]), w };
}

/**
 * `y = w (x - mean) * weight + bias`, where the matrix w of each group of channels is the inverse square root of their
 * covariance plus eps on its diagonal: with the statistics of the batch when training or without a state, with the
 * running ones otherwise.
 *
 * `x`: `[N, C, ...spatial]`; `weight`, `bias`: `[C]` or null; `state` is updated by a training call, outside the graph.
 * Where a group has more channels than there are positions in the batch, or channels without spread, raise eps: w has
 * rows as large as `eps^(-1/2)` there, which training does not notice and evaluation does.
 *
 * Throws a ShapeError when shapes do not fit, the groups do not divide the channels or the batch has a single position,
 * a RangeError for a bad option, and a TypeError for dtypes that differ. Source: arXiv 1804.08450, 1904.03441.
 * @example
 * ```ts
 * const x = tensor([[2, 1], [-2, -1], [1, 2], [-1, -2]]);
 * toArray(decorrelatedBatchNorm(x, null, null, null, { eps: 0 }));
 * // [[1.4142136, 0], [-1.4142136, 0], [0, 1.4142136], [0, -1.4142136]]
 * ```
 */
export function decorrelatedBatchNorm(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: DecorrelatedBatchNormState | null = null,
  options: DecorrelatedBatchNormOptions = {},
): Tensor {
  const { update, momentum, ...settings } = check('decorrelatedBatchNorm', x, weight, bias, state, options);
  const mu = settings.own ? moments(x.data, settings.view).mean : Float64Array.from(state!.runningMean.data);
  const found = settings.own ? whiteningOf(x.data, mu, settings) : { w: Float64Array.from(state!.runningWhitening.data) };
  const inputs = [x, weight, bias] as const;
  const saved = { inputs, mean: mu, ...found, ...settings };
  const y = transform(x.data, settings, mu, found.w, weight && weight.data, bias && bias.data);
  const output = record(decorrelatedBatchNormOp, inputs, saved, new Tensor(y, x.shape));
  if (update) track(state!, mu, found.w, momentum);
  return output;
}

const decorrelatedBatchNormOp: Op<Saved> = {
  name: 'decorrelatedBatchNorm',
  // With v = x - mean, h = dy weight and M positions: dBias = sum dy;  dWeight = the diagonal of sum dy (w v)ᵀ;
  // dw = sum h vᵀ;  dx = wᵀ (h - mean(h)) + (dsigma + dsigmaᵀ) v / M;  with running statistics dx = wᵀ h
  pullback(dy, saved, needs) {
    const { inputs: [x, weight, bias], view, size, own, mean: mu, w } = saved;
    const sums = own || needs[1] || needs[2] ? correlate(dy.data, x.data, saved, mu) : null;
    const scale = weight && weight.data;
    const dWeight = new Float64Array(view.channel);
    for (let i = 0; i < w.length && needs[1]; i++) dWeight[Math.floor(i / size)]! += w[i]! * sums!.matrices[i]!;
    let through = null;
    if (own && needs[0]) {
      const positions = view.outer * view.inner;
      const dw = sums!.matrices.map((value, i) => value * (scale ? scale[Math.floor(i / size)]! : 1));
      const shift = sums!.sums.map((value, c) => (value * (scale ? scale[c]! : 1)) / positions);
      through = { shift, k: whiteningBackward(dw, saved) };
    }
    return [
      needs[0] ? new Tensor(transformBack(dy.data, x.data, saved, mu, w, scale, through), x.shape) : null,
      needs[1] ? new Tensor(rounded(dWeight, x.dtype), weight!.shape) : null,
      needs[2] ? new Tensor(rounded(sums!.sums, x.dtype), bias!.shape) : null,
    ];
  },
  definition([x, weight, bias], saved) {
    const { dtype } = x!;
    const { own, mean: mu, w, numGroups, size } = saved;
    const given = { mean: fromArray(mu, [mu.length], { dtype }), w: fromArray(w, [numGroups, size, size], { dtype }) };
    return compose(x!, weight ?? null, bias ?? null, own ? null : given, saved).y;
  },
};

/** Options with their defaults, and what follows from them. */
interface Plan extends WhiteningSettings {
  readonly momentum: number;
  readonly update: boolean;
}

interface Saved extends WhiteningSettings, Whitening {
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null];
  readonly mean: Float64Array;
}

/**
 * Decorrelated batch norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, and its
 * running mean and matrices. `train()` and `eval()` choose between the batch's statistics and the running ones.
 * @example
 * ```ts
 * const norm = new DecorrelatedBatchNorm(8, { numGroups: 2, method: 'iterative' });
 * norm.forward(ones([4, 8, 3, 3])).shape; // [4, 8, 3, 3]
 * norm.state.runningWhitening.shape; // [2, 4, 4]
 * ```
 */
export class DecorrelatedBatchNorm extends Module {
  readonly numFeatures: number;
  readonly numGroups: number;
  readonly eps: number;
  readonly momentum: number;
  readonly method: 'zca' | 'iterative';
  readonly numIterations: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: DecorrelatedBatchNormState;

  /** `affine` (default true) makes weight and bias. */
  constructor(
    numFeatures: number,
    {
      numGroups = 1,
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      method = 'zca',
      numIterations = 5,
      dtype = 'float32',
    }: Omit<DecorrelatedBatchNormOptions, 'training'> & { affine?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    const caller = 'DecorrelatedBatchNorm';
    checkCount(caller, 'numFeatures', numFeatures);
    checkOptions(caller, numFeatures, { numGroups, eps, momentum, method, numIterations });
    this.numFeatures = numFeatures;
    this.numGroups = numGroups;
    this.eps = eps;
    this.momentum = momentum;
    this.method = method;
    this.numIterations = numIterations;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = decorrelatedBatchNormState(numFeatures, { numGroups, dtype });
  }

  forward(x: Tensor): Tensor {
    checkChannels('DecorrelatedBatchNorm', x, this.numFeatures);
    return decorrelatedBatchNorm(x, this.weight, this.bias, this.state, this);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

function track(state: DecorrelatedBatchNormState, mu: ArrayLike<number>, w: ArrayLike<number>, momentum: number): void {
  blend(state.runningMean, mu, momentum);
  blend(state.runningWhitening, w, momentum);
}

function checkOptions(
  caller: string,
  channels: number,
  { numGroups, eps, momentum, method, numIterations }: Required<Omit<DecorrelatedBatchNormOptions, 'training'>>,
): void {
  checkGroups(caller, numGroups, channels);
  checkEps(caller, eps);
  checkMomentum(caller, momentum);
  if (method !== 'zca' && method !== 'iterative') {
    throw new RangeError(`${caller}: method must be 'zca' or 'iterative', got ${String(method)}`);
  }
  checkCount(caller, 'numIterations', numIterations);
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: DecorrelatedBatchNormState | null,
  { numGroups = 1, eps = 1e-5, momentum = 0.1, method = 'zca', numIterations = 5, training = true }: DecorrelatedBatchNormOptions,
): Plan {
  checkRank(caller, x, 2, Infinity, '[N, C, ...spatial]');
  const [outer, channel] = x.shape as [number, number];
  checkOptions(caller, channel, { numGroups, eps, momentum, method, numIterations });
  checkLike(caller, 'weight', weight, [channel], x);
  checkLike(caller, 'bias', bias, [channel], x);
  const size = channel / numGroups;
  if (state) {
    checkLike(caller, 'runningMean', state.runningMean, [channel], x);
    checkLike(caller, 'runningWhitening', state.runningWhitening, [numGroups, size, size], x);
  }
  const view = { outer, channel, inner: spatialSize(x) };
  const own = training || !state;
  if (own && outer * view.inner < 2) {
    throw new ShapeError(
      `${caller}: statistics of the batch need more than one value per channel, got x of shape ${showShape(x.shape)}; ` +
        'use a larger batch, or evaluate with running statistics',
    );
  }
  return { view, numGroups, size, eps, momentum, method, numIterations, own, update: training && state !== null };
}
