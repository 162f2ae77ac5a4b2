/**
 * Weight Normalization.
 * T. Salimans, D. P. Kingma, Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
 * Networks, NIPS 2016, arXiv 1602.07868.
 *
 *     n      = sqrt(sum of weightV^2)       of each slice along `dim`, over all other axes
 *     weight = weightG * weightV / n
 *
 * Length and direction of each output unit's weight become parameters of their own: `weightG` and `weightV`. The norm
 * n is kept from 0 by a floor eps, which is never added: exact for every slice longer than eps. No state; train and
 * eval are the same.
 *
 * `dim: null` gives one norm for the whole weight, which PyTorch also does for `dim=-1`; here negative numbers count
 * from the back, as everywhere else. The paper's data-dependent start is `WeightNorm.initFromData`.
 */
import { div } from '../autograd/div.ts';
import { mul } from '../autograd/mul.ts';
import { noGrad, type Op, record } from '../autograd/record.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { square } from '../autograd/square.ts';
import { sum } from '../autograd/sum.ts';
import { where } from '../autograd/where.ts';
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { assign } from '../tensor/assign.ts';
import { fromArray } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { like } from '../tensor/like.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { checkEps, checkLike } from './_check.ts';
import { moments } from './_moments.ts';
import { normsOf, type Slices, slicesAlong } from './_slices.ts';

/** Options of `weightNorm`. */
export interface WeightNormOptions {
  /** The axis of the output units; negative counts from the back, null takes the whole weight as one. Default 0. */
  dim?: number | null;
  /** The least divisor; finite, above 0. Default 1e-12. */
  eps?: number;
}

/** `weightNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function weightNormDefinition(weightV: Tensor, weightG: Tensor, options: WeightNormOptions = {}): Tensor {
  const { slices, eps } = check('weightNormDefinition', weightV, weightG, options);
  const squares = sum(square(weightV), { axis: slices.axis, keepDims: slices.shape.length > 0 });
  // where the floor holds the divisor is a constant, with no root of 0 to differentiate
  const long = fromArray(squares.data.map((q) => (Math.sqrt(q) <= eps ? 0 : 1)), squares.shape, { dtype: squares.dtype });
  const n = where(long, sqrt(where(long, squares, 1)), eps);
  return mul(weightG, div(weightV, n));
}

/**
 * `weight = weightG * weightV / max(n, eps)`, n the Euclidean norm of each slice along `dim`.
 *
 * `weightV`: any rank from 1; `weightG`: its shape with every axis but `dim` of extent 1, or `[]` when `dim` is null.
 * A slice of zeros gives zeros. Throws a ShapeError when the shapes do not fit or a slice is empty, and a RangeError for
 * a bad dim or eps. Source: arXiv 1602.07868.
 * @example
 * ```ts
 * toArray(weightNorm(tensor([[3, 4], [0, 2]]), tensor([[10], [-1]]))); // [[6, 8], [0, -1]]
 * toArray(weightNorm(tensor([3, 4]), tensor(1), { dim: null })); // [0.6, 0.8]
 * ```
 */
export function weightNorm(weightV: Tensor, weightG: Tensor, options: WeightNormOptions = {}): Tensor {
  const { slices, eps } = check('weightNorm', weightV, weightG, options);
  const { channel, inner } = slices.view;
  const norms = normsOf(weightV.data, slices.view);
  const weight = like(weightV);
  for (let i = 0, run = 0; i < weight.data.length; run++) {
    const s = run % channel;
    const scale = weightG.data[s]! / floored(norms[s]!, eps);
    for (const end = i + inner; i < end; i++) weight.data[i] = weightV.data[i]! * scale;
  }
  const inputs = [weightV, weightG] as const;
  return record(weightNormOp, inputs, { inputs, norms, view: slices.view, eps, options }, weight);
}

interface Saved {
  readonly inputs: readonly [Tensor, Tensor];
  readonly norms: Float64Array;
  readonly view: Slices['view'];
  readonly eps: number;
  readonly options: WeightNormOptions;
}

const weightNormOp: Op<Saved> = {
  name: 'weightNorm',
  // with p = sum of dy v over the slice: dG = p / n and dV = (g / n) (dy - v p / n^2);
  // where the floor holds, n is the constant eps: dG = p / eps and dV = (g / eps) dy
  pullback(dy, { inputs: [weightV, weightG], norms, view, eps }) {
    const v = weightV.data;
    const { channel, inner } = view;
    const projected = new Float64Array(channel);
    for (let i = 0, run = 0; i < v.length; run++) {
      let p = 0;
      for (const end = i + inner; i < end; i++) p += dy.data[i]! * v[i]!;
      projected[run % channel]! += p;
    }
    const dV = like(weightV);
    for (let i = 0, run = 0; i < v.length; run++) {
      const s = run % channel;
      const n = floored(norms[s]!, eps);
      const scale = weightG.data[s]! / n;
      const along = norms[s]! <= eps ? 0 : projected[s]! / n / n;
      for (const end = i + inner; i < end; i++) dV.data[i] = scale * (dy.data[i]! - v[i]! * along);
    }
    const dG = projected.map((p, s) => p / floored(norms[s]!, eps));
    return [dV, new Tensor(rounded(dG, weightG.dtype), weightG.shape)];
  },
  definition: ([weightV, weightG], { options }) => weightNormDefinition(weightV!, weightG!, options),
};

/** The divisor: the norm, or eps when the norm is below it. */
function floored(norm: number, eps: number): number {
  return norm <= eps ? eps : norm;
}

