/**
 * Synchronized Batch Normalization: batch norm whose batch is spread over replicas.
 * H. Zhang et al., Context Encoding for Semantic Segmentation, CVPR 2018, arXiv 1803.08904; C. Peng et al., MegDet: A
 * Large Mini-Batch Object Detector, CVPR 2018, arXiv 1711.07240.
 *
 *     mean = mean(x_0, x_1, …)              per channel, over all replicas, their batches and spatial axes
 *     v    = mean((x_r - mean)^2)           biased
 *     y_r  = (x_r - mean) / sqrt(v + eps) * weight + bias
 *
 * Each replica finds count, mean and variance of its own values; these are merged in the order of the replicas (Chan),
 * which is exact for replicas of unequal size and does not cancel at large means. State, training and evaluation are
 * those of batch norm: it equals batch norm of the replicas one behind the other, and of a single one it is batch norm.
 *
 * Replicas are in one process, as a list of tensors in one call; or one in each thread or process, which are connected
 * by a `Communicator`; or both. With losses that add up over all replicas, the gradient of x_r also goes through the
 * mean and variance that the other replicas are normalized with: two sums per channel cross in backward. Evaluation with
 * running statistics exchanges nothing.
 */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, recordAll } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { allReduce } from '../parallel/all-reduce.ts';
import { type Communicator, localCommunicator } from '../parallel/communicator.ts';
import { ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift, standardizeGiven } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkMomentum } from './_check.ts';
import { rstdOf } from './_moments.ts';
import { countOf, countOver, statisticsOver, sumsOver, totalOf, viewOf } from './_over-replicas.ts';
import { checkPerReplica, checkReplicas, parameterOf, type PerReplica } from './_replicas.ts';
import { checkRunning } from './_running.ts';
import { standardize, standardizeGradient, type StandardizeSaved, standardizeSums } from './_standardize.ts';
import { type BatchNormOptions, type BatchNormState, batchNormState, track } from './batch.ts';

/** Options of `syncBatchNorm`. */
export interface SyncBatchNormOptions extends BatchNormOptions {
  /** Connects this process to those that have the other replicas. Default: there are none. */
  communicator?: Communicator;
}

/** `syncBatchNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function syncBatchNormDefinition(x: Tensor, weight?: Tensor | null, bias?: Tensor | null, state?: BatchNormState | null, options?: SyncBatchNormOptions): Tensor;
export function syncBatchNormDefinition(xs: readonly Tensor[], weight?: PerReplica, bias?: PerReplica, state?: BatchNormState | null, options?: SyncBatchNormOptions): Tensor[];
export function syncBatchNormDefinition(
  given: Tensor | readonly Tensor[],
  weight: PerReplica = null,
  bias: PerReplica = null,
  state: BatchNormState | null = null,
  options: SyncBatchNormOptions = {},
): Tensor | Tensor[] {
  const { xs, weights, biases, eps, momentum, own, update, communicator } = check('syncBatchNormDefinition', given, weight, bias, state, options);
  const n = own ? countOver('syncBatchNormDefinition', xs, communicator) : 0;
  const rank = xs[0]!.shape.length;
  const axis = xs[0]!.shape.map((_, i) => i).filter((i) => i !== 1);
  const meanOver = (values: readonly Tensor[]): Tensor => {
    const here = values.map((x) => sum(x, { axis })).reduce((a, b) => add(a, b));
    return div(allReduce(here, communicator), n);
  };
  const mu = own ? meanOver(xs) : state!.runningMean;
  const v = own ? meanOver(xs.map((x) => square(sub(x, perChannel(mu, rank))))) : state!.runningVar;
  const rstd = rsqrt(add(v, eps));
  const ys = xs.map((x, r) => {
    const xHat = mul(sub(x, perChannel(mu, rank)), perChannel(rstd, rank));
    return scaleAndShift(xHat, perChannel(parameterOf(weights, r), rank), perChannel(parameterOf(biases, r), rank));
  });
  if (update) track(state!, mu.data, v.data, n, momentum);
  return given instanceof Tensor ? ys[0]! : ys;
}

/**
 * `y_r = (x_r - mean) / sqrt(v + eps) * weight + bias`, per channel: with the statistics of all replicas together when
 * training or without a state, with the running ones otherwise.
 *
 * A list of replicas gives a list; a tensor is the only replica of this process. All are `[N, C]` to `[N, C, D, H, W]`
 * of one rank, dtype and C; N and the spatial extents may differ. `weight`, `bias`: `[C]` or null, or a list with the
 * copy of each replica, which then gets the gradient of that replica alone (a shared one gets the sum). `state` is that
 * of batch norm; a training call updates it once. With a communicator all replicas call at the same time, forward and
 * backward.
 *
 * Throws a ShapeError when shapes do not fit, a replica is empty, or a channel has a single value in all replicas
 * together; a TypeError for different dtypes or a list of parameters for a single tensor; a RangeError for an empty
 * list, a list of another length, or a bad eps, momentum or running variance; and what the communicator throws.
 * Source: arXiv 1803.08904, arXiv 1711.07240.
 * @example
 * ```ts
 * const [y0, y1] = syncBatchNorm([tensor([[1], [3]]), tensor([[8]])], null, null, null, { eps: 0.5 });
 * toArray(y0!); // [[-0.9908674], [-0.3302891]]
 * toArray(y1!); // [[1.3211565]]
 * ```
 */
