/**
 * Virtual Batch Normalization.
 * T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen, Improved Techniques for Training GANs,
 * NeurIPS 2016, arXiv 1606.03498.
 *
 *     rm, rv = mean and biased variance of the reference batch, per channel, over its n samples and their positions
 *     xm, xv = mean and biased variance of a sample, per channel, over its positions
 *     w      = 1 / (n + 1)               the sample is one more of the reference batch
 *     d      = xm - rm
 *     v      = (1 - w) rv + w xv + w (1 - w) d^2
 *     xHat   = ((x - xm) + (1 - w) d) / sqrt(v + eps)
 *     y      = xHat * weight + bias
 *     yRef   = (reference - rm) / sqrt(rv + eps) * weight + bias
 *
 * That is the mean rm + w d, and the variance of all n + 1 samples, written so that nothing cancels. No sample knows of
 * another in x; all know of the reference. Training is given the activations of the reference batch with the weights of
 * this very step, sends a gradient into them, and returns them normalized, for the next layer; it also stores their
 * statistics. Evaluation uses the stored ones, as constants. For the same reference, both give the same y. There is no
 * running average.
 *
 * yRef is batch norm of the reference. It has nothing to do with the "virtual batch size" of ghost batch norm.
 */
import { add } from '../autograd/add.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { detach, type Op, recordAll } from '../autograd/record.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { variance } from '../autograd/variance.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { fromArray, full, ones, type TensorOptions, zeros } from '../tensor/create.ts';
import { assign } from '../tensor/assign.ts';
import { ShapeError } from '../tensor/errors.ts';
import { like } from '../tensor/like.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkChannels, checkCount, checkEps, checkLike, checkRank, spatialSize } from './_check.ts';
import { moments, rstdOf } from './_moments.ts';

/** What virtual batch norm keeps of the last reference batch for evaluation. */
export interface VirtualBatchNormState {
  /** Mean `[C]`. */
  readonly refMean: Tensor;
  /** Biased variance `[C]`. */
  readonly refVar: Tensor;
  /** The number of samples, a scalar; 0 before the first training call. */
  readonly refCount: Tensor;
}

/** Options of `virtualBatchNorm`. */
export interface VirtualBatchNormOptions {
  /** Added to the variances, under the root; finite, at least 0. Default 1e-5. */
  eps?: number;
  /** Use the reference batch that is given, and store its statistics; otherwise use the stored ones. Default true. */
  training?: boolean;
  /** Send no gradient from y into the reference batch; that of yRef stays. Default false. */
  detachReference?: boolean;
}

/** What `virtualBatchNorm` gives. */
export interface VirtualBatchNormOutput {
  readonly y: Tensor;
  /** The reference batch normalized, in training; null in evaluation. */
  readonly yRef: Tensor | null;
}

/** A fresh state: mean 0, variance 1, no reference yet. */
export function virtualBatchNormState(numFeatures: number, { dtype = 'float32' }: TensorOptions = {}): VirtualBatchNormState {
  return { refMean: zeros([numFeatures], { dtype }), refVar: ones([numFeatures], { dtype }), refCount: zeros([], { dtype }) };
}

