/**
 * Switchable Normalization.
 * P. Luo, J. Ren, Z. Peng, R. Zhang, J. Li, Differentiable Learning-to-Normalize via Switchable Normalization,
 * ICLR 2019, arXiv 1806.10779.
 *
 *     mean_in, v_in     over the positions of each sample and channel, biased
 *     mean_ln = mean(mean_in),  v_ln = mean(v_in) + mean((mean_in - mean_ln)^2)     over the channels of a sample
 *     mean_bn = mean(mean_in),  v_bn = mean(v_in) + mean((mean_in - mean_bn)^2)     over the batch, for each channel
 *     p = softmax(meanWeight),  q = softmax(varWeight)
 *     xHat = (x - sum of p[k] mean_k) / sqrt(sum of q[k] v_k + eps)
 *     y    = xHat * weight + bias
 *
 * Each layer learns what it wants to be: instance norm ("in"), layer norm over channels and positions ("ln") or batch
 * norm ("bn"), with ratios of their own for means and variances. `statistics` lists what it may choose from.
 *
 * Training uses the batch for "bn" and tracks it; evaluation uses what was tracked. The tracked variance is the very
 * one that normalizes, without Bessel's correction. With `usingMovingAverage: false` the state is the plain average over
 * all batches since a reset, for the published evaluation: freeze the parameters, reset, run some batches in training
 * mode, evaluate. The variances of the batches' means are part of that average, so that equal batches give the
 * statistics of all their samples together.
 *
 * `unbiased` divides the variance of each sample and channel by the number of positions less 1, as the released code
 * does, which is NaN at 1x1 there and refused here.
 *
 * With one statistic it equals instance norm, group norm with one group, or batch norm.
 */
import { type Op, record } from '../autograd/record.ts';
import { softmax } from '../autograd/softmax.ts';
import type { TensorOptions } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkChannels } from './_check.ts';
import { mix, mixBackward, type MixSaved, ownMoments, pooledMoments } from './_switch.ts';
import { mixDefinition } from './_switch-definition.ts';
import { SwitchLayer, type SwitchLayerOptions } from './_switch-layer.ts';
import { newSwitchState, planSwitch, type SwitchOptions, type SwitchState, trackSwitch } from './_switch-state.ts';

/** What switchable norm carries from one training call to the next, when "bn" is among its statistics. */
export type SwitchableNormState = SwitchState;

/** Options of `switchableNorm`. */
export type SwitchableNormOptions = SwitchOptions;

/** A fresh state: running mean 0, running variance 1; for batch averages also a count of 0. */
export function switchableNormState(
  numFeatures: number,
  { usingMovingAverage = true, dtype = 'float32' }: { usingMovingAverage?: boolean; dtype?: TensorOptions['dtype'] } = {},
): SwitchableNormState {
  return newSwitchState(numFeatures, usingMovingAverage, dtype);
}

/** `switchableNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function switchableNormDefinition(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  meanWeight: Tensor,
  varWeight: Tensor,
  state: SwitchableNormState | null = null,
  options: SwitchableNormOptions = {},
): Tensor {
  const plan = planSwitch('switchableNormDefinition', [x, weight, bias, meanWeight, varWeight], state, options);
  const p = softmax(meanWeight);
  const q = softmax(varWeight);
  const { y, batch } = mixDefinition([x, weight, bias, p, q], plan);
  if (plan.update) trackSwitch(plan.update, batch!.mean, batch!.variance, plan);
  return y;
}

/**
 * `y = (x - mean) / sqrt(v + eps) * weight + bias`, where mean and variance are mixed from those of instance, layer and
 * batch norm, by the ratios `softmax(meanWeight)` and `softmax(varWeight)`.
 *
 * `x`: `[N, C]` to `[N, C, D, H, W]`; `weight`, `bias`: `[C]` or null; `meanWeight`, `varWeight`: one number for each
 * of the statistics; `state` is updated by a training call, outside the graph, when "bn" is listed. Without a state
 * evaluation uses the batch. Throws a ShapeError when shapes do not fit or an unbiased variance would be of a single
 * value, a RangeError for bad options or a negative running variance, and a TypeError for dtypes that differ or batch
 * averages without a count. Source: arXiv 1806.10779.
 * @example
 * ```ts
 * const x = tensor([[[1, 3], [5, 7]]]);
 * const equal = zeros([2]);
 * toArray(switchableNorm(x, null, null, equal, equal, null, { statistics: ['in', 'ln'], eps: 0 }));
 * // [[[-1.1547005, 0], [0, 1.1547005]]]
 * ```
 */
export function switchableNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  meanWeight: Tensor,
  varWeight: Tensor,
  state: SwitchableNormState | null = null,
  options: SwitchableNormOptions = {},
): Tensor {
  const plan = planSwitch('switchableNorm', [x, weight, bias, meanWeight, varWeight], state, options);
  const { statistics, eps, unbiased, running } = plan;
  const inputs = [x, weight, bias, softmax(meanWeight), softmax(varWeight)] as const;
  const own = ownMoments(x, unbiased);
  const saved = { inputs, statistics, eps, unbiased, own, running };
  const y = record(switchableNormOp, inputs, saved, mix(saved));
  if (plan.update) {
    const batch = pooledMoments('bn', own, x, unbiased);
    trackSwitch(plan.update, batch.mean, batch.variance, plan);
  }
  return y;
}

const switchableNormOp: Op<MixSaved> = {
  name: 'switchableNorm',
  // dBias = sum dy;  dWeight = sum dy xHat;  x, p and q through the mean and the variance of each sample and channel;
  // the derivative of softmax leads on to the logits
  pullback: (dy, saved, needs) => mixBackward(dy, saved, needs),
  definition: ([x, weight, bias, p, q], saved) => mixDefinition([x!, weight ?? null, bias ?? null, p!, q!], saved).y,
};

/** Options of the class `SwitchableNorm`. */
export type SwitchableNormLayerOptions = SwitchLayerOptions;

/**
 * Switchable norm with its parameters: `weight` (ones) and `bias` (zeros) of shape `[numFeatures]`, `meanWeight` and
 * `varWeight` (ones, so equal ratios) with one number for each of the statistics; and its state.
 * @example
 * ```ts
 * const norm = new SwitchableNorm(3, { statistics: ['in', 'ln'] });
 * norm.forward(ones([4, 3, 2, 2])).shape; // [4, 3, 2, 2]
 * toArray(norm.ratios().mean); // [0.5, 0.5]
 * ```
 */
export class SwitchableNorm extends SwitchLayer {
  constructor(numFeatures: number, options: SwitchableNormLayerOptions = {}) {
    super('SwitchableNorm', numFeatures, options);
  }

  forward(x: Tensor): Tensor {
    checkChannels('SwitchableNorm', x, this.numFeatures);
    return switchableNorm(x, this.weight, this.bias, this.meanWeight, this.varWeight, this.state, this);
  }

  /** The shares of the statistics, in their order, in the mean and in the variance: what a trained layer has chosen. */
  ratios(): { mean: Tensor; variance: Tensor } {
    return { mean: softmax(this.meanWeight), variance: softmax(this.varWeight) };
  }
}
