import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Regime, regimes } from '../../src/oracle/generate/data.ts';
import { TensorCase } from '../../src/oracle/generate/tensor-case.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { check } from './property.ts';
import { epsilons, gridTensor, momenta, spreadRegimes, TensorArbitrary, tensors } from './tensor-arbitrary.ts';

const test = suite('generated tensors');

/** The smallest counterexample of a predicate. */
function minimum(arbitrary: fc.Arbitrary<TensorCase>, holds: (x: TensorCase) => boolean, seed = 7): TensorCase {
  const details = fc.check(fc.property(arbitrary, holds), { seed, numRuns: 2000 });
  assert.ok(details.failed, 'the property must fail');
  return details.counterexample![0];
}

test('an element is integer * 2^exponent + offset', () => {
  assert.equal(new TensorCase([2], [3, -1], -1, 10).values(), [11.5, 9.5]);
  assert.equal(new TensorCase([2], [3, -1]).values(), [3, -1]);
});

test('every element is exact in float32, so both dtypes hold the same numbers', () => {
  check(fc.property(tensors(), (x) => {
    assert.equal([...x.tensor('float32').data], [...x.tensor('float64').data]);
  }));
});

test('each call of tensor() gives new memory and the asked dtype', () => {
  const x = new TensorCase([2], [1, 2]);
  const first = x.tensor('float32', true);
  first.data[0] = 9;
  assert.equal([...x.tensor('float32').data], [1, 2]);
  assert.is(first.requiresGrad, true);
  assert.is(first.dtype, 'float32');
  assert.is(x.tensor().dtype, 'float64');
});

test('shapes keep to the options, before and after shrinking', () => {
  const arbitrary = tensors({ minRank: 2, maxRank: 3, minExtent: 2, maxExtent: 6, extents: [undefined, 4], fits: ([n]) => n! % 2 === 0 });
  const allowed = ({ shape }: TensorCase): boolean =>
    shape.length >= 2 && shape.length <= 3 && shape[1] === 4 && shape[0]! % 2 === 0 && shape.every((n) => n >= 2 && n <= 6);
  check(fc.property(arbitrary, (x) => assert.ok(allowed(x))));
  for (const shrunk of walk(arbitrary, 3)) assert.ok(allowed(shrunk), fc.stringify(shrunk));
});

test('options that contradict each other are an error, not an endless search', () => {
  assert.throws(() => fc.sample(tensors({ fits: () => false }), 1), /no shape in 1000 fits/);
});

test('extents are mostly pairwise different, and extents of 1 and lengths not divisible by 4 occur', () => {
  const shapes = fc.sample(tensors({ minRank: 3, maxRank: 3 }), { seed: 1, numRuns: 400 }).map((x) => x.shape);
  assert.ok(shapes.filter((shape) => new Set(shape).size === 3).length > 250);
  assert.ok(shapes.some((shape) => shape.includes(1)));
  assert.ok(shapes.some((shape) => shape[2]! > 4 && shape[2]! % 4 !== 0));
});

/** All cases within so many shrinking steps, a few at each step. */
function* walk(arbitrary: fc.Arbitrary<TensorCase>, depth: number): Iterable<TensorCase> {
  let level = fc.sample(arbitrary, { seed: 3, numRuns: 5 });
  for (let step = 0; step < depth; step++) {
    level = level.flatMap((x) => [...arbitrary.shrink(x, undefined)].map(({ value }) => value).filter((_, i) => i % 7 === 0));
    yield* level;
  }
}

test('a smaller shape keeps the data it had', () => {
  const x = new TensorCase([2, 3], [1, 2, 3, 4, 5, 6], -2, 100);
  assert.equal(x.take(1, [0, 2]), new TensorCase([2, 2], [1, 3, 4, 6], -2, 100));
  assert.equal(x.take(0, [1]), new TensorCase([1, 3], [4, 5, 6], -2, 100));
  for (const { value } of new TensorArbitrary().shrink(x)) {
    if (value.integers.length < 6) assert.ok(isSubsequence(value.integers, x.integers), fc.stringify(value));
  }
});

function isSubsequence(part: readonly number[], whole: readonly number[]): boolean {
  let at = 0;
  for (const x of whole) if (at < part.length && x === part[at]) at++;
  return at === part.length;
}

test('the order is: along axes, axes of 1, offset, exponent, blocks, elements', () => {
  const x = new TensorCase([1, 2], [8, 4], -2, 100);
  const stage = (y: TensorCase): number => {
    if (sizeOf(y.shape) < 2) return 0;
    if (y.shape.length < 2) return 1;
    if (y.offset === 0) return 2;
    if (y.exponent === 0) return 3;
    return y.integers.every((i) => i === 0) ? 4 : 5;
  };
  const stages = [...new TensorArbitrary().shrink(x)].map(({ value }) => stage(value));
  assert.equal(stages, stages.slice().sort((a, b) => a - b));
  assert.equal([...new Set(stages)], [0, 1, 2, 3, 4, 5]);
});