/** `virtualBatchNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function virtualBatchNormDefinition(
  x: Tensor,
  reference: Tensor | null,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: VirtualBatchNormState | null = null,
  options: VirtualBatchNormOptions = {},
): VirtualBatchNormOutput {
  const { eps, count, space, batch, cut } = check('virtualBatchNormDefinition', x, reference, weight, bias, state, options);
  const rank = x.shape.length;
  const [scale, shift] = [perChannel(weight, rank), perChannel(bias, rank)];
  const given = reference && cut ? detach(reference) : reference;
  const rm = given ? mean(given, { axis: batch, keepDims: true }) : perChannel(state!.refMean, rank);
  const rv = given ? variance(given, { axis: batch, keepDims: true }) : perChannel(state!.refVar, rank);
  const w = 1 / (count + 1);
  const xm = mean(x, { axis: space, keepDims: true });
  const xv = variance(x, { axis: space, keepDims: true });
  const d = sub(xm, rm);
  const v = add(add(mul(rv, 1 - w), mul(xv, w)), mul(square(d), w * (1 - w)));
  const xHat = mul(add(sub(x, xm), mul(d, 1 - w)), rsqrt(add(v, eps)));
  const y = scaleAndShift(xHat, scale, shift);
  if (!reference) return { y, yRef: null };
  // mean and variance anew: in one graph with those above, a small gradient of y would round away beside that of yRef
  const refVar = variance(reference, { axis: batch, keepDims: true });
  const refHat = mul(sub(reference, mean(reference, { axis: batch, keepDims: true })), rsqrt(add(refVar, eps)));
  if (state) store(state, rm.data, rv.data, count);
  return { y, yRef: scaleAndShift(refHat, scale, shift) };
}

/**
 * `y`: each sample of x normalized with the statistics of the reference batch and itself as one more sample; and
 * `yRef`: the reference batch normalized by itself.
 *
 * `x`: `[N, C, ...spatial]`; `reference`: `[n, C, ...spatial]` of the same rank, its spatial extents may differ;
 * `weight`, `bias`: `[C]` or null. A training call needs a reference and stores its statistics in `state`, if there is
 * one, outside the graph; an evaluation call takes null for it and needs a state that a training call has filled.
 * Throws a ShapeError when shapes do not fit and a RangeError for a bad eps, a missing or a superfluous reference, and
 * a state without one. Source: arXiv 1606.03498.
 * @example
 * ```ts
 * const state = virtualBatchNormState(1);
 * const reference = tensor([[1], [3]]);
 * const { y, yRef } = virtualBatchNorm(tensor([[2], [5]]), reference, null, null, state, { eps: 0 });
 * toArray(y); // [[0], [1.2247449]]
 * toArray(yRef!); // [[-1], [1]]
 * toArray(virtualBatchNorm(tensor([[5]]), null, null, null, state, { eps: 0, training: false }).y); // [[1.2247449]]
 * ```
 */
export function virtualBatchNorm(
  x: Tensor,
  reference: Tensor | null,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  state: VirtualBatchNormState | null = null,
  options: VirtualBatchNormOptions = {},
): VirtualBatchNormOutput {
  const { eps, count, cut } = check('virtualBatchNorm', x, reference, weight, bias, state, options);
  const channels = x.shape[1]!;
  const positions = spatialSize(x);
  const slices = x.shape[0]! * channels;
  const own = moments(x.data, { outer: 1, channel: slices, inner: positions });
  const view = reference && { outer: count, channel: channels, inner: spatialSize(reference) };
  const found = view && moments(reference.data, view);
  const refMean = found ? found.mean : Float64Array.from(state!.refMean.data);
  const refVar = found ? found.variance : Float64Array.from(state!.refVar.data);
  const w = 1 / (count + 1);
  const off = new Float64Array(slices);
  const mixed = new Float64Array(slices);
  for (let s = 0; s < slices; s++) {
    const c = s % channels;
    const d = own.mean[s]! - refMean[c]!;
    off[s] = d;
    mixed[s] = (1 - w) * refVar[c]! + w * own.variance[s]! + w * (1 - w) * d * d;
  }
  const inputs = [x, reference, weight, bias] as const;
  const about = { mean: own.mean, off, rstd: rstdOf(mixed, eps) };
  const ofReference = { mean: refMean, variance: refVar, rstd: rstdOf(refVar, eps), count };
  const saved: Saved = { inputs, ...about, reference: ofReference, eps, cut };
  const outputs = [apply(x, saved, about, 1 - w)];
  // the reference is read as about its own mean, with nothing to shift
  if (reference) outputs.push(apply(reference, saved, { ...ofReference, off: new Float64Array(channels) }, 0));
  recordAll(virtualBatchNormOp, inputs, saved, outputs);
  if (reference && state) store(state, refMean, refVar, count);
  return { y: outputs[0]!, yRef: outputs[1] ?? null };
}

/** Means, distances from the mean of the reference, and 1 / standard deviation, cyclic over the slices of a tensor. */
interface About {
  readonly mean: Float64Array;
  readonly off: Float64Array;
  readonly rstd: Float64Array;
}

interface Saved extends About {
  readonly inputs: readonly [Tensor, Tensor | null, Tensor | null, Tensor | null];
  readonly reference: { readonly mean: Float64Array; readonly variance: Float64Array; readonly rstd: Float64Array; readonly count: number };
  readonly eps: number;
  /** y sends no gradient into the reference */
  readonly cut: boolean;
}

/** `((x - mean) + share * off) * rstd * weight + bias`. */
function apply(x: Tensor, { inputs: [, , weight, bias] }: Saved, { mean: mu, off, rstd }: About, share: number): Tensor {
  const y = like(x);
  const channels = x.shape[1]!;
  const length = spatialSize(x);
  for (let s = 0, start = 0; start < x.data.length; s++, start += length) {
    const c = s % channels;
    const k = s % mu.length;
    const m = mu[k]!;
    const shift = share * off[k]!;
    const scale = rstd[k]! * (weight ? weight.data[c]! : 1);
    const b = bias ? bias.data[c]! : 0;
    for (let i = start; i < start + length; i++) y.data[i] = (x.data[i]! - m + shift) * scale + b;
  }
  return y;
}

