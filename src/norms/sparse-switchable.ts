/**
 * Sparse Switchable Normalization.
 * W. Shao, T. Meng, J. Li, R. Zhang, Y. Li, X. Wang, P. Luo, SSN: Learning Sparse Switchable Normalization via
 * SparsestMax, CVPR 2019, arXiv 1903.03793.
 *
 *     p = sparsestmax(meanWeight, radius),  q = sparsestmax(varWeight, radius)      or sparsemax
 *     xHat = (x - sum of p[k] mean_k) / sqrt(sum of q[k] v_k + eps)
 *     y    = xHat * weight + bias
 *
 * Switchable norm whose ratios can be exactly 0, and become 1 and 0 as the radius grows: in the end each layer has chosen
 * one statistic for its means and one for its variances. The caller sets the radius; `sparsestmaxRadius` gives the
 * schedule of the paper, from 0 to the distance of the corners. (The released script goes on to 1, so that from 82 % of
 * training on every ratio is 1 or 0.)
 *
 * With `freeze` a training call whose ratio has one member left selects it for good: the state holds its index, the
 * logits stay what they are, get a gradient of 0 and count no more, and neither does the radius. -1 is no selection.
 *
 * As soon as one of three statistics is dropped by the radius, the ratio is the end of an arc, which does not move: the
 * logits get a gradient of 0. Statistics, state and evaluation are those of switchable norm, and so is the result when
 * the ratios are the same.
 */
import { add } from '../autograd/add.ts';
import { gate } from '../autograd/gate.ts';
import { type Op, record } from '../autograd/record.ts';
import { sparsemax, sparsemaxDefinition } from '../autograd/sparsemax.ts';
import { checkRadius, sparsestmax, sparsestmaxDefinition } from '../autograd/sparsestmax.ts';
import { assign } from '../tensor/assign.ts';
import { fromArray, full, type TensorOptions, zeros } from '../tensor/create.ts';
import type { LoadOptions, LoadReport, StateDict } from '../nn/module.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkChannels, checkLike } from './_check.ts';
import { mix, mixBackward, type MixSaved, ownMoments, pooledMoments } from './_switch.ts';
import { mixDefinition } from './_switch-definition.ts';
import { SwitchLayer, type SwitchLayerOptions } from './_switch-layer.ts';
import {
  newSwitchState,
  planSwitch,
  resetSwitchState,
  type SwitchOptions,
  type SwitchPlan,
  type SwitchState,
  trackSwitch,
} from './_switch-state.ts';

/** What sparse switchable norm carries: what is selected, and with "bn" among its statistics what switchable norm does. */
export interface SparseSwitchableNormState extends Partial<SwitchState> {
  /** The index of the statistic that the means are taken of for good; -1: none. A scalar, and so is the next. */
  readonly meanSelected: Tensor;
  readonly varSelected: Tensor;
}

/** How ratios are made of logits. */
export interface SparseRatioOptions {
  /** The function from logits to ratios. Default `'sparsestmax'`. */
  ratio?: 'sparsestmax' | 'sparsemax';
  /** The radius of sparsestmax; finite, at least 0. Default 0, which is sparsemax. */
  radius?: number;
}

/** Options of `sparseSwitchableNorm`. */
export interface SparseSwitchableNormOptions extends SwitchOptions, SparseRatioOptions {
  /** Let a training call with a single member in a ratio select it for good. Default true. */
  freeze?: boolean;
}

/** A fresh state: nothing selected; with `statistics` that have "bn" also running mean 0, running variance 1. */
export function sparseSwitchableNormState(
  numFeatures: number,
  {
    statistics = ['in', 'ln', 'bn'],
    usingMovingAverage = true,
    dtype = 'float32',
  }: Pick<SwitchOptions, 'statistics' | 'usingMovingAverage'> & { dtype?: TensorOptions['dtype'] } = {},
): SparseSwitchableNormState {
  const running = statistics.includes('bn') ? newSwitchState(numFeatures, usingMovingAverage, dtype) : {};
  return { ...running, meanSelected: full([], -1, { dtype }), varSelected: full([], -1, { dtype }) };
}

