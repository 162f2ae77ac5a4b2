/**
 * In-Place Activated Batch Normalization: batch norm and activation in one, of which only the output is kept.
 * S. Rota Bulò, L. Porzi, P. Kontschieder, In-Place Activated BatchNorm for Memory-Optimized Training of DNNs, CVPR 2018,
 * arXiv 1712.02616.
 *
 *     mean = mean(x),  v = mean((x - mean)^2)     per channel, over the batch and all spatial axes; biased
 *     xHat = (x - mean) / sqrt(v + eps)
 *     y    = xHat * (|weight| + eps) + bias
 *     z    = activation(y)
 *
 * The activation rises everywhere and `|weight| + eps` is above 0, so that backward can undo both: y and xHat are found
 * again from z. Between forward and backward only z, which the next layer keeps anyway, and C numbers are alive, where
 * batch norm keeps x and the activation behind it y. With `inPlace` z is even written over x.
 *
 * What z lost in rounding is lost to backward: xHat is off by about a rounding of y, divided by `|weight| + eps`. Where elu
 * is too flat to be undone at all (y below -8 in float32, -25 in float64) that call keeps y in place of z.
 *
 * Training, evaluation and running statistics are those of batch norm. It equals batch norm with the weight
 * `|weight| + eps` followed by the activation; the sign of a weight only turns its gradient around.
 */
import { add } from '../autograd/add.ts';
import { less } from '../autograd/compare.ts';
import { div } from '../autograd/div.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { neg } from '../autograd/neg.ts';
import { detach, edgeOf, isRecording, type Node, noGrad, type Op, record, recordAll } from '../autograd/record.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { variance } from '../autograd/variance.ts';
import { where } from '../autograd/where.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { assign, touch } from '../tensor/assign.ts';
import { fromArray, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkMomentum, spatialSize } from './_check.ts';
import { backwardFromOutput, Origin, type OutputSaved, scalesOf } from './_from-output.ts';
import { type Bend, bend, bendOf, bent, type InvertibleActivation, isSaturated, slopes, straightened } from './_invertible.ts';
import { moments, rstdOf } from './_moments.ts';
import { standardize } from './_standardize.ts';
import { type BatchNormOptions, type BatchNormState, batchNormState, check as checkBatchNorm, track } from './batch.ts';

/** What in-place ABN carries from one training call to the next: as batch norm. */
export type InPlaceABNState = BatchNormState;

/** Options of `inPlaceABN`. */
export interface InPlaceABNOptions extends BatchNormOptions {
  /** Added to the variance, under the root, and to `|weight|`; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** `'leakyRelu'`, `'elu'` or `'identity'`. Default `'leakyRelu'`. */
  activation?: InvertibleActivation;
  /** Slope of leakyRelu below 0, or factor of elu, for which 1 is usual; finite, above 0. Default 0.01. */
  activationParam?: number;
  /** Write z over x, which is lost. Default false. */
  inPlace?: boolean;
}

/** A fresh state: running mean 0, running variance 1, no batches. */
export function inPlaceABNState(numFeatures: number, options: TensorOptions = {}): InPlaceABNState {
  return batchNormState(numFeatures, options);
}

/**
 * `inPlaceABN` composed from primitives: what the fused form must equal. Its gradient is, too, and is found from z: what
 * rounding takes from it is what it takes from the method.
 */
export function inPlaceABNDefinition(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: InPlaceABNState | null = null,
  options: InPlaceABNOptions = {},
): Tensor {
  const { eps, momentum, count, own, update, shape, inPlace } = check('inPlaceABNDefinition', x, weight, bias, state, options);
  const { z, y, std } = noGrad(() => {
    const rank = x.shape.length;
    const axis = axesOf(x);
    const mu = own ? mean(x, { axis }) : state!.runningMean;
    const v = own ? variance(x, { axis }) : state!.runningVar;
    const std = sqrt(add(v, eps));
    const xHat = div(sub(x, perChannel(mu, rank)), perChannel(std, rank));
    const y = scaleAndShift(xHat, weight && perChannel(scaleOf(weight, eps), rank), perChannel(bias, rank));
    const z = bent(y, shape);
    if (update) track(state!, mu.data, v.data, count, momentum);
    if (inPlace) assign(x, z);
    return { z: inPlace ? detach(x) : z, y, std };
  });
  const lost = isSaturated(y.data, shape) ? y : null;
  return keep(definitionOp, [x, weight, bias], z, lost, { std, weight, bias, eps, bend: shape, own });
}

const definitionOp: Op<OutputSaved> = {
  name: 'inPlaceABNDefinition',
  exact: true,
  pullback: throughPrimitives,
};