function checkFloor(caller: string, eps: number): void {
  if (!(eps > 0 && eps < Infinity)) {
    throw new RangeError(`${caller}: eps must be finite and above 0, because it is the least divisor, got ${eps}; 1e-12 is usual`);
  }
}

/** Options of the class. */
export interface WeightNormModuleOptions extends WeightNormOptions {
  /** The spread that `initFromData` gives to the outputs. Default 1. */
  initScale?: number;
  /** Added to the variance by `initFromData`, under the root; finite, at least 0. Default 1e-8. */
  initEps?: number;
}

/** A layer whose outputs `initFromData` sets. */
export type InitializedLayer = Module & { forward(x: Tensor): Tensor; readonly bias: Tensor | null };

/**
 * Weight normalization of a layer's weight, to be put into the layer by `parametrize`: the parameter that was there
 * becomes the direction, and `weightG`, the lengths, a parameter of this module, which begins as the lengths the weight
 * has: the layer starts as it was.
 * @example
 * ```ts
 * const layer = parametrize(new Linear(2, 1, { random: new Random(1) }), new WeightNorm());
 * Object.keys(layer.stateDict());
 * // ['bias', 'parametrizations.weight.original', 'parametrizations.weight.0.weightG']
 * ```
 */
export class WeightNorm extends Module {
  readonly options: Readonly<Required<WeightNormModuleOptions>>;
  /** One length for each slice; null until the module is put into a layer. */
  weightG: Parameter | null = null;

  constructor({ dim = 0, eps = 1e-12, initScale = 1, initEps = 1e-8 }: WeightNormModuleOptions = {}) {
    super();
    checkFloor('WeightNorm', eps);
    checkEps('WeightNorm', initEps, 'initEps');
    if (!Number.isFinite(initScale)) throw new RangeError(`WeightNorm: initScale must be finite, got ${initScale}`);
    this.options = { dim, eps, initScale, initEps };
  }

  /** Sets the lengths to those of `weight`. */
  initialize(weight: Tensor): void {
    const { view, shape } = slicesAlong('WeightNorm', weight.shape, this.options.dim);
    this.weightG = new Parameter(fromArray(normsOf(weight.data, view), shape, { dtype: weight.dtype }));
  }

  forward(weight: Tensor): Tensor {
    if (!this.weightG) throw new Error('WeightNorm: the lengths are made by parametrize; put the module into a layer first');
    return weightNorm(weight, this.weightG, this.options);
  }

  /**
   * The paper's start: sets the lengths and the bias of `layer`, which has this module on its weight, so that the
   * outputs for the batch `x` have mean 0 and standard deviation `initScale` in each channel.
   *
   *     t = outputs with lengths 1 and no bias;  weightG = initScale / sqrt(var(t) + initEps);  bias = -mean(t) weightG
   *
   * Once, before training; no gradient. Throws a ShapeError when there is no bias, lengths are not per output channel,
   * or a channel has a single value; nothing is changed then.
   */
  initFromData(layer: InitializedLayer, x: Tensor): void {
    const { weightG } = this;
    const bias = layer.bias;
    if (!weightG || !bias || weightG.data.length !== bias.data.length) {
      throw new ShapeError(
        'WeightNorm.initFromData: the layer must have this module on its weight, with one length for each output, and a bias, ' +
          `got ${weightG ? `${weightG.data.length} lengths` : 'a module outside a layer'} and ${bias ? showShape(bias.shape) : 'no bias'}`,
      );
    }
    const before = [new Tensor(weightG.data.slice(), weightG.shape), new Tensor(bias.data.slice(), bias.shape)] as const;
    assign(weightG, new Tensor(weightG.data.map(() => 1), weightG.shape));
    assign(bias, new Tensor(bias.data.map(() => 0), bias.shape));
    let start: { lengths: Float64Array; shifts: Float64Array };
    try {
      start = startFrom(noGrad(() => layer.forward(x)), this.options);
    } catch (error) {
      assign(weightG, before[0]);
      assign(bias, before[1]);
      throw error;
    }
    assign(weightG, fromArray(start.lengths, weightG.shape));
    assign(bias, fromArray(start.shifts, bias.shape));
  }
}

/** Lengths and biases that give the outputs `t` `[N, O, ...]` mean 0 and standard deviation `initScale`. */
export function startFrom(
  t: Tensor,
  { initScale = 1, initEps = 1e-8 }: Pick<WeightNormModuleOptions, 'initScale' | 'initEps'>,
): { lengths: Float64Array; shifts: Float64Array } {
  const view = { outer: t.shape[0]!, channel: t.shape[1]!, inner: t.data.length / (t.shape[0]! * t.shape[1]!) };
  if (!(view.outer * view.inner >= 2)) {
    throw new ShapeError(`WeightNorm.initFromData: the batch must give each channel two values or more, got outputs ${showShape(t.shape)}`);
  }
  const { mean, variance } = moments(t.data, view);
  const lengths = variance.map((v) => initScale / Math.sqrt(v + initEps));
  return { lengths, shifts: mean.map((mu, o) => -mu * lengths[o]!) };
}

function check(
  caller: string,
  weightV: Tensor,
  weightG: Tensor,
  { dim = 0, eps = 1e-12 }: WeightNormOptions,
): { slices: Slices; eps: number } {
  checkFloor(caller, eps);
  const slices = slicesAlong(caller, weightV.shape, dim);
  if (weightV.data.length === 0) {
    throw new ShapeError(`${caller}: weightV must not be empty, got shape ${showShape(weightV.shape)}`);
  }
  checkLike(caller, 'weightG', weightG, slices.shape, weightV);
  return { slices, eps };
}