/** `sparseSwitchableNorm` composed from primitives: what the fused form must equal. */
export function sparseSwitchableNormDefinition(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  meanWeight: Tensor,
  varWeight: Tensor,
  state: SparseSwitchableNormState | null = null,
  options: SparseSwitchableNormOptions = {},
): Tensor {
  const inputs = [x, weight, bias, meanWeight, varWeight] as const;
  const plan = check('sparseSwitchableNormDefinition', inputs, state, options);
  const functions = { sparsemax: sparsemaxDefinition, sparsestmax: sparsestmaxDefinition };
  const p = ratioOf(meanWeight, state?.meanSelected, options, functions);
  const q = ratioOf(varWeight, state?.varSelected, options, functions);
  const { y, batch } = mixDefinition([x, weight, bias, p, q], plan);
  if (plan.update) trackSwitch(plan.update, batch!.mean, batch!.variance, plan);
  selectSingle(state, p, q, options);
  return y;
}

/**
 * `y = (x - mean) / sqrt(v + eps) * weight + bias`, where mean and variance are mixed from those of instance, layer and
 * batch norm, by the ratios that `sparseSwitchableRatios` gives.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; `weight`, `bias`: `[C]` or null; `meanWeight`, `varWeight`: one number for each
 * of the statistics; `state` is updated by a training call, outside the graph: running statistics when "bn" is listed,
 * and selections. Throws as `switchableNorm` does, and a RangeError for a bad radius, an unknown ratio or a selection
 * that is no index. Source: arXiv 1903.03793.
 * @example
 * ```ts
 * const x = tensor([[[1, 3], [5, 7]]]);
 * const [a, b] = [tensor([0, 0.5]), tensor([1, 0])];
 * const state = sparseSwitchableNormState(2, { statistics: ['in', 'ln'] });
 * const options = { statistics: ['in', 'ln'], eps: 0 };
 * toArray(sparseSwitchableNorm(x, null, null, a, b, state, options)); // [[[-2.5, -0.5], [0.5, 2.5]]]
 * [state.meanSelected.data[0], state.varSelected.data[0]]; // [-1, 0]
 * ```
 */
export function sparseSwitchableNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  meanWeight: Tensor,
  varWeight: Tensor,
  state: SparseSwitchableNormState | null = null,
  options: SparseSwitchableNormOptions = {},
): Tensor {
  const plan = check('sparseSwitchableNorm', [x, weight, bias, meanWeight, varWeight], state, options);
  const { statistics, eps, unbiased, running } = plan;
  const { meanRatio, varRatio } = sparseSwitchableRatios(meanWeight, varWeight, state, options);
  const inputs = [x, weight, bias, meanRatio, varRatio] as const;
  const own = ownMoments(x, unbiased);
  const saved = { inputs, statistics, eps, unbiased, own, running };
  const y = record(sparseSwitchableNormOp, inputs, saved, mix(saved));
  if (plan.update) {
    const batch = pooledMoments('bn', own, x, unbiased);
    trackSwitch(plan.update, batch.mean, batch.variance, plan);
  }
  selectSingle(state, meanRatio, varRatio, options);
  return y;
}

const sparseSwitchableNormOp: Op<MixSaved> = {
  name: 'sparseSwitchableNorm',
  // as in switchable norm; the derivative of sparsemax or sparsestmax leads on to the logits
  pullback: (dy, saved, needs) => mixBackward(dy, saved, needs),
  definition: ([x, weight, bias, p, q], saved) => mixDefinition([x!, weight ?? null, bias ?? null, p!, q!], saved).y,
};

