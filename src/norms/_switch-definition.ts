/** The mixture of the switchable norms composed from primitives. */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { slice } from '../autograd/slice.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { fromArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { perChannel, scaleAndShift } from './_affine.ts';
import { spatialSize } from './_check.ts';
import type { Moments } from './_moments.ts';
import { betweenFactor, type MixSaved, type Statistic } from './_switch.ts';

/** The result of a mixture, and the statistics of the batch that it used, when it did. */
export interface Mixed {
  readonly y: Tensor;
  readonly batch: Moments | null;
}

/** `y = (x - mean) / sqrt(variance + eps) * weight + bias`, both statistics mixed by the ratios p and q. */
export function mixDefinition(
  [x, weight, bias, p, q]: MixSaved['inputs'],
  { statistics, eps, unbiased, running }: Pick<MixSaved, 'statistics' | 'eps' | 'unbiased' | 'running'>,
): Mixed {
  const inner = spatialSize(x);
  const rank = x.shape.length;
  // all means are taken from the middle value: in float32 a large common offset would cost them their digits
  const middle = Float64Array.from(x.data).sort()[x.data.length >> 1]!;
  const rows = sub(reshape(x, [x.shape[0]!, x.shape[1]!, inner]), middle);
  const own = mean(rows, { axis: 2, keepDims: true });
  const centred = sub(rows, own);
  const within = div(sum(square(centred), { axis: 2, keepDims: true }), Math.max(1, inner - (unbiased ? 1 : 0)));
  const pooled = (kind: Exclude<Statistic, 'in'>): { mean: Tensor; variance: Tensor } => {
    const over = { axis: kind === 'ln' ? 1 : 0, keepDims: true };
    const mu = mean(own, over);
    const between = mul(mean(square(sub(own, mu)), over), betweenFactor(kind, x, unbiased));
    return { mean: mu, variance: add(mean(within, over), between) };
  };
  const batch = statistics.includes('bn') && !running ? pooled('bn') : null;
  const parts = statistics.map((kind) => {
    if (kind === 'in') return { mean: own, variance: within };
    return kind === 'ln' ? pooled('ln') : (batch ?? given(running!, middle, x));
  });
  const shift = parts.map((part, k) => mul(slice(p, 0, k, k + 1), sub(part.mean, own))).reduce((a, b) => add(a, b));
  const v = parts.map((part, k) => mul(slice(q, 0, k, k + 1), part.variance)).reduce((a, b) => add(a, b));
  const xHat = reshape(mul(sub(centred, shift), rsqrt(add(v, eps))), x.shape);
  return {
    y: scaleAndShift(xHat, perChannel(weight, rank), perChannel(bias, rank)),
    batch: batch && {
      mean: Float64Array.from(batch.mean.data, (value) => value + middle),
      variance: Float64Array.from(batch.variance.data),
    },
  };
}

/** Given statistics of each channel, as constants `[C, 1]`, the mean from `middle` on. */
function given(running: Moments, middle: number, x: Tensor): { mean: Tensor; variance: Tensor } {
  const constant = (values: Float64Array): Tensor => fromArray(values, [values.length, 1], { dtype: x.dtype });
  return { mean: constant(running.mean.map((value) => value - middle)), variance: constant(running.variance) };
}
