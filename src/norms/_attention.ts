/**
 * The head of attentive norm: from a descriptor of each sample, `[N, C]`, to weights of the components, `[N, K]`.
 *
 *     hidden = relu(stage(t))          where there is a hidden layer, [N, H]
 *     logits = stage(hidden)           [N, K]
 *     a      = hsigmoid(logits), sigmoid(logits) or softmax(logits)
 *
 *     stage(u) = u weight^T + shift                              or, with a batch norm over the samples,
 *     stage(u) = (z - mean(z)) / sqrt(v + eps) * scale + shift   z = u weight^T, v biased
 *
 * These are a few numbers for each sample, whatever the size of its maps. The fused form has all of them in double.
 */
import { add } from '../autograd/add.ts';
import { hardSigmoid } from '../autograd/hard-sigmoid.ts';
import { matmul } from '../autograd/matmul.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { relu } from '../autograd/relu.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { sigmoid, sigmoidSlope } from '../autograd/sigmoid.ts';
import { softmax, softmaxBackward } from '../autograd/softmax.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { transpose } from '../autograd/transpose.ts';
import { variance } from '../autograd/variance.ts';
import { fromArray } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { type Moments, moments, rstdOf } from './_moments.ts';
import { standardize, standardizeBackward, type StandardizeSaved } from './_standardize.ts';

/** What makes weights of logits. Only those of softmax add up to 1. */
export type AttentionActivation = 'hsigmoid' | 'sigmoid' | 'softmax';

/** The tensors of a stage: a linear map without a bias, then a shift alone (`scale` null), or a norm, a scale and a shift. */
export interface Stage {
  /** `[out, in]` */
  readonly weight: Tensor;
  /** `[out]`; null without a norm */
  readonly scale: Tensor | null;
  /** `[out]` */
  readonly shift: Tensor;
}

/** The two stages of a head, or what belongs to them. */
export interface OfHead<Part> {
  readonly hidden: Part;
  readonly last: Part;
}

/** What a head is made of. The statistics are those of evaluation; null: of the samples, or there is no norm. */
export interface Head {
  readonly stages: OfHead<Stage | null> & { readonly last: Stage };
  readonly given: OfHead<Moments | null>;
  readonly attention: AttentionActivation;
  readonly eps: number;
}

/** The weights `[N, K]`, and the statistics of the samples that the norms of the head used. */
export interface Attended {
  readonly attention: Tensor;
  readonly seen: OfHead<Moments | null>;
}

/** The head composed from primitives. */
export function attendDefinition(t: Tensor, { stages, given, attention, eps }: Head): Attended {
  const first = stages.hidden && stageDefinition(t, stages.hidden, given.hidden, eps);
  const last = stageDefinition(first ? relu(first.out) : t, stages.last, given.last, eps);
  return { attention: activations[attention](last.out), seen: { hidden: first?.seen ?? null, last: last.seen } };
}

function stageDefinition(u: Tensor, { weight, scale, shift }: Stage, given: Moments | null, eps: number): { out: Tensor; seen: Moments | null } {
  const z = matmul(u, transpose(weight));
  if (!scale) return { out: add(z, shift), seen: null };
  const { xHat, seen } = overBatchDefinition(z, given, eps);
  return { out: scaleAndShift(xHat, scale, shift), seen };
}

/** Batch norm without its affine step, composed from primitives; and the statistics of the batch, when it used them. */
export function overBatchDefinition(x: Tensor, given: Moments | null, eps: number): { xHat: Tensor; seen: Moments | null } {
  const axis = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const constant = (values: Float64Array): Tensor =>
    perChannel(fromArray(values, [values.length], { dtype: x.dtype }), x.shape.length);
  const mu = given ? constant(given.mean) : mean(x, { axis, keepDims: true });
  const v = given ? constant(given.variance) : variance(x, { axis, keepDims: true });
  const xHat = mul(sub(x, mu), rsqrt(add(v, eps)));
  return { xHat, seen: given ? null : { mean: Float64Array.from(mu.data), variance: Float64Array.from(v.data) } };
}

const activations = { hsigmoid: hardSigmoid, sigmoid, softmax } as const;

/** What the backward of a stage needs. */
interface StageSaved {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly norm: StandardizeSaved | null;
}

/** What the backward of a head needs, all of it in double. */
export interface HeadSaved {
  readonly stages: OfHead<StageSaved | null> & { readonly last: StageSaved };
  readonly logits: Tensor;
  /** The weights `[N, K]`. */
  readonly weights: Tensor;
  readonly attention: AttentionActivation;
}