/**
 * The shares of the statistics in the mean and in the variance: `sparsestmax(logits, radius)` or `sparsemax(logits)`;
 * where the state has selected one, 1 for that and 0 for the others, with a gradient of 0.
 *
 * Throws a RangeError for a bad radius, an unknown ratio or a selection that is no index.
 * @example
 * ```ts
 * const { meanRatio } = sparseSwitchableRatios(tensor([1, 0.5, -1]), zeros([3]));
 * toArray(meanRatio); // [0.75, 0.25, 0]
 * ```
 */
export function sparseSwitchableRatios(
  meanWeight: Tensor,
  varWeight: Tensor,
  state: SparseSwitchableNormState | null = null,
  options: SparseRatioOptions = {},
): { meanRatio: Tensor; varRatio: Tensor } {
  checkRatios('sparseSwitchableRatios', meanWeight, state, options);
  const functions = { sparsemax, sparsestmax };
  return {
    meanRatio: ratioOf(meanWeight, state?.meanSelected, options, functions),
    varRatio: ratioOf(varWeight, state?.varSelected, options, functions),
  };
}

/** Options of the class `SparseSwitchableNorm`. */
export interface SparseSwitchableNormLayerOptions
  extends SwitchLayerOptions,
    Omit<SparseSwitchableNormOptions, 'training'> {}

/**
 * Sparse switchable norm with the parameters of switchable norm, its state and a radius, which the training loop sets.
 * @example
 * ```ts
 * const norm = new SparseSwitchableNorm(3);
 * norm.radius = sparsestmaxRadius(1, 1, 3);
 * norm.forward(ones([4, 3, 2, 2])).shape; // [4, 3, 2, 2]
 * toArray(norm.ratios().mean); // [1, 0, 0]
 * toArray(norm.selected.meanSelected); // 0
 * ```
 */
export class SparseSwitchableNorm extends SwitchLayer {
  readonly ratio: 'sparsestmax' | 'sparsemax';
  readonly freezeSingle: boolean;
  readonly selected: Pick<SparseSwitchableNormState, 'meanSelected' | 'varSelected'>;
  #radius: number;

  constructor(numFeatures: number, options: SparseSwitchableNormLayerOptions = {}) {
    super('SparseSwitchableNorm', numFeatures, options);
    const { ratio = 'sparsestmax', radius = 0, freeze = true, dtype = 'float32' } = options;
    checkRatio('SparseSwitchableNorm', ratio);
    checkRadius('SparseSwitchableNorm', radius);
    this.ratio = ratio;
    this.freezeSingle = freeze;
    this.#radius = radius;
    this.selected = { meanSelected: full([], -1, { dtype }), varSelected: full([], -1, { dtype }) };
  }

  /** How far the ratios are driven towards 1 and 0. Setting it throws a RangeError unless it is finite and at least 0. */
  get radius(): number {
    return this.#radius;
  }

  set radius(value: number) {
    checkRadius('SparseSwitchableNorm', value);
    this.#radius = value;
  }

  forward(x: Tensor): Tensor {
    checkChannels('SparseSwitchableNorm', x, this.numFeatures);
    const { statistics, eps, momentum, usingMovingAverage, unbiased, training, ratio, radius, freezeSingle: freeze } = this;
    const options = { statistics, eps, momentum, usingMovingAverage, unbiased, training, ratio, radius, freeze };
    const state = { ...this.state, ...this.selected };
    return sparseSwitchableNorm(x, this.weight, this.bias, this.meanWeight, this.varWeight, state, options);
  }

  /** The shares of the statistics, in their order, in the mean and in the variance: what the layer has chosen so far. */
  ratios(): { mean: Tensor; variance: Tensor } {
    const { meanRatio, varRatio } = sparseSwitchableRatios(this.meanWeight, this.varWeight, this.selected, this);
    return { mean: meanRatio, variance: varRatio };
  }

  /** Forgets selections, running statistics and radius; the parameters stay. */
  reset(): void {
    this.#radius = 0;
    for (const held of Object.values(this.selected)) assign(held, full([], -1, { dtype: held.dtype }));
    if (this.state) resetSwitchState(this.state);
  }