/** The gradients of x, weight and bias, found from z in primitives. */
function throughPrimitives(dz: Tensor, saved: OutputSaved, needs: readonly boolean[]): (Tensor | null)[] {
  const { kept, weight, bias, eps, bend: shape, saturated, own } = saved;
  const rank = kept.shape.length;
  const axis = axesOf(kept);
  const scale = weight && perChannel(scaleOf(weight, eps), rank);
  const shift = perChannel(bias, rank);
  const { xHat, std } = recovered(saved, scale, shift);
  // z has a history, a kept y has none: as a function of xHat it has
  const g = mul(dz, saturated ? slopes(scaleAndShift(xHat, scale, shift), shape, true) : slopes(kept, shape, false));
  const dBias = sum(g, { axis });
  const dScale = sum(mul(g, xHat), { axis });
  const dx = backToX(scale ? mul(g, scale) : g, xHat, std, own);
  const dWeight = weight && where(less(weight, 0), neg(dScale), dScale);
  return [dx, dWeight, dBias].map((gradient, i) => (needs[i] ? gradient : null));
}

/**
 * xHat and the deviation, as functions of x alone: their values are found from what was kept, and their derivatives are
 * those of a standardization, which needs no x. A history through z would take a detour by weight, bias and activation
 * that leads back to where it began, save for rounding.
 */
function recovered(saved: OutputSaved, scale: Tensor | null, shift: Tensor | null): { xHat: Tensor; std: Tensor } {
  const { kept, bend: shape, saturated, own, origin: { edge } } = saved;
  const xHat = noGrad(() => {
    const y = saturated ? kept : straightened(kept, shape);
    return div(shift ? sub(y, shift) : y, scale ?? 1);
  });
  const std = detach(saved.std);
  const x = edge instanceof Tensor ? edge : new Tensor(xHat.data, xHat.shape, edge !== null);
  if (edge && !(edge instanceof Tensor)) x.source = edge;
  const both = { xHat, std, own };
  if (own) recordAll(standardizedOp, [x], both, [xHat, std]);
  else record(standardizedOp, [x], both, xHat);
  return both;
}

const standardizedOp: Op<{ xHat: Tensor; std: Tensor; own: boolean }> = {
  name: 'inPlaceABN, xHat',
  exact: true,
  // dx through xHat, and through std = sqrt(mean((x - mean)^2) + eps): xHat dStd / n
  pullback(d, { xHat, std, own }, _, [, dStd]) {
    const dx = backToX(d, xHat, std, own);
    return [own ? add(dx, mul(xHat, perChannel(div(dStd!, xHat.data.length / std.data.length), xHat.shape.length))) : dx];
  },
};

/** `(g - mean(g) - xHat mean(g xHat)) / std`, and `g / std` with given statistics. */
function backToX(g: Tensor, xHat: Tensor, std: Tensor, own: boolean): Tensor {
  const over = { axis: axesOf(xHat), keepDims: true };
  const part = own ? sub(sub(g, mean(g, over)), mul(xHat, mean(mul(g, xHat), over))) : g;
  return div(part, perChannel(std, xHat.shape.length));
}

function axesOf(x: Tensor): number[] {
  return x.shape.map((_, i) => i).filter((i) => i !== 1);
}

/** `|weight| + eps`, with slope 1 at 0. */
function scaleOf(weight: Tensor, eps: number): Tensor {
  return add(where(less(weight, 0), neg(weight), weight), eps);
}

/**
 * `z = activation((x - mean) / sqrt(v + eps) * (|weight| + eps) + bias)`, per channel: with the statistics of the batch
 * when training or without a state, with the running ones otherwise. Keeps z for backward, and not x.
 *
 * `x`: `[N, C, ...spatial]`; `weight`, `bias`: `[C]` or null; `state` is updated by a training call, outside the graph.
 * Without a weight y is xHat, plus the bias. With `inPlace` the result has the memory of x; whatever else needs the old x
 * for its gradient then refuses to go backward, as this norm does when its z is written to.
 *
 * Throws a ShapeError when shapes do not fit or a channel has a single value to take statistics of; a RangeError for bad
 * options, a negative running variance, and a weight of 0 with eps 0, which cannot be undone; and an Error when
 * `inPlace` would write over a leaf that requires a gradient, a parameter or the state. Source: arXiv 1712.02616.
 * @example
 * ```ts
 * const x = tensor([[1], [3]], { requiresGrad: true });
 * const z = inPlaceABN(x, tensor([-2]), tensor([1]), null, { activationParam: 0.5 });
 * toArray(z); // [[-0.5], [3]]
 * savedBytes(z); // 20
 * ```
 */