/** The head in plain loops, for a descriptor in double. */
export function attend(t: Tensor, { stages, given, attention, eps }: Head): { saved: HeadSaved; seen: Attended['seen'] } {
  const first = stages.hidden && runStage(t, stages.hidden, given.hidden, eps);
  const last = runStage(first ? relu(first.out) : t, stages.last, given.last, eps);
  return {
    saved: {
      stages: { hidden: first && first.saved, last: last.saved },
      logits: last.out,
      weights: activations[attention](last.out),
      attention,
    },
    seen: { hidden: first && first.seen, last: last.seen },
  };
}

function runStage(
  input: Tensor,
  stage: Stage,
  given: Moments | null,
  eps: number,
): { out: Tensor; saved: StageSaved; seen: Moments | null } {
  const weight = inDouble(stage.weight);
  const shift = inDouble(stage.shift);
  const z = matmul(input, transpose(weight));
  if (!stage.scale) return { out: add(z, shift), saved: { input, weight, norm: null }, seen: null };
  const view = { outer: z.shape[0]!, channel: z.shape[1]!, inner: 1 };
  const seen = given ? null : moments(z.data, view);
  const { mean, variance } = given ?? seen!;
  const inputs = [z, inDouble(stage.scale), shift] as const;
  const norm = { inputs, mean, rstd: rstdOf(variance, eps), statistics: view, affine: view, own: !given };
  return { out: standardize(norm), saved: { input, weight, norm }, seen };
}

/** The gradients of a head: of its descriptor, and of the tensors of its stages in the order weight, scale, shift. */
export interface HeadGradients {
  readonly dt: Tensor;
  readonly stages: OfHead<readonly (Tensor | null)[]>;
}

/**
 * From the gradient of the weights back to the descriptor:
 *
 *     dLogits = a (da - sum of a da)      softmax, sums over the components
 *     dLogits = da a (1 - a)              sigmoid
 *     dLogits = da / 6 where -3 < logits < 3, else 0       hsigmoid
 *
 * and through a stage whose result has the gradient g, the derivative of its norm (if it has one) giving dz:
 *
 *     dWeight = dz^T u      du = dz weight      dScale = sum of g zHat      dShift = sum of g
 */
export function attendBackward(da: Tensor, { stages, logits, weights, attention }: HeadSaved): HeadGradients {
  const last = stageBackward(activationBackward(da, logits, weights, attention), stages.last);
  if (!stages.hidden) return { dt: last.du, stages: { hidden: [null, null, null], last: last.grads } };
  const dHidden = like(last.du);
  const hidden = stages.last.input.data;
  for (let i = 0; i < hidden.length; i++) dHidden.data[i] = hidden[i]! <= 0 ? 0 : last.du.data[i]!;
  const first = stageBackward(dHidden, stages.hidden);
  return { dt: first.du, stages: { hidden: first.grads, last: last.grads } };
}

function activationBackward(da: Tensor, logits: Tensor, weights: Tensor, attention: AttentionActivation): Tensor {
  if (attention === 'softmax') return softmaxBackward(da, weights, 1);
  // a (1 - a), without the cancellation of 1 - a
  if (attention === 'sigmoid') return mul(da, sigmoidSlope(logits));
  const dLogits = like(da);
  for (let i = 0; i < dLogits.data.length; i++) {
    const logit = logits.data[i]!;
    dLogits.data[i] = logit <= -3 || logit >= 3 ? 0 : da.data[i]! / 6;
  }
  return dLogits;
}

function stageBackward(g: Tensor, { input, weight, norm }: StageSaved): { du: Tensor; grads: readonly (Tensor | null)[] } {
  const [dz, dScale, dShift] = norm ? standardizeBackward(g, norm, [true, true, true]) : [g, null, sum(g, { axis: 0 })];
  // behind statistics of the samples dz adds up to 0, so that what all samples have in common has no part in dWeight; left
  // in, a common part of 1e4 costs it eight digits
  const u = norm?.own ? sub(input, mean(input, { axis: 0, keepDims: true })) : input;
  return { du: matmul(dz!, weight), grads: [matmul(transpose(dz!), u), dScale!, dShift!] };
}

/** A copy in double, not connected to the graph of x. */
export function inDouble(x: Tensor): Tensor {
  return fromArray(Float64Array.from(x.data), x.shape);
}