  /** As for every module; also throws a RangeError for a selection that is no index. */
  override loadStateDict(dict: Readonly<StateDict>, options: LoadOptions = {}): LoadReport {
    for (const name of ['meanSelected', 'varSelected']) {
      if (Object.prototype.hasOwnProperty.call(dict, name)) {
        checkSelected('loadStateDict', name, dict[name]!, this.statistics.length);
      }
    }
    return super.loadStateDict(dict, options);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...super.ownBuffers(), ...this.selected };
  }
}

type Ratios = Readonly<Record<'sparsemax' | 'sparsestmax', (logits: Tensor, radius?: number) => Tensor>>;

/** The ratios of one kind, mean or variance. */
function ratioOf(
  logits: Tensor,
  selected: Tensor | undefined,
  { ratio = 'sparsestmax', radius = 0 }: SparseRatioOptions,
  functions: Ratios,
): Tensor {
  const index = selected?.data[0] ?? -1;
  if (index < 0) return ratio === 'sparsemax' ? functions.sparsemax(logits) : functions.sparsestmax(logits, radius);
  const chosen = zeros(logits.shape, { dtype: logits.dtype });
  chosen.data[index] = 1;
  // the logits stay part of the graph, with a gradient of exactly 0, also when they are not finite
  return add(gate(logits, new Float32Array(logits.data.length)), chosen);
}

/** Selects for good what is the only member of its ratio, after a training call. */
function selectSingle(
  state: SparseSwitchableNormState | null,
  p: Tensor,
  q: Tensor,
  { freeze = true, training = true }: SparseSwitchableNormOptions,
): void {
  if (!state || !freeze || !training) return;
  const { meanSelected, varSelected } = state;
  for (const [selected, ratio] of [[meanSelected, p], [varSelected, q]] as const) {
    const members = Array.from(ratio.data.keys()).filter((k) => ratio.data[k] !== 0);
    const only = members.length === 1 && ratio.data[members[0]!]! > 0;
    if (only && selected.data[0]! < 0) assign(selected, fromArray([members[0]!], [], { dtype: selected.dtype }));
  }
}

function checkRatio(caller: string, ratio: string): void {
  if (ratio !== 'sparsestmax' && ratio !== 'sparsemax') {
    throw new RangeError(`${caller}: ratio must be "sparsestmax" or "sparsemax", got "${ratio}"`);
  }
}

function checkSelected(caller: string, name: string, selected: Tensor, count: number): void {
  const index = selected.data[0]!;
  if (!(Number.isInteger(index) && index >= -1 && index < count)) {
    throw new RangeError(
      `${caller}: ${name} must be the index of one of ${count} statistics, or -1 for none, got ${index}`,
    );
  }
}

function checkRatios(
  caller: string,
  logits: Tensor,
  state: SparseSwitchableNormState | null,
  { ratio = 'sparsestmax', radius = 0 }: SparseRatioOptions,
): void {
  checkRatio(caller, ratio);
  checkRadius(caller, radius);
  if (!state) return;
  checkSelected(caller, 'meanSelected', state.meanSelected, logits.data.length);
  checkSelected(caller, 'varSelected', state.varSelected, logits.data.length);
}

function check(
  caller: string,
  inputs: readonly [Tensor, Tensor | null, Tensor | null, Tensor, Tensor],
  state: SparseSwitchableNormState | null,
  options: SparseSwitchableNormOptions,
): SwitchPlan {
  const { runningMean, runningVar, batchCount } = state ?? {};
  const held = runningMean && runningVar ? { runningMean, runningVar, ...(batchCount && { batchCount }) } : null;
  const plan = planSwitch(caller, inputs, held, options);
  if (state) {
    checkLike(caller, 'meanSelected', state.meanSelected, [], inputs[0]);
    checkLike(caller, 'varSelected', state.varSelected, [], inputs[0]);
  }
  checkRatios(caller, inputs[3], state, options);
  return plan;
}