const virtualBatchNormOp: Op<Saved> = {
  name: 'virtualBatchNorm',
  // h = dy weight, A = sum h and B = sum h xHat over a sample's S positions:  dx = r (h - w / S (A + xHat B))
  // the same share of A and B falls on every element of the virtual batch; on one of the reference, with k = (1 - w) / (n S'),
  //   dRef = -k sum over samples of r (A + (ref - mean) r B), plus batch norm's derivative of yRef
  // dWeight = sum dy xHat + sum dyRef refHat;  dBias = sum dy + sum dyRef
  pullback(dy, saved, needs, [, dyRef]) {
    const { inputs: [x, ref, weight, bias], mean: mu, off, rstd, reference, cut } = saved;
    const channels = x.shape[1]!;
    const length = spatialSize(x);
    const w = 1 / (reference.count + 1);
    const dx = like(x);
    const dWeight = new Float64Array(channels);
    const dBias = new Float64Array(channels);
    // of the samples, per channel: sums of r A, of r^2 B, and of r^2 B (mean - refMean)
    const first = new Float64Array(channels);
    const second = new Float64Array(channels);
    const third = new Float64Array(channels);
    for (let s = 0, start = 0; start < x.data.length; s++, start += length) {
      const c = s % channels;
      const r = rstd[s]!;
      const m = mu[s]!;
      const shift = (1 - w) * off[s]!;
      const scale = weight ? weight.data[c]! : 1;
      const end = start + length;
      let g = 0;
      let p = 0;
      for (let i = start; i < end; i++) {
        g += dy.data[i]!;
        p += dy.data[i]! * ((x.data[i]! - m + shift) * r);
      }
      dBias[c]! += g;
      dWeight[c]! += p;
      const A = g * scale;
      const B = p * scale;
      first[c]! += r * A;
      second[c]! += r * r * B;
      third[c]! += r * r * B * w * off[s]!;
      for (let i = start; i < end; i++) {
        const xHat = (x.data[i]! - m + shift) * r;
        dx.data[i] = r * (dy.data[i]! * scale - (w / length) * (A + xHat * B));
      }
    }
    const dRef = ref && like(ref);
    if (ref && dRef) {
      const inner = spatialSize(ref);
      const size = reference.count * inner;
      const scaled = new Float64Array(channels);
      const projected = new Float64Array(channels);
      for (let s = 0, start = 0; start < ref.data.length; s++, start += inner) {
        const c = s % channels;
        for (let i = start; i < start + inner; i++) {
          scaled[c]! += dyRef!.data[i]!;
          projected[c]! += dyRef!.data[i]! * ((ref.data[i]! - reference.mean[c]!) * reference.rstd[c]!);
        }
      }
      const k = (1 - w) / size;
      for (let s = 0, start = 0; start < ref.data.length; s++, start += inner) {
        const c = s % channels;
        const r = reference.rstd[c]!;
        const scale = weight ? weight.data[c]! : 1;
        for (let i = start; i < start + inner; i++) {
          const centred = ref.data[i]! - reference.mean[c]!;
          const own = r * scale * (dyRef!.data[i]! - (scaled[c]! + centred * r * projected[c]!) / size);
          dRef.data[i] = cut ? own : own - k * (first[c]! - third[c]! + centred * second[c]!);
        }
      }
      for (let c = 0; c < channels; c++) {
        dBias[c]! += scaled[c]!;
        dWeight[c]! += projected[c]!;
      }
    }
    return [
      dx,
      dRef,
      needs[2] ? new Tensor(rounded(dWeight, x.dtype), weight!.shape) : null,
      needs[3] ? new Tensor(rounded(dBias, x.dtype), bias!.shape) : null,
    ];
  },
  definition([x, ref, weight, bias], { reference, eps, cut }) {
    const shape = [reference.mean.length];
    const { dtype } = x!;
    const stored = ref
      ? null
      : {
          refMean: fromArray(reference.mean, shape, { dtype }),
          refVar: fromArray(reference.variance, shape, { dtype }),
          refCount: full([], reference.count, { dtype }),
        };
    const options = { eps, training: stored === null, detachReference: cut };
    const { y, yRef } = virtualBatchNormDefinition(x!, ref ?? null, weight, bias, stored, options);
    return yRef ? [y, yRef] : [y];
  },
};

