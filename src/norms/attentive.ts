/**
 * Attentive Normalization.
 * X. Li, W. Sun, T. Wu, Attentive Normalization, ECCV 2020, arXiv 1908.01259.
 *
 *     xHat     = x standardized by batch norm ('batch') or group norm ('group'), without an affine step
 *     m, w     = mean and variance of each sample and channel, over the spatial axes
 *     t        = m / sqrt(w + attentionEps)        [N, C]; 'mean': t = m
 *     a        = the head's weights of t, [N, K]: a linear map, a batch norm over the samples or a bias, a squashing
 *     scale    = a weight,  shift = a bias         weight, bias [K, C]: scales and shifts of K components
 *     y        = xHat * scale + shift
 *
 * Each sample mixes its scales and shifts from those of K components, by weights that a small head reads off the sample
 * itself: normalization and channel attention in one. The head sees the raw x, not xHat. By default the logits go
 * through a batch norm of their own, over the samples, and then through `hsigmoid(l) = min(max(l + 3, 0), 6) / 6`;
 * only the weights of 'softmax' add up to 1. The variances of backbone and head are biased, eps under the root; that of
 * the descriptor is biased too, unless `unbiased`, as in the released code. Gradients go through all statistics.
 *
 * Training uses the statistics of the batch in backbone and head and moves the running ones, whose variances are
 * unbiased; evaluation uses the running ones. The descriptor is always of the sample. With the backbone 'group' and
 * attentionNorm 'none', samples do not know of each other, and train and eval are the same.
 *
 * With one component and softmax it equals batch norm or group norm. It is not invariant to a shift of x.
 */