test('every step is smaller, so shrinking ends', () => {
  const weight = (x: TensorCase): number =>
    1e9 * x.integers.length + 1e8 * x.shape.length + 1e7 * Number(x.offset !== 0) + 1e6 * Number(x.exponent !== 0) +
    x.integers.reduce((sum, i) => sum + 2 * Math.abs(i) + Number(i < 0), 0);
  check(fc.property(tensors({ maxSize: 20, among: ['benign', 'offset', 'ties'] }), (x) => {
    for (const { value } of new TensorArbitrary().shrink(x)) assert.ok(weight(value) < weight(x), fc.stringify(value));
  }));
});

test('reaches the smallest case of «some element is 40 or more»', () => {
  const x = minimum(tensors({ among: ['benign'] }), (t) => t.integers.every((i) => i < 40));
  assert.equal(x, new TensorCase([1], [40]));
});

test('reaches the smallest case of «two neighbours differ»', () => {
  const x = minimum(tensors(), (t) => t.integers.every((i, k) => k === 0 || i === t.integers[k - 1]));
  assert.equal(x.shape, [2]);
  assert.equal(x.integers.map(Math.abs).sort(), [0, 1]);
  assert.is(x.exponent, 0);
  assert.is(x.offset, 0);
});

test('keeps an offset and an exponent that matter, and nothing else', () => {
  const far = minimum(tensors(), (t) => t.offset < 1000);
  assert.equal([far.shape, far.integers, far.exponent], [[1], [0], 0]);
  assert.ok(far.offset >= 1000);
  const tiny = minimum(tensors(), (t) => t.exponent > -20);
  assert.equal([tiny.shape, tiny.integers, tiny.offset], [[1], [0], 0]);
});

test('shrinks a value given by hand, if its shape is allowed', () => {
  const arbitrary = new TensorArbitrary({ minRank: 2 });
  assert.ok(arbitrary.canShrinkWithoutContext(new TensorCase([1, 1], [5])));
  assert.not(arbitrary.canShrinkWithoutContext(new TensorCase([1], [5])));
  assert.not(arbitrary.canShrinkWithoutContext({ shape: [1, 1], integers: [5] }));
});

test('each regime is what its name says', () => {
  const sample = (regime: Regime): TensorCase[] =>
    fc.sample(tensors({ among: [regime], minExtent: 2, minRank: 2 }), { seed: 11, numRuns: 200 });
  const distinct = (x: TensorCase): number => new Set(x.integers).size;
  const largest = (x: TensorCase): number => Math.max(...x.values().map(Math.abs));
  assert.ok(sample('benign').every((x) => largest(x) <= 4));
  const offsets = new Set(sample('offset').map((x) => Math.abs(x.offset)));
  assert.equal([...offsets].sort((a, b) => a - b), [10, 100, 1000, 10_000]);
  const sizes = sample('scale').map(largest);
  assert.ok(Math.min(...sizes.filter((s) => s > 0)) < 2e-6 && Math.max(...sizes) > 800 && Math.max(...sizes) <= 1024);
  assert.ok(sample('constant').every((x) => distinct(x) === 1));
  assert.ok(sample('constant slice').every(hasConstantSlice));
  assert.ok(sample('constant slice').filter((x) => distinct(x) > 1).length > 190);
  assert.ok(sample('outlier').every((x) => x.integers.filter((i) => Math.abs(i) >= 16_384).length === 1));
  assert.ok(sample('ties').every((x) => x.integers.every((i) => Math.abs(i) <= 2)));
  const spread = fc.sample(tensors({ among: spreadRegimes, minExtent: 3 }), { seed: 11, numRuns: 200 });
  assert.ok(spread.filter((x) => distinct(x) === 1).length <= 2);
  assert.is(new Set(regimes).size, 7);
});

function hasConstantSlice(x: TensorCase): boolean {
  return x.shape.some((extent, axis) =>
    Array.from({ length: extent }, (_, i) => new Set(x.take(axis, [i]).integers).size).includes(1),
  );
}

test('a grid tensor has the given shape, zeros and both signs, and shrinks its data only', () => {
  const all = fc.sample(gridTensor([2, 3]), { seed: 2, numRuns: 300 });
  assert.ok(all.every(({ shape }) => shape.join() === '2,3'));
  const elements = all.flatMap((x) => x.values());
  assert.ok(elements.includes(0) && elements.some((v) => v < 0) && elements.some((v) => v > 0));
  for (const { value } of gridTensor([2, 3]).shrink(all[0]!, undefined)) assert.equal(value.shape, [2, 3]);
  assert.equal(fc.sample(gridTensor([]), 1)[0]!.shape, []);
});

test('eps and momentum come from the lists that separate the mistakes', () => {
  assert.equal(new Set(fc.sample(epsilons(), 200)), new Set([1e-5, 2 ** -10, 2 ** -3, 1]));
  assert.equal(new Set(fc.sample(momenta(), 200)), new Set([0, 0.1, 0.5, 1, null]));
});

test('a counterexample is printed as the code that makes it', () => {
  assert.is(fc.stringify(new TensorCase([1, 2], [3, -4], -4, 10)), 'new TensorCase([1, 2], [3, -4], -4, 10)');
  assert.is(fc.stringify(new TensorCase([1], [0])), 'new TensorCase([1], [0])');
});

test.run();