/**
 * Virtual batch norm with its parameters `weight` (ones) and `bias` (zeros), of shape `[numFeatures]`, and the
 * statistics of the last reference batch. Training takes the reference batch beside x, and gives it back normalized;
 * evaluation takes x alone.
 * @example
 * ```ts
 * const norm = new VirtualBatchNorm(3);
 * const { y, yRef } = norm.forward(zeros([2, 3, 4, 4]), ones([8, 3, 4, 4]));
 * yRef!.shape; // [8, 3, 4, 4]
 * norm.eval().forward(y).y.shape; // [2, 3, 4, 4]
 * ```
 */
export class VirtualBatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly detachReference: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly state: VirtualBatchNormState;

  /** `affine` (default true) makes weight and bias; for `detachReference` (default false) see the function's options. */
  constructor(
    numFeatures: number,
    {
      eps = 1e-5,
      affine = true,
      detachReference = false,
      dtype = 'float32',
    }: { eps?: number; affine?: boolean; detachReference?: boolean; dtype?: TensorOptions['dtype'] } = {},
  ) {
    super();
    checkCount('VirtualBatchNorm', 'numFeatures', numFeatures);
    checkEps('VirtualBatchNorm', eps);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.detachReference = detachReference;
    this.weight = affine ? new Parameter(ones([numFeatures], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { dtype })) : null;
    this.state = virtualBatchNormState(numFeatures, { dtype });
  }

  forward(x: Tensor, reference: Tensor | null = null): VirtualBatchNormOutput {
    checkChannels('VirtualBatchNorm', x, this.numFeatures);
    const { eps, detachReference, training } = this;
    return virtualBatchNorm(x, reference, this.weight, this.bias, this.state, { eps, detachReference, training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

function store({ refMean, refVar, refCount }: VirtualBatchNormState, mu: ArrayLike<number>, v: ArrayLike<number>, count: number): void {
  assign(refMean, fromArray(mu, refMean.shape));
  assign(refVar, fromArray(v, refVar.shape));
  assign(refCount, full([], count));
}

function check(
  caller: string,
  x: Tensor,
  reference: Tensor | null,
  weight: Tensor | null,
  bias: Tensor | null,
  state: VirtualBatchNormState | null,
  { eps = 1e-5, training = true, detachReference = false }: VirtualBatchNormOptions,
): { eps: number; count: number; space: number[]; batch: number[]; cut: boolean } {
  checkRank(caller, x, 2, Infinity, '[N, C, ...spatial]');
  checkEps(caller, eps);
  const shape = [x.shape[1]!];
  checkLike(caller, 'weight', weight, shape, x);
  checkLike(caller, 'bias', bias, shape, x);
  if (state) {
    checkLike(caller, 'refMean', state.refMean, shape, x);
    checkLike(caller, 'refVar', state.refVar, shape, x);
    checkLike(caller, 'refCount', state.refCount, [], x);
  }
  if (training) checkReference(caller, x, reference);
  else checkStored(caller, reference, state);
  const space = x.shape.map((_, i) => i).slice(2);
  const count = reference ? reference.shape[0]! : state!.refCount.data[0]!;
  return { eps, count, space, batch: [0, ...space], cut: detachReference };
}

function checkReference(caller: string, x: Tensor, reference: Tensor | null): void {
  if (!reference) {
    throw new RangeError(`${caller}: training needs a reference batch, got null; pass its activations in this step, or set training to false`);
  }
  if (reference.shape.length !== x.shape.length || reference.shape[1] !== x.shape[1] || reference.data.length === 0) {
    throw new ShapeError(
      `${caller}: the reference must have the rank and the channels of x, and a sample, got ${showShape(reference.shape)} ` +
        `for x of shape ${showShape(x.shape)}`,
    );
  }
  checkLike(caller, 'the reference', reference, reference.shape, x);
}

function checkStored(caller: string, reference: Tensor | null, state: VirtualBatchNormState | null): void {
  if (reference) throw new RangeError(`${caller}: evaluation uses the stored statistics, got a reference; pass null, or set training to true`);
  const count = state ? state.refCount.data[0]! : 0;
  if (!(count > 0)) {
    throw new RangeError(`${caller}: evaluation needs the statistics of a reference, got refCount ${count}; make a training call first, with a state`);
  }
  const negative = state!.refVar.data.findIndex((v) => v < 0);
  if (negative >= 0) {
    throw new RangeError(`${caller}: refVar must not be negative, got ${state!.refVar.data[negative]} at channel ${negative}; it is a variance`);
  }
}