import { add } from '../autograd/add.ts';
import { matmul } from '../autograd/matmul.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { type Op, recordAll } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { transpose } from '../autograd/transpose.ts';
import { variance } from '../autograd/variance.ts';
import { checkRandom } from '../nn/_check.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { copy, fromArray, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { normal, type Random, uniform } from '../tensor/random.ts';
import type { Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { scaleAndShift } from './_affine.ts';
import { attend, attendBackward, attendDefinition, type HeadSaved, inDouble, overBatchDefinition } from './_attention.ts';
import {
  type AttentiveInputs,
  type AttentiveNormOptions,
  type AttentiveNormParameters,
  type AttentiveNormState,
  attentiveNormState,
  type AttentivePlan,
  attentiveSettings,
  type OfNorms,
  planAttentive,
  stagesOf,
} from './_attentive-plan.ts';
import { checkChannels, checkCount, spatialSize } from './_check.ts';
import { type Moments, moments, poolMoments, rstdOf, type View } from './_moments.ts';
import { perSample, sampleView } from './_per-sample.ts';
import { standardize, standardizeSums, type Sums } from './_standardize.ts';
import { groupNormDefinition } from './group.ts';

export {
  type AttentiveNormOptions,
  type AttentiveNormParameters,
  attentiveNormState,
  type AttentiveNormState,
  type AttentiveNormStateOptions,
} from './_attentive-plan.ts';

/** What `attentiveNorm` gives. */
export interface AttentiveNormOutput {
  readonly y: Tensor;
  /** The weights of the components, `[N, numComponents]`, in [0, 1]; a gradient goes through them too. */
  readonly attention: Tensor;
}

/** `attentiveNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function attentiveNormDefinition(
  x: Tensor,
  parameters: AttentiveNormParameters,
  state: AttentiveNormState | null = null,
  options: AttentiveNormOptions = {},
): AttentiveNormOutput {
  const plan = planAttentive('attentiveNormDefinition', x, parameters, state, options);
  const { y, attention, seen } = define(plan.inputs, plan);
  plan.track(seen);
  return { y, attention };
}

function define(
  inputs: AttentiveInputs,
  { settings, given }: Pick<AttentivePlan, 'settings' | 'given'>,
): AttentiveNormOutput & { seen: OfNorms<Moments | null> } {
  const [x, weight, bias] = inputs;
  const { numGroups, attention, descriptor, attentionEps, unbiased, eps } = settings;
  const rank = x.shape.length;
  const axis = x.shape.map((_, i) => i).slice(2);
  const backbone = numGroups === null ? overBatchDefinition(x, given.backbone, eps) : null;
  const xHat = backbone ? backbone.xHat : groupNormDefinition(x, null, null, { numGroups: numGroups!, eps });
  const m = mean(x, { axis });
  const t = descriptor === 'mean' ? m : mul(m, rsqrt(add(variance(x, { axis, unbiased }), attentionEps)));
  const head = attendDefinition(t, { stages: stagesOf(inputs), given, attention, eps });
  const scale = matmul(head.attention, weight);
  const shift = matmul(head.attention, bias);
  const y = scaleAndShift(xHat, perSample(scale, rank), perSample(shift, rank));
  return { y, attention: head.attention, seen: { ...head.seen, backbone: backbone?.seen ?? null } };
}

/**
 * `y = xHat * (a weight) + a bias`: batch norm or group norm whose scale and shift each sample mixes from those of
 * several components, by the weights `attention`, a, which a small head reads off the sample.
 *
 * `x`: `[N, C, L]` to `[N, C, D, H, W]`; for `parameters` and `options` see their types; `state` is updated by a
 * training call, outside the graph; without one evaluation uses the batch. Throws a ShapeError when shapes do not fit or
 * a statistic would be of a single value, a RangeError for a bad option or a negative running variance, and a TypeError
 * for tensors that are missing or have no part. Source: arXiv 1908.01259.
 * @example
 * ```ts
 * const x = tensor([[[1, 3]], [[5, 11]]]);
 * const tables = { weight: tensor([[1], [10]]), bias: tensor([[0], [5]]) };
 * const head = { attentionWeight: tensor([[0], [3]]), attentionBias: tensor([0, -9]) };
 * const options = { backbone: 'group', numGroups: 1, descriptor: 'mean', eps: 0 } as const;
 * const { y, attention } = attentiveNorm(x, { ...tables, ...head }, null, options);
 * toArray(attention); // [[0.5, 0], [0.5, 1]]
 * toArray(y); // [[[-0.5, 0.5]], [[-5.5, 15.5]]]
 * ```
 */
export function attentiveNorm(
  x: Tensor,
  parameters: AttentiveNormParameters,
  state: AttentiveNormState | null = null,
  options: AttentiveNormOptions = {},
): AttentiveNormOutput {
  const plan = planAttentive('attentiveNorm', x, parameters, state, options);
  const { inputs, settings, given } = plan;
  const { numGroups, attention, eps } = settings;
  const [samples, channels] = x.shape as [number, number];
  const slices = sampleView(x);
  const own = moments(x.data, slices);
  const q = slopesOf(own, x, settings);
  const t = fromArray(own.mean.map((m, s) => m * q[s]!), [samples, channels]);
  const head = attend(t, { stages: stagesOf(inputs), given, attention, eps });
  const scale = matmul(head.saved.weights, inDouble(inputs[1]));
  const shift = matmul(head.saved.weights, inDouble(inputs[2]));
  const found = given.backbone ?? poolMoments(own, partsOf(x, numGroups));
  const backbone = {
    mean: found.mean,
    rstd: rstdOf(found.variance, eps),
    statistics: viewOf(x, numGroups),
    affine: slices,
    own: given.backbone === null,
  };
  const y = standardize({ inputs: [x, scale, shift], ...backbone });
  const shares = copy(head.saved.weights, { dtype: x.dtype });
  const saved = { inputs, settings, given, ...backbone, sliceMean: own.mean, q, scale, head: head.saved };
  recordAll(attentiveNormOp, inputs, saved, [y, shares]);
  plan.track({ ...head.seen, backbone: numGroups === null && !given.backbone ? found : null });
  return { y, attention: shares };
}

interface Saved {
  readonly inputs: AttentiveInputs;
  readonly settings: AttentivePlan['settings'];
  readonly given: AttentivePlan['given'];
  /** of the backbone */
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
  readonly statistics: View;
  readonly affine: View;
  readonly own: boolean;
  /** of each sample and channel: its mean, `q` with `t = mean q`, and its scale */
  readonly sliceMean: Float64Array;
  readonly q: Float64Array;
  readonly scale: Tensor;
  readonly head: HeadSaved;
}

const attentiveNormOp: Op<Saved> = {
  name: 'attentiveNorm',
  // of each sample and channel dScale = sum dy xHat and dShift = sum dy;  dWeight = a^T dScale, dBias = a^T dShift
  // da = dScale weight^T + dShift bias^T + dAttention, and through the head from da to dt
  // dx = the backbone's derivative of dy scale + dt q / S - dt mean q^3 (x - mean) / (S - d)      d: 1 if unbiased, else 0
  pullback(dy, saved, needs, [, dAttention]) {
    const { inputs, head } = saved;
    const [x, weight, bias] = inputs;
    const sums = standardizeSums(dy, { ...saved, inputs: [x, saved.scale, null] });
    const dScale = new Tensor(sums.dWeight, saved.scale.shape);
    const dShift = new Tensor(sums.dBias, saved.scale.shape);
    const throughTables = add(matmul(dScale, transpose(inDouble(weight))), matmul(dShift, transpose(inDouble(bias))));
    const { dt, stages } = attendBackward(add(throughTables, inDouble(dAttention!)), head);
    const mixed = transpose(head.weights);
    const ofParameters = [matmul(mixed, dScale), matmul(mixed, dShift), ...stages.hidden, ...stages.last];
    return [
      needs[0] ? gradientOfX(dy, saved, sums, dt) : null,
      ...ofParameters.map((found, i) => (needs[i + 1] ? new Tensor(rounded(found!.data as Float64Array, x.dtype), found!.shape) : null)),
    ];
  },
  definition(inputs, { settings, given }) {
    const { y, attention } = define(inputs as unknown as AttentiveInputs, { settings, given });
    return [y, attention];
  },
};

/** The backbone's part and the descriptor's part of dx, in one pass. */
function gradientOfX(dy: Tensor, saved: Saved, { scaled, projected }: Sums, dt: Tensor): Tensor {
  const { inputs: [x], settings, mean, rstd, statistics, own, sliceMean, q, scale } = saved;
  const { descriptor, unbiased, numGroups } = settings;
  const channels = x.shape[1]!;
  const length = spatialSize(x);
  const count = statistics.outer * statistics.inner;
  const dx = like(x);
  for (let s = 0, start = 0; s < q.length; s++, start += length) {
    const k = numGroups === null ? s % channels : Math.floor((s * numGroups) / channels);
    const r = rstd[k]!;
    const mu = mean[k]!;
    const m = sliceMean[s]!;
    const w = scale.data[s]!;
    const g = own ? scaled[k]! / count : 0;
    const p = own ? (projected[k]! / count) * r : 0;
    const level = (dt.data[s]! * q[s]!) / length;
    const slope = descriptor === 'mean' ? 0 : (dt.data[s]! * m * q[s]! ** 3) / (length - (unbiased ? 1 : 0));
    for (let i = start; i < start + length; i++) {
      dx.data[i] = r * (dy.data[i]! * w - g - (x.data[i]! - mu) * p) + level - slope * (x.data[i]! - m);
    }
  }
  return dx;
}

/** `q` with `t = mean q`, of each sample and channel: 1, or one over a standard deviation. */
function slopesOf({ variance }: Moments, x: Tensor, { descriptor, unbiased, attentionEps }: AttentivePlan['settings']): Float64Array {
  if (descriptor === 'mean') return new Float64Array(variance.length).fill(1);
  const length = spatialSize(x);
  return rstdOf(unbiased ? variance.map((v) => (v * length) / (length - 1)) : variance, attentionEps);
}

/** The view that the statistics of the backbone are of. */
function viewOf(x: Tensor, numGroups: number | null): View {
  const [samples, channels] = x.shape as [number, number];
  const inner = spatialSize(x);
  if (numGroups === null) return { outer: samples, channel: channels, inner };
  return { outer: 1, channel: samples * numGroups, inner: (channels / numGroups) * inner };
}

/** That view with the positions of a sample and channel as one. */
function partsOf(x: Tensor, numGroups: number | null): View {
  const [samples, channels] = x.shape as [number, number];
  if (numGroups === null) return { outer: samples, channel: channels, inner: 1 };
  return { outer: 1, channel: samples * numGroups, inner: channels / numGroups };
}

/** Options of the class `AttentiveNorm`. */
export interface AttentiveNormLayerOptions extends Omit<AttentiveNormOptions, 'training'> {
  /** Where the first values of the parameters come from. */
  random: Random;
  /** The number of components. Default 10. */
  numComponents?: number;
  /** The units of the head's hidden layer; 0: there is none. Default 0. */
  attentionHidden?: number;
  /** Start with scales and shifts of 0, for the last norm of a residual branch. Default false. */
  zeroInit?: boolean;
  /** Element type. Default `'float32'`. */
  dtype?: TensorOptions['dtype'];
}

/**
 * Attentive norm with its parameters and its state. At the start the scales of the components are normal with mean 1 and
 * standard deviation 0.1, their shifts with mean 0; linear maps of the head are uniform in `±1 / sqrt(fan in)`, its norms
 * have the scale 1 and the shift 0.
 * @example
 * ```ts
 * const norm = new AttentiveNorm(3, { numComponents: 5, random: new Random(1) });
 * norm.forward(ones([4, 3, 2, 2])).shape; // [4, 3, 2, 2]
 * norm.forwardWithAttention(ones([4, 3, 2, 2])).attention.shape; // [4, 5]
 * ```
 */
export class AttentiveNorm extends Module implements AttentiveNormParameters {
  readonly numFeatures: number;
  readonly numComponents: number;
  readonly attentionHidden: number;
  readonly options: Readonly<Omit<AttentiveNormOptions, 'training'>>;
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly attentionHiddenWeight: Parameter | null;
  readonly attentionHiddenBias: Parameter | null;
  readonly attentionHiddenNormWeight: Parameter | null;
  readonly attentionHiddenNormBias: Parameter | null;
  readonly attentionWeight: Parameter;
  readonly attentionBias: Parameter | null;
  readonly attentionNormWeight: Parameter | null;
  readonly attentionNormBias: Parameter | null;
  readonly state: AttentiveNormState;

  constructor(
    numFeatures: number,
    { random, numComponents = 10, attentionHidden = 0, zeroInit = false, dtype = 'float32', ...options }: AttentiveNormLayerOptions,
  ) {
    super();
    checkCount('AttentiveNorm', 'numFeatures', numFeatures);
    checkCount('AttentiveNorm', 'numComponents', numComponents);
    if (attentionHidden !== 0) checkCount('AttentiveNorm', 'attentionHidden', attentionHidden);
    checkRandom('AttentiveNorm', random);
    const { attentionNorm } = attentiveSettings('AttentiveNorm', numFeatures, options);
    this.numFeatures = numFeatures;
    this.numComponents = numComponents;
    this.attentionHidden = attentionHidden;
    this.options = options;
    const tables = [numComponents, numFeatures];
    this.weight = new Parameter(zeroInit ? zeros(tables, { dtype }) : normal(random, tables, 1, 0.1, { dtype }));
    this.bias = new Parameter(zeroInit ? zeros(tables, { dtype }) : normal(random, tables, 0, 0.1, { dtype }));
    const normed = attentionNorm === 'batch';
    const hidden = attentionHidden > 0;
    const features = hidden ? attentionHidden : numFeatures;
    const drawn = (shape: Shape, fanIn: number): Parameter =>
      new Parameter(uniform(random, shape, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn), { dtype }));
    const filled = (fill: typeof ones, length: number): Parameter => new Parameter(fill([length], { dtype }));
    this.attentionHiddenWeight = hidden ? drawn([attentionHidden, numFeatures], numFeatures) : null;
    this.attentionHiddenBias = hidden && !normed ? drawn([attentionHidden], numFeatures) : null;
    this.attentionHiddenNormWeight = hidden && normed ? filled(ones, attentionHidden) : null;
    this.attentionHiddenNormBias = hidden && normed ? filled(zeros, attentionHidden) : null;
    this.attentionWeight = drawn([numComponents, features], features);
    this.attentionBias = normed ? null : drawn([numComponents], features);
    this.attentionNormWeight = normed ? filled(ones, numComponents) : null;
    this.attentionNormBias = normed ? filled(zeros, numComponents) : null;
    this.state = attentiveNormState(numFeatures, { ...options, numComponents, attentionHidden, dtype });
  }

  forward(x: Tensor): Tensor {
    return this.forwardWithAttention(x).y;
  }

  /** The result, and the weights by which each sample has mixed the components. */
  forwardWithAttention(x: Tensor): AttentiveNormOutput {
    checkChannels('AttentiveNorm', x, this.numFeatures);
    return attentiveNorm(x, this, this.state, { ...this.options, training: this.training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}