export function inPlaceABN(
  x: Tensor,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: InPlaceABNState | null = null,
  options: InPlaceABNOptions = {},
): Tensor {
  const { eps, momentum, count, own, update, shape, inPlace } = check('inPlaceABN', x, weight, bias, state, options);
  const channels = x.shape[1]!;
  const view = { outer: x.shape[0]!, channel: channels, inner: spatialSize(x) };
  const found = own ? moments(x.data, view) : null;
  const mean = found ? found.mean : Float64Array.from(state!.runningMean.data);
  const rstd = rstdOf(found ? found.variance : state!.runningVar.data, eps);
  const scale = weight && fromArray(scalesOf(weight, eps, channels), [channels], { dtype: 'float64' });
  const z = inPlace ? detach(x) : like(x);
  standardize({ inputs: [x, scale, bias], mean, rstd, statistics: view, affine: view, own }, z.data);
  const lost = isSaturated(z.data, shape) ? new Tensor(z.data.slice(), z.shape) : null;
  bend(z.data, shape);
  if (inPlace) touch(z);
  if (update) track(state!, found!.mean, found!.variance, count, momentum);
  const std = fromArray(rstd.map((r) => 1 / r), [channels], { dtype: x.dtype });
  return keep(inPlaceABNOp, [x, weight, bias], z, lost, { std, weight, bias, eps, bend: shape, own });
}

const inPlaceABNOp: Op<OutputSaved> = {
  name: 'inPlaceABN',
  // g = dz slope(z);  xHat = (y - bias) / scale, y and slope from z;  dBias = sum g;  dScale = sum g xHat;
  // dx = scale / std (g - dBias / n - xHat dScale / n), and scale / std g with running statistics
  pullback: (dz, saved, needs) => (isRecording() ? throughPrimitives : backwardFromOutput)(dz, saved, needs),
};

/** Records z with what its gradient needs. */
function keep(
  op: Op<OutputSaved>,
  inputs: readonly [Tensor, Tensor | null, Tensor | null],
  z: Tensor,
  y: Tensor | null,
  saved: Omit<OutputSaved, 'kept' | 'saturated' | 'origin'>,
): Tensor {
  return record(op, inputs, { ...saved, kept: y ?? z, saturated: y !== null, origin: new Origin(edgeOf(inputs[0])) }, z);
}

/**
 * In-place ABN with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, and its running
 * statistics. It stands for a batch norm and the activation behind it.
 * @example
 * ```ts
 * const norm = new InPlaceABN(3, { activation: 'elu', activationParam: 1 });
 * norm.forward(ones([4, 3, 2, 2])).shape; // [4, 3, 2, 2]
 * Object.keys(norm.stateDict()); // ['weight', 'bias', 'runningMean', 'runningVar', 'numBatchesTracked']
 * ```
 */
export class InPlaceABN extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly activation: InvertibleActivation;
  readonly activationParam: number;
  readonly inPlace: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: InPlaceABNState;

  /** `affine` (default true) makes weight and bias. */
  constructor(
    numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      activation = 'leakyRelu',
      activationParam = 0.01,
      inPlace = false,
      dtype = 'float32',
    }: Omit<InPlaceABNOptions, 'training'> & { affine?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkCount('InPlaceABN', 'numFeatures', numFeatures);
    checkEps('InPlaceABN', eps);
    if (momentum !== null) checkMomentum('InPlaceABN', momentum);
    bendOf('InPlaceABN', activation, activationParam);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.activation = activation;
    this.activationParam = activationParam;
    this.inPlace = inPlace;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = inPlaceABNState(numFeatures, { dtype });
  }

  forward(x: Tensor): Tensor {
    checkChannels('InPlaceABN', x, this.numFeatures);
    return inPlaceABN(x, this.weight, this.bias, this.state, this);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

function check(
  caller: string,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  state: InPlaceABNState | null,
  options: InPlaceABNOptions,
): ReturnType<typeof checkBatchNorm> & { shape: Bend; inPlace: boolean } {
  const call = checkBatchNorm(caller, x, weight, bias, state, options, Infinity);
  const { activation = 'leakyRelu', activationParam = 0.01, inPlace = false } = options;
  const shape = bendOf(caller, activation, activationParam);
  const zero = weight && call.eps === 0 ? weight.data.indexOf(0) : -1;
  if (zero >= 0) {
    throw new RangeError(
      `${caller}: |weight| + eps must be above 0 to be undone, got weight 0 at channel ${zero} and eps 0; use an eps of 1e-5`,
    );
  }
  if (inPlace) checkWritable(caller, x, [weight, bias, ...(state ? Object.values(state) : [])]);
  return { ...call, shape, inPlace };
}

/** Throws an Error when x must not be written over. Whether anyone else needs it, backward finds out. */
function checkWritable(caller: string, x: Tensor, others: readonly (Tensor | null)[]): void {
  if (others.some((other) => other?.data.buffer === x.data.buffer)) {
    throw new Error(`${caller}: inPlace must not write over a parameter or the state, got x in the memory of one; pass clone(x)`);
  }
  // a reshaped leaf is a leaf in other clothes
  let origin = isRecording() ? edgeOf(x) : null;
  while (origin && !(origin instanceof Tensor)) {
    const { op, inputs } = origin.node as Node;
    origin = op.exact && inputs.length === 1 ? inputs[0]! : null;
  }
  if (origin?.storage === x.storage) {
    throw new Error(`${caller}: inPlace must not write over a leaf that requires a gradient; pass clone(x), or leave inPlace out`);
  }
}
