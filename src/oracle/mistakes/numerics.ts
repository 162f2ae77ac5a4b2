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
import { momentsOf, standardized } from './standardization.ts';
import { viewed, type Viewed, viewOf } from './views.ts';

/** The standardization from primitives, with the variance as a difference: each of its steps can be rounded. */
function byDifference(view: Viewed): { y: Float64Array; dx: Float64Array } {
  const { statistics: s, affine: a, weight, bias, eps } = view;
  const data = new Tensor(view.x.slice(), [view.x.length], true);
  const x = reshape(data, [s.outer, s.channel, s.inner]);
  const axis = [0, 2];
  const mu = mean(x, { axis, keepDims: true });
  const variance = maximum(sub(mean(square(x), { axis, keepDims: true }), square(mu)), 0);
  const xHat = reshape(mul(sub(x, mu), rsqrt(add(variance, eps))), [a.outer, a.channel, a.inner]);
  const vector = (values: Float64Array): Tensor => new Tensor(values.slice(), [1, a.channel, 1]);
  const scaled = weight ? mul(xHat, vector(weight)) : xHat;
  const y = bias ? add(scaled, vector(bias)) : scaled;
  const [dx] = grad([sum(mul(reshape(y, [view.x.length]), new Tensor(view.dy.slice(), [view.dy.length])))], [data]);
  return { y: Float64Array.from(y.data), dx: Float64Array.from(dx!.data) };
}

export const roundings: readonly Mistake[] = [
  {
    name: 'mean-square-minus-squared-mean',
    says: 'with the variance as E[x^2] - E[x]^2, which cancels at large means',
    fits: ({ entry }) => viewed.includes(entry.slug),
    rounds: null,
    answer: (asked, right) =>
      replaced(right, (_, index) => {
        const view = viewOf(asked, right, index);
        if (!view || view.given || !view.centred || view.outside || view.divisor || view.through) return null;
        const { y, dx } = byDifference(view);
        const found = standardized(view);
        return { outputs: view.outputs(y), grads: view.grads({ ...found, dx }) };
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
export const constants: readonly Mistake[] = [
  {
    name: 'nan-on-a-constant',
    says: 'with NaN where a slice is constant',
    fits: ({ entry }) => viewed.includes(entry.slug),
    answer: (asked, right) =>
      replaced(right, (call, index) => {
        const view = viewOf(asked, right, index);
        if (!view || view.given) return null;
        const { variance } = momentsOf(view, () => 1);
        const { inner, channel } = view.statistics;
        const spoilt = (i: number): boolean => variance[Math.floor(i / inner) % channel] === 0;
        const found = standardized(view);
        const spoil = (values: Float64Array): Float64Array => values.map((value, i) => (spoilt(i) ? NaN : value));
        const outputs = view.outputs(spoil(found.y));
        const weight = spoil(standardized(view).y);
        const dWeight = found.dWeight.map((value, a) => (weight.some((y, i) => Number.isNaN(y) && Math.floor(i / view.affine.inner) % view.affine.channel === a) ? NaN : value));
        return { outputs, grads: { ...call.grads, ...view.grads({ ...found, dx: spoil(found.dx), dWeight }) } };
      }),
  },
];