export function syncBatchNorm(x: Tensor, weight?: Tensor | null, bias?: Tensor | null, state?: BatchNormState | null, options?: SyncBatchNormOptions): Tensor;
export function syncBatchNorm(xs: readonly Tensor[], weight?: PerReplica, bias?: PerReplica, state?: BatchNormState | null, options?: SyncBatchNormOptions): Tensor[];
export function syncBatchNorm(
  given: Tensor | readonly Tensor[],
  weight: PerReplica = null,
  bias: PerReplica = null,
  state: BatchNormState | null = null,
  options: SyncBatchNormOptions = {},
): Tensor | Tensor[] {
  const { xs, weights, biases, eps, momentum, own, update, communicator } = check('syncBatchNorm', given, weight, bias, state, options);
  const found = own ? statisticsOver('syncBatchNorm', xs, communicator) : null;
  const mean = found ? found.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);
  const count = found ? found.count : 1;
  const inputs = [...xs, ...weights, ...biases];
  const saved = { inputs, replicas: xs.length, shared: weights.length, mean, rstd, own, count, eps, communicator };
  const ys = xs.map((_, r) => standardize(ofReplica(saved, r)));
  recordAll(syncBatchNormOp, inputs, saved, ys);
  if (update) track(state!, found!.mean, found!.variance, count, momentum);
  return given instanceof Tensor ? ys[0]! : ys;
}

interface Saved {
  /** x of each replica, and then weight and bias: none, one, or one for each replica. */
  readonly inputs: readonly Tensor[];
  readonly replicas: number;
  /** How many of the inputs are weights. */
  readonly shared: number;
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
  readonly own: boolean;
  /** Values of a channel in all replicas of all processes. */
  readonly count: number;
  readonly eps: number;
  readonly communicator: Communicator;
}

const syncBatchNormOp: Op<Saved> = {
  name: 'syncBatchNorm',
  // dBias_r = sum dy_r;  dWeight_r = sum dy_r xHat_r;  scaled, projected = these times weight, summed over all replicas;
  // dx_r = rstd (dy_r weight - scaled / n - xHat_r projected / n), n values in all replicas;
  // with running statistics dx_r = weight rstd dy_r
  pullback(_, saved, needs, dys) {
    const { inputs, replicas, shared, own, communicator } = saved;
    const parts = dys.map((dy, r) => standardizeSums(dy, ofReplica(saved, r)));
    const totals = own ? sumsOver(parts, communicator) : parts[0]!;
    const gradientOf = (at: number, values: readonly Float64Array[]): Tensor => {
      const out = like(inputs[at]!);
      out.data.set(totalOf(values));
      return out;
    };
    const parameter = (at: number, first: number, length: number, values: readonly Float64Array[]): Tensor =>
      gradientOf(at, length === 1 ? values : [values[at - first]!]);
    return inputs.map((_, at) => {
      if (!needs[at]) return null;
      if (at < replicas) return standardizeGradient(dys[at]!, ofReplica(saved, at), totals);
      const biases = replicas + shared;
      return at < biases
        ? parameter(at, replicas, shared, parts.map(({ dWeight }) => dWeight))
        : parameter(at, biases, inputs.length - biases, parts.map(({ dBias }) => dBias));
    });
  },
  definition(inputs, saved) {
    const { eps, communicator } = saved;
    const [xs, weights, biases] = split(inputs as readonly Tensor[], saved);
    if (!saved.own) return xs.map((x, r) => standardizeGiven(x, parameterOf(weights, r), parameterOf(biases, r), saved));
    const oneOrEach = (list: readonly Tensor[]): PerReplica => (list.length > 1 ? list : parameterOf(list, 0));
    return syncBatchNormDefinition(xs, oneOrEach(weights), oneOrEach(biases), null, { eps, communicator });
  },
};

