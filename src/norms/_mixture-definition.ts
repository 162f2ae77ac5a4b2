/** Mixture norm composed from primitives, step by step. */
import { add } from '../autograd/add.ts';
import { clamp } from '../autograd/clamp.ts';
import { div } from '../autograd/div.ts';
import { expandDims } from '../autograd/expand-dims.ts';
import { log } from '../autograd/log.ts';
import { matmul } from '../autograd/matmul.ts';
import { mul } from '../autograd/mul.ts';
import { permute } from '../autograd/permute.ts';
import { detach } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { softmax } from '../autograd/softmax.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { transpose } from '../autograd/transpose.ts';
import { variance as varianceOf } from '../autograd/variance.ts';
import { fromArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { checkVariances, floor } from './_mixture-em.ts';
import type { MixturePlan } from './_mixture-plan.ts';

/** A mixture of K components: weights `[K]`, means and variances `[K, C]`. */
export interface MixtureTensors {
  readonly weight: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** What mixture norm computes: the result, the weights of the mixture, and the means and variances that normalized. */
export interface Mixed extends MixtureTensors {
  readonly y: Tensor;
}

/** `y = xHat * weight + bias`, with the gradient stopped where `emGradient` says. */
export function mixDefinition(x: Tensor, weight: Tensor | null, bias: Tensor | null, plan: MixturePlan): Mixed {
  const rows = rowsOfTensor(x);
  const mixture = fitDefinition(plan.emGradient === 'full' ? rows : detach(rows), plan);
  const p = posteriorOf(plan.emGradient === 'none' ? detach(rows) : rows, mixture);
  return normalizeSoftly([x, weight, bias], rows, p, mixture.weight, plan);
}

/** The C-vectors of `[N, C, ...spatial]`, by sample and then by position: `[count, C]`. */
export function rowsOfTensor(x: Tensor): Tensor {
  return reshape(permute(x, channelsLast(x)), [-1, x.shape[1]!]);
}

function channelsLast(x: Tensor): number[] {
  return [0, ...x.shape.map((_, axis) => axis).slice(2), 1];
}

/** EM from the start of the plan. */
export function fitDefinition(rows: Tensor, { caller, start, emSteps, covEps }: MixturePlan): MixtureTensors {
  const shape = [start.weight.length, rows.shape[1]!];
  const constant = (values: Float64Array): Tensor => fromArray(values.slice(), shape.slice(0, values === start.weight ? 1 : 2), { dtype: rows.dtype });
  let mixture: MixtureTensors = {
    weight: constant(start.weight),
    mean: constant(start.mean),
    variance: start.variance
      ? constant(start.variance)
      : add(add(varianceOf(rows, { axis: 0, keepDims: true }), covEps), fromArray(new Float64Array(start.mean.length), shape, { dtype: rows.dtype })),
  };
  checkVariances(caller, mixture.variance.data, shape[1]!);
  for (let step = 0; step < emSteps; step++) {
    const { total, mean, variance } = softMomentsOf(rows, posteriorOf(rows, mixture));
    mixture = { weight: div(total, rows.shape[0]!), mean, variance: add(variance, covEps) };
    checkVariances(caller, mixture.variance.data, shape[1]!);
  }
  return mixture;
}

/** `softmax over k of log weight[k] + log N(x[i]; mean[k], variance[k])`: `[count, K]`. */
export function posteriorOf(rows: Tensor, { weight, mean, variance }: MixtureTensors): Tensor {
  const away = sub(expandDims(rows, 1), mean);
  const distance = sum(add(add(div(square(away), variance), log(variance)), Math.log(2 * Math.PI)), { axis: 2 });
  return softmax(sub(log(weight), mul(distance, 0.5)), 1);
}

/** The sums of the weights `p` `[count, K]`, and the means and variances `[K, C]` of the rows weighted by them. */
function softMomentsOf(rows: Tensor, p: Tensor): { total: Tensor; mean: Tensor; variance: Tensor } {
  const total = clamp(sum(p, { axis: 0 }), { min: floor });
  const mean = div(matmul(transpose(p), rows), expandDims(total, 1));
  const away = square(sub(expandDims(rows, 1), mean));
  return { total, mean, variance: div(sum(mul(expandDims(p, 2), away), { axis: 0 }), expandDims(total, 1)) };
}

/** `xHat = sum over k of p[k] / sqrt(weight[k]) (x - mean[k]) / sqrt(variance[k] + eps)`, scaled and shifted. */
export function normalizeSoftly(
  [x, weight, bias]: readonly [Tensor, Tensor | null, Tensor | null],
  rows: Tensor,
  p: Tensor,
  share: Tensor,
  { running, eps }: MixturePlan,
): Mixed {
  const shape = [share.shape[0]!, rows.shape[1]!];
  const constant = (values: Float64Array): Tensor => fromArray(values.slice(), shape, { dtype: x.dtype });
  const { mean, variance } = running
    ? { mean: constant(running.mean), variance: constant(running.variance) }
    : softMomentsOf(rows, p);
  const standardized = mul(sub(expandDims(rows, 1), mean), rsqrt(add(variance, eps)));
  const xHat = sum(mul(expandDims(mul(p, rsqrt(share)), 2), standardized), { axis: 1 });
  const rank = x.shape.length;
  const last = channelsLast(x);
  const placed = permute(reshape(xHat, last.map((axis) => x.shape[axis]!)), x.shape.map((_, axis) => last.indexOf(axis)));
  const y = scaleAndShift(placed, perChannel(weight, rank), perChannel(bias, rank));
  return { y, weight: share, mean, variance };
}
