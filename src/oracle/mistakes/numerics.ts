/** Mistakes of rounding: their exact answer is the right one, and what shows them is how far it is off. */
import { add } from '../../autograd/add.ts';
import { grad } from '../../autograd/backward.ts';
import { maximum } from '../../autograd/maximum.ts';
import { mean } from '../../autograd/mean.ts';
import { mul } from '../../autograd/mul.ts';
import { reshape } from '../../autograd/reshape.ts';
import { rsqrt } from '../../autograd/rsqrt.ts';
import { square } from '../../autograd/square.ts';
import { sub } from '../../autograd/sub.ts';
import { sum } from '../../autograd/sum.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { unitOf } from '../tolerance.ts';
import { type Mistake, replaced } from './mistake.ts';
import { channelOf, momentsOf, type Standardized, standardized } from './standardization.ts';
import { isViewed, type Viewed, viewOf } from './views.ts';

/** The standardization from primitives, with the variance as a difference: each of its steps can be rounded. */
function byDifference(view: Viewed): Standardized {
  const { statistics: s, affine: a, eps } = view;
  const data = new Tensor(view.x.slice(), [view.x.length], true);
  const vector = (values: Float64Array | null, otherwise: number): Tensor =>
    new Tensor(values?.slice() ?? new Float64Array(a.channel).fill(otherwise), [1, a.channel, 1], true);
  const [weight, bias] = [vector(view.weight, 1), vector(view.bias, 0)];
  const x = reshape(data, [s.outer, s.channel, s.inner]);
  const over = { axis: [0, 2], keepDims: true };
  const mu = mean(x, over);
  const variance = maximum(sub(mean(square(x), over), square(mu)), 0);
  const xHat = reshape(mul(sub(x, mu), rsqrt(add(variance, eps))), [a.outer, a.channel, a.inner]);
  const y = reshape(add(mul(xHat, weight), bias), [view.x.length]);
  const dy = new Tensor(view.dy.slice(), [view.dy.length]);
  const found = grad([sum(mul(y, dy))], [data, weight, bias]).map((gradient) => Float64Array.from(gradient!.data));
  return { y: Float64Array.from(y.data), dx: found[0]!, dWeight: found[1]!, dBias: found[2]! };
}

export const roundings = (): readonly Mistake[] => [
  {
    name: 'mean-square-minus-squared-mean',
    says: 'with the variance as E[x^2] - E[x]^2, which cancels at large means',
    fits: ({ entry }) => isViewed(entry.slug),
    rounds: null,
    answer: (asked, right) =>
      replaced(right, (_, index) => {
        const view = viewOf(asked, right, index);
        if (!view || view.given || !view.centred || view.outside || view.divisor || view.through) return null;
        const found = byDifference(view);
        return { outputs: view.outputs(found.y), grads: view.grads(found) };
      }),
  },
  {
    name: 'computed-in-float32',
    says: 'as far as float32 goes: somewhere float64 is rounded to it',
    fits: () => true,
    rounds: unitOf.float32,
    answer: (_, right) => right,
  },
];

/** A slice in which nothing varies: 0 / 0, or the root of a variance that rounding has made negative. */
export const constants = (): readonly Mistake[] => [
  {
    name: 'nan-on-a-constant',
    says: 'with NaN where a slice is constant',
    fits: ({ entry }) => isViewed(entry.slug),
    answer: (asked, right) =>
      replaced(right, (call, index) => {
        const view = viewOf(asked, right, index);
        if (!view || view.given) return null;
        const { variance } = momentsOf(view, () => 1);
        const spoilt = (i: number): boolean => variance[channelOf(view.statistics, i)] === 0;
        const found = standardized(view);
        const spoil = (values: Float64Array): Float64Array => values.map((value, i) => (spoilt(i) ? NaN : value));
        const outputs = view.outputs(spoil(found.y));
        const reached = new Set(Array.from(found.dx.keys()).filter(spoilt).map((i) => channelOf(view.affine, i)));
        const dWeight = found.dWeight.map((value, a) => (reached.has(a) ? NaN : value));
        return { outputs, grads: { ...call.grads, ...view.grads({ ...found, dx: spoil(found.dx), dWeight }) } };
      }),
  },
];
