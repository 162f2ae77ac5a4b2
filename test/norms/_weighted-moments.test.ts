import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { grad } from '../../src/autograd/backward.ts';
import { div } from '../../src/autograd/div.ts';
import { maximum } from '../../src/autograd/maximum.ts';
import { mul } from '../../src/autograd/mul.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { square } from '../../src/autograd/square.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { leastTotal, weightedMoments, weightedMomentsBackward, type WeightedView } from '../../src/norms/_weighted-moments.ts';
import { fromArray } from '../../src/tensor/create.ts';
import { normal, Random, uniform } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';

const test = suite('weighted moments');
const float64 = { dtype: 'float64' } as const;
const leaf = (x: Tensor): Tensor => fromArray(x.data, x.shape, { requiresGrad: true });
const numbers = (x: Tensor): Float64Array => x.data as Float64Array;

/** Runs `[3, 4]` in groups of a column (weights of a row), or of a row (weights of each run), in two modes. */
const views = [
  { view: { groups: { outer: 3, channel: 4, inner: 1 }, modes: 2, share: 4 }, units: [3, 1], axis: 0 },
  { view: { groups: { outer: 1, channel: 3, inner: 4 }, modes: 2, share: 1 }, units: [3, 4], axis: 1 },
] as const;

interface Made {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly weights: Tensor;
}

function made(units: readonly [number, number], seed: number, size = 1): Made {
  const random = new Random(seed);
  return {
    mean: leaf(normal(random, [3, 4], 1, 2, float64)),
    variance: leaf(uniform(random, [3, 4], 0, 2, float64)),
    weights: leaf(uniform(random, [...units, 2], 0.1 * size, size, float64)),
  };
}

/** The formula in primitives: mean and variance, `[2, groups]`. */
function composed({ mean, variance, weights }: Made, axis: number): [Tensor, Tensor] {
  const over = { axis, keepDims: true };
  const runs = (x: Tensor): Tensor => reshape(x, [3, 4, 1]);
  const shared = mul(weights, fromArray(new Float64Array(12).fill(1), [3, 4, 1]));
  const total = maximum(sum(shared, over), leastTotal);
  const mu = div(sum(mul(shared, runs(mean)), over), total);
  const v = div(sum(mul(shared, add(runs(variance), square(sub(runs(mean), mu)))), over), total);
  return [mu, v];
}

/** `[groups, 2]` as `[2, groups]`. */
const turned = (x: Tensor): Float64Array => {
  const groups = x.data.length / 2;
  return Float64Array.from({ length: x.data.length }, (_, i) => x.data[(i % groups) * 2 + Math.floor(i / groups)]!);
};

function compare(view: WeightedView, given: Made, axis: number, tolerance: number): void {
  const runs = { mean: numbers(given.mean), variance: numbers(given.variance) };
  const got = weightedMoments(runs, numbers(given.weights), view);
  const [mu, v] = composed(given, axis);
  const near = (a: Float64Array, b: Float64Array): void => {
    const size = Math.max(...b.map(Math.abs));
    assertClose(fromArray(a.map((value) => value / size), [a.length]), fromArray(b.map((value) => value / size), [b.length]), tolerance);
  };
  near(got.mean, turned(mu));
  near(got.variance, turned(v));
  const random = new Random(9);
  const [dMu, dV] = [normal(random, mu.shape, 0, 1, float64), normal(random, v.shape, 0, 1, float64)];
  const want = grad([mu, v], [given.weights, given.mean, given.variance], { gradOutputs: [dMu, dV] });
  const found = weightedMomentsBackward(turned(dMu), turned(dV), runs, numbers(given.weights), got, view);
  [found.weights, found.mean, found.variance].forEach((values, i) => near(values, numbers(want[i]!)));
}

test('mean and variance are those of the formula, and so are the gradients', () => {
  for (const { view, units, axis } of views) compare(view, made(units, 1), axis, 1e-14);
});

test('a total below 1e-12 counts as 1e-12, and then has no gradient', () => {
  for (const { view, units, axis } of views) compare(view, made(units, 2, 1e-13), axis, 1e-13);
});

test('a group without weight has mean and variance 0', () => {
  const { view } = views[0];
  const weights = Float64Array.of(1, 0, 2, 0, 0.5, 0);
  const { mean } = made([3, 1], 3);
  const { total, mean: mu, variance } = weightedMoments({ mean: numbers(mean), variance: new Float64Array(12).fill(1) }, weights, view);
  assert.equal([...total], [3.5, 3.5, 3.5, 3.5, 0, 0, 0, 0]);
  assert.equal([...mu.subarray(4), ...variance.subarray(4)], [0, 0, 0, 0, 0, 0, 0, 0]);
  assert.ok(variance[0]! > 1);
});

test('equal runs have exactly their mean, and variance 0, whatever the weights and the offset', () => {
  const weights = Float64Array.of(0.1, 0.7, 1 / 3, 0.2, 0.9, 1e-3);
  const runs = { mean: new Float64Array(12).fill(1e8 / 3), variance: new Float64Array(12) };
  const { mean, variance } = weightedMoments(runs, weights, views[0].view);
  assert.ok(mean.every((value) => value === 1e8 / 3));
  assert.ok(variance.every((value) => value === 0));
});

test('a large common offset costs no digits of the variance', () => {
  const spread = normal(new Random(4), [3, 4], 0, 1, float64).data.map((value) => Math.round(value * 16) / 16);
  const weights = Float64Array.of(0.25, 0.75, 0.5, 0.5, 0.875, 0.125);
  const at = (offset: number): Float64Array =>
    weightedMoments({ mean: Float64Array.from(spread, (value) => value + offset), variance: new Float64Array(12) }, weights, views[0].view).variance;
  assertClose(fromArray(at(2 ** 24), [8]), fromArray(at(0), [8]), 1e-8);
});

test.run();