/**
 * Sync batch norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, and its running
 * statistics. `train()` and `eval()` choose between the statistics of all replicas and the running ones. `forward` takes
 * the tensor of this process' only replica, as other layers do, or a list.
 * @example
 * ```ts
 * const norm = new SyncBatchNorm(3);
 * norm.forward([ones([4, 3, 2, 2]), ones([1, 3, 5, 5])]).map((y) => y.shape[0]); // [4, 1]
 * toArray(norm.state!.numBatchesTracked); // 1
 * ```
 */
export class SyncBatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: BatchNormState | null;
  /** Connects to the processes with the other replicas. May be set between steps. */
  communicator: Communicator;

  /** `affine` (default true) makes weight and bias; `trackRunningStats` (default true) keeps a state. */
  constructor(
    numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
      dtype = 'float32',
      communicator = localCommunicator(),
    }: {
      eps?: number;
      momentum?: number | null;
      affine?: boolean;
      trackRunningStats?: boolean;
      dtype?: TensorOptions['dtype'];
      communicator?: Communicator;
    } = {},
  ) {
    super();
    checkCount('SyncBatchNorm', 'numFeatures', numFeatures);
    checkEps('SyncBatchNorm', eps);
    if (momentum !== null) checkMomentum('SyncBatchNorm', momentum);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = trackRunningStats ? batchNormState(numFeatures, { dtype }) : null;
    this.communicator = communicator;
  }

  forward(x: Tensor): Tensor;
  forward(xs: readonly Tensor[]): Tensor[];
  forward(given: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    const xs = checkReplicas('SyncBatchNorm', given);
    for (const x of xs) checkChannels('SyncBatchNorm', x, this.numFeatures);
    const { eps, momentum, training, communicator } = this;
    const ys = syncBatchNorm(xs, this.weight, this.bias, this.state, { eps, momentum, training, communicator });
    return given instanceof Tensor ? ys[0]! : ys;
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/** One replica's standardization. */
function ofReplica(saved: Saved, replica: number): StandardizeSaved {
  const [xs, weights, biases] = split(saved.inputs, saved);
  const view = viewOf(xs[replica]!);
  const inputs = [xs[replica]!, parameterOf(weights, replica), parameterOf(biases, replica)] as const;
  const { mean, rstd, own, count } = saved;
  return { inputs, mean, rstd, own, count, statistics: view, affine: view };
}

function split(
  inputs: readonly Tensor[],
  { replicas, shared }: Pick<Saved, 'replicas' | 'shared'>,
): readonly [readonly Tensor[], readonly Tensor[], readonly Tensor[]] {
  return [inputs.slice(0, replicas), inputs.slice(replicas, replicas + shared), inputs.slice(replicas + shared)];
}

function check(
  caller: string,
  given: Tensor | readonly Tensor[],
  weight: PerReplica,
  bias: PerReplica,
  state: BatchNormState | null,
  { eps = 1e-5, momentum = 0.1, training = true, communicator = localCommunicator() }: SyncBatchNormOptions,
): {
  xs: readonly Tensor[];
  weights: readonly Tensor[];
  biases: readonly Tensor[];
  eps: number;
  momentum: number | null;
  own: boolean;
  update: boolean;
  communicator: Communicator;
} {
  const xs = checkReplicas(caller, given);
  checkEps(caller, eps);
  if (momentum !== null) checkMomentum(caller, momentum);
  const weights = checkPerReplica(caller, 'weight', weight, given);
  const biases = checkPerReplica(caller, 'bias', bias, given);
  if (state) {
    checkRunning(caller, state, xs[0]!);
    checkLike(caller, 'numBatchesTracked', state.numBatchesTracked, [], xs[0]!);
  }
  const own = training || !state;
  if (!own && xs.some((x) => countOf(x) === 0)) {
    throw new ShapeError(`${caller}: every replica must have values, got an empty one; leave it out of the list`);
  }
  return { xs, weights, biases, eps, momentum, own, update: training && state !== null, communicator };
}
