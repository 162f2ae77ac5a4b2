import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { sparsestmaxRadius } from '../../src/autograd/sparsestmax.ts';
import { sum } from '../../src/autograd/sum.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import {
  SparseSwitchableNorm,
  sparseSwitchableNorm,
  sparseSwitchableNormDefinition,
  type SparseSwitchableNormOptions,
  sparseSwitchableNormState,
  sparseSwitchableRatios,
} from '../../src/norms/sparse-switchable.ts';
import { switchableNorm } from '../../src/norms/switchable.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('sparse-switchable');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const selections = (meanSelected: number, varSelected: number) => ({
  meanSelected: double(meanSelected),
  varSelected: double(varSelected),
});

const x = normal(new Random(1), [3, 2, 4], 1, 2, float64);
const dy = normal(new Random(2), [3, 2, 4], 0, 1, float64);
const a = double([1, 0.875, 0.75]);
const b = double([0.75, 1, 1.0625]);
const norm = (options: SparseSwitchableNormOptions = {}, meanWeight = a, varWeight = b, input = x): Tensor =>
  sparseSwitchableNorm(input, null, null, meanWeight, varWeight, null, options);

/** Three logits on a grid of 1/32 within [-1, 1]. */
const logits = fc.array(fc.integer({ min: -32, max: 32 }).map((integer) => integer / 32), { minLength: 3, maxLength: 3 });
const radii = fc.integer({ min: 0, max: 60 }).map((integer) => integer / 64);

test('ratios are distributions, at the radius or where sparsemax has them if that is farther out', () => {
  check(
    fc.property(logits, radii, (z, radius) => {
      const away = (p: Tensor): number => Math.sqrt(Array.from(p.data).reduce((total, v) => total + (v - 1 / 3) ** 2, 0));
      const { meanRatio, varRatio } = sparseSwitchableRatios(double(z), double(z), null, { radius });
      const { meanRatio: nearest } = sparseSwitchableRatios(double(z), double(z), null, { ratio: 'sparsemax' });
      assert.equal(toArray(meanRatio), toArray(varRatio));
      assert.ok(meanRatio.data.every((v) => v >= 0 && v <= 1));
      assert.ok(Math.abs(away(meanRatio) - Math.max(Math.min(radius, Math.sqrt(2 / 3)), away(nearest))) <= 1e-14);
    }),
  );
});

test('a radius of 0 is the same as the ratio sparsemax, which knows no radius, in values and gradients, bit by bit', () => {
  check(
    fc.property(logits, logits, (z, w) => {
      const run = (options: SparseSwitchableNormOptions): unknown => {
        const given = [leaf(x), leaf(double(z)), leaf(double(w))];
        const y = norm(options, given[1], given[2], given[0]);
        return [y, ...grad([y], given, { gradOutputs: [dy] })].map((t) => toArray(t));
      };
      assert.equal(run({ radius: 0 }), run({ ratio: 'sparsemax', radius: 0.5 }));
    }),
  );
});

test('from the distance of the corners on it is instance norm, group norm with one group, or batch norm', () => {
  const others = [instanceNorm(x), groupNorm(x, null, null, { numGroups: 1 }), batchNorm(x)];
  others.forEach((want, k) => {
    const leaning = double([0, 1, 2].map((i) => (i === k ? 0.3 : 0.25)));
    assertClose(norm({ radius: sparsestmaxRadius(1, 1, 3) }, leaning, leaning), want, 1e-14);
    assertClose(norm({ radius: 5 }, leaning, leaning), want, 1e-14);
  });
});

test('means of one statistic and variances of another are legal', () => {
  const small = double([[[1, 3], [5, 9]], [[0, 2], [4, -4]]]);
  const mean = [2, 7, 1, 0];
  const variance = [1.25, 22.25];
  const want = small.data.map((value, i) => (value - mean[i >> 1]!) / Math.sqrt(variance[(i >> 1) % 2]!));
  const y = norm({ eps: 0, radius: 1 }, double([1, 0.5, 0.5]), double([0.5, 0.5, 1]), small);
  assertClose(y, fromArray(want, small.shape), 1e-14);
});

test('with ratios that softmax gives of other logits, it equals switchable norm with those', () => {
  const p = [0.5, 0.3, 0.2];
  const q = [0.1, 0.2, 0.7];
  const want = switchableNorm(x, null, null, double(p.map(Math.log)), double(q.map(Math.log)));
  assertClose(norm({ ratio: 'sparsemax' }, double(p), double(q)), want, 1e-13);
});

test('the gradients of logits add up to 0, and a number added to all logits changes nothing', () => {
  for (const radius of [0, 0.3]) {
    const given = [leaf(a), leaf(b)];
    const y = norm({ radius }, ...(given as [Tensor, Tensor]));
    for (const found of grad([y], given, { gradOutputs: [dy] })) {
      assert.ok(found.data.some((value) => Math.abs(value) > 1e-3));
      assert.ok(Math.abs((found.data as Float64Array).reduce((u, v) => u + v, 0)) < 1e-12);
    }
    assertClose(norm({ radius }, double([3, 2.875, 2.75]), double([-0.25, 0, 0.0625])), y, 1e-12);
  }
});

test('where the radius has dropped a statistic, the logits get a gradient of exactly 0', () => {
  const given = [leaf(a), leaf(b)];
  const y = norm({ radius: 0.6 }, ...(given as [Tensor, Tensor]));
  for (const found of grad([y], given, { gradOutputs: [dy] })) assert.equal(toArray(found), [0, 0, 0]);
});

test('equal logits lean to the first entry, with a gradient that is finite', () => {
  const equal = leaf(double([1, 1, 1]));
  for (const radius of [0.3, 0.6]) {
    const { meanRatio } = sparseSwitchableRatios(equal, b, null, { radius });
    assert.ok(Math.abs(meanRatio.data[0]! + meanRatio.data[1]! + meanRatio.data[2]! - 1) < 1e-15);
    assert.ok(meanRatio.data[0]! > meanRatio.data[1]!);
    assert.ok(grad([norm({ radius }, equal)], [equal], { gradOutputs: [dy] })[0]!.data.every(Number.isFinite));
  }
});

test('of two statistics the larger logit has 1/2 + max(r / sqrt(2), difference / 2)', () => {
  for (const [radius, want] of [[0.1, 0.625], [0.4, 0.5 + 0.4 * Math.SQRT1_2], [0.8, 1]] as const) {
    const { meanRatio } = sparseSwitchableRatios(double([1, 0.75]), double([0, 0]), null, { radius });
    assertClose(meanRatio, [want, 1 - want], 1e-15);
  }
});

test('the gradient of x adds up to 0, a number added to the whole input and a factor with eps change nothing', () => {
  for (const radius of [0, 0.3, 0.6]) {
    const given = leaf(x);
    const y = norm({ radius, eps: 0.5 }, a, b, given);
    const dx = grad([y], [given], { gradOutputs: [dy] })[0]!.data as Float64Array;
    assert.ok(Math.abs(dx.reduce((total, value) => total + value, 0)) < 1e-13);
    assertClose(norm({ radius, eps: 0.5 }, a, b, fromArray(x.data.map((value) => value + 8), x.shape)), y, 1e-13);
    assertClose(norm({ radius, eps: 8 }, a, b, fromArray(x.data.map((value) => value * 4), x.shape)), y, 1e-14);
  }
});

test('a training call with a single member selects it for good: then neither logits nor radius count', () => {
  const state = sparseSwitchableNormState(2, float64);
  const run = (options: SparseSwitchableNormOptions, meanWeight = a): Tensor =>
    sparseSwitchableNorm(x, null, null, meanWeight, b, state, options);
  const kept = (): unknown[] => [state.meanSelected, state.varSelected].map((s) => toArray(s));
  run({ radius: 0.5 });
  assert.equal(kept(), [-1, -1]);
  const y = run({ radius: 0.9 });
  assert.equal(kept(), [0, 2]);
  const other = leaf(double([NaN, 5, -7]));
  const again = run({ radius: 0.1 }, other);
  assert.equal(toArray(again), toArray(y));
  assert.equal(toArray(grad([again], [other], { gradOutputs: [dy] })[0]!), [0, 0, 0]);
  run({ radius: 0 }, double([0, 9, 0]));
  assert.equal(kept(), [0, 2]);
});

test('mean and variance are selected each by itself', () => {
  const state = sparseSwitchableNormState(2, float64);
  sparseSwitchableNorm(x, null, null, double([0, 0, 2]), b, state);
  assert.equal([state.meanSelected.data[0], state.varSelected.data[0]], [2, -1]);
});

test('without freeze, in evaluation, and where a logit is NaN, nothing is selected', () => {
  const fresh = sparseSwitchableNormState(2, float64);
  for (const options of [{ radius: 1, freeze: false }, { radius: 1, training: false }]) {
    sparseSwitchableNorm(x, null, null, a, b, fresh, options);
    assert.equal([fresh.meanSelected.data[0], fresh.varSelected.data[0]], [-1, -1]);
  }
  const spoiled = sparseSwitchableNorm(x, null, null, double([NaN, 1, 5]), b, fresh, { radius: 1 });
  assert.ok(spoiled.data.every(Number.isNaN));
  assert.is(fresh.meanSelected.data[0], -1);
  const single = sparseSwitchableNormState(2, { ...float64, statistics: ['in'] });
  sparseSwitchableNorm(x, null, null, double([NaN]), double([NaN]), single, { statistics: ['in'] });
  assert.equal([single.meanSelected.data[0], single.varSelected.data[0]], [-1, -1]);
});

test('a member that is tiny is a member still, in float32', () => {
  const state = sparseSwitchableNormState(1);
  const near = tensor([1, 2 ** -24]);
  const options = { statistics: ['ln', 'in'] } as const;
  sparseSwitchableNorm(zeros([2, 1, 2]), null, null, near, tensor([1, 0]), state, options);
  assert.equal([state.meanSelected.data[0], state.varSelected.data[0]], [-1, 0]);
});

test('running statistics are updated as long as "bn" is listed, also when it is not selected', () => {
  const state = { ...sparseSwitchableNormState(2, float64), ...selections(0, 0) };
  sparseSwitchableNorm(x, null, null, a, b, state, { momentum: 1 });
  const mean = [0, 1].map((c) => Array.from(x.data).filter((_, i) => (i >> 2) % 2 === c).reduce((u, v) => u + v, 0) / 12);
  assertClose(state.runningMean!, mean, 1e-14);
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const inputs = { radius: [0.3, 0.9, 0.9, 0.9], freeze: [true, true, false, true] };
  for (let variant = 0; variant < 4; variant++) {
    const isAverage = variant === 3;
    checkStateful({
      make: () => {
        const [radius, freeze] = [inputs.radius[variant]!, inputs.freeze[variant]!];
        return new SparseSwitchableNorm(2, { radius, freeze, usingMovingAverage: !isAverage, momentum: 1, ...float64 });
      },
      variants: 1,
      initial: { runningMean: [0, 0], runningVar: [1, 1], ...(isAverage && { batchCount: [0] }), meanSelected: [-1], varSelected: [-1] },
      step: (state, batch) => step(state, batch, variant === 1 || isAverage ? 0 : -1),
      shapes: [[2, 2], [5, 2], [1, 2, 3]],
    });
  }
});

/** The state after a batch of two channels: its own statistics, or with a count the average; equal logits select `chosen`. */
function step(state: PlainState, batch: Tensor, chosen: number): PlainState {
  const inner = sizeOf(batch.shape.slice(2));
  const channel = (c: number): number[] => Array.from(batch.data).filter((_, i) => Math.floor(i / inner) % 2 === c);
  const mean = [0, 1].map((c) => channel(c).reduce((u, v) => u + v, 0) / channel(c).length);
  const variance = [0, 1].map((c) => channel(c).reduce((u, v) => u + (v - mean[c]!) ** 2, 0) / channel(c).length);
  const selected = { meanSelected: [chosen], varSelected: [chosen] };
  if (!state.batchCount) return { runningMean: mean, runningVar: variance, ...selected };
  const n = state.batchCount[0]! + 1;
  const delta = mean.map((m, c) => m - state.runningMean![c]!);
  return {
    runningMean: delta.map((d, c) => state.runningMean![c]! + d / n),
    runningVar: variance.map((v, c) => (state.runningVar![c]! * (n - 1)) / n + v / n + (delta[c]! ** 2 * (n - 1)) / n ** 2),
    batchCount: [n],
    ...selected,
  };
}

test('higher derivatives leave the state alone', () => {
  const state = sparseSwitchableNormState(2, float64);
  const given = leaf(x);
  const y = sparseSwitchableNorm(given, null, null, a, b, state, { radius: 0.3 });
  const before = Object.values(state).map((s: Tensor) => toArray(s));
  const plain = grad([y], [given], { gradOutputs: [dy], retainGraph: true })[0]!;
  assertClose(grad([y], [given], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-13);
  assert.equal(Object.values(state).map((s: Tensor) => toArray(s)), before);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const call of [sparseSwitchableNorm, sparseSwitchableNormDefinition]) {
    const state = sparseSwitchableNormState(2, float64);
    const attempt = (name: string, message: RegExp, options: object, held: object = state): void => {
      assertThrows(() => call(x, null, null, a, b, held as typeof state, options), name, message);
      assert.equal(Object.values(state).map((s: Tensor) => toArray(s)), [[0, 0], [1, 1], -1, -1]);
    };
    for (const radius of [-0.1, NaN, Infinity]) attempt('RangeError', /radius must be finite and at least 0, got/, { radius });
    attempt('RangeError', /ratio must be "sparsestmax" or "sparsemax", got "softmax"/, { ratio: 'softmax' });
    attempt('RangeError', /statistics must be one or more/, { statistics: [] });
    attempt('ShapeError', /meanWeight must have shape \[2\].*got \[3\]/, { statistics: ['in', 'bn'] });
    attempt('TypeError', /batch averages need a batchCount/, { usingMovingAverage: false });
    for (const bad of [3, -2, 0.5, NaN]) {
      attempt('RangeError', /meanSelected must be the index of one of 3 statistics, or -1 for none, got/, {}, { ...state, ...selections(bad, 0) });
      attempt('RangeError', /varSelected must be the index of one of 3 statistics/, {}, { ...state, ...selections(0, bad) });
    }
    attempt('ShapeError', /varSelected must have shape \[\]/, {}, { ...state, varSelected: double([1]) });
    attempt('TypeError', /meanSelected must have the dtype of x/, {}, { ...state, meanSelected: tensor(1) });
  }
  assertThrows(() => sparseSwitchableRatios(a, b, selections(7, 0)), 'RangeError', /sparseSwitchableRatios: meanSelected/);
  assertThrows(() => new SparseSwitchableNorm(3, { radius: -1 }), 'RangeError', /SparseSwitchableNorm: radius/);
  assertThrows(() => new SparseSwitchableNorm(3, { statistics: ['ln', 'ln'] }), 'RangeError', /SparseSwitchableNorm: statistics/);
  assertThrows(() => new SparseSwitchableNorm(3, { ratio: 'softmax' as 'sparsemax' }), 'RangeError', /SparseSwitchableNorm: ratio/);
  assertThrows(() => new SparseSwitchableNorm(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1/);
});

test('the radius of the class is set by the training loop, and refused when it is none', () => {
  const layer = new SparseSwitchableNorm(2, float64);
  assertClose(layer.ratios().mean, [1 / 3, 1 / 3, 1 / 3], 1e-15);
  layer.radius = 0.25;
  assert.is(layer.radius, 0.25);
  assertClose(layer.ratios().variance, sparseSwitchableRatios(a, double([1, 1, 1]), null, { radius: 0.25 }).varRatio, 0);
  assertThrows(() => void (layer.radius = NaN), 'RangeError', /radius must be finite and at least 0, got NaN/);
  assert.is(layer.radius, 0.25);
});

test('a selection is saved and loaded, and one that is no index is refused before anything changes', () => {
  const layer = new SparseSwitchableNorm(2, { radius: 1 });
  layer.forward(normal(new Random(3), [2, 2]));
  const next = new SparseSwitchableNorm(2);
  next.loadStateDict(layer.stateDict());
  assert.equal(toArray(next.ratios().mean), [1, 0, 0]);
  const fresh = new SparseSwitchableNorm(2);
  for (const bad of [3, 0.5, -2, NaN]) {
    const dict = { ...layer.stateDict(), varSelected: tensor(bad) };
    assertThrows(() => fresh.loadStateDict(dict), 'RangeError', /loadStateDict: varSelected must be the index of one of 3 statistics/);
    assert.is(fresh.selected.meanSelected.data[0], -1);
  }
  const inside = new Sequential(new SparseSwitchableNorm(2));
  inside.loadStateDict({ ...inside.stateDict(), '0.meanSelected': tensor(9) });
  assertThrows(() => inside.forward(zeros([2, 2])), 'RangeError', /meanSelected must be the index/);
});

test('reset forgets selections, running statistics and radius, and keeps the parameters', () => {
  const layer = new SparseSwitchableNorm(2, { radius: 1, usingMovingAverage: false });
  layer.meanWeight.data[1] = 3;
  layer.forward(normal(new Random(4), [2, 2]));
  layer.resetBatchAverage();
  assert.equal(toArray(layer.selected.meanSelected), 1);
  layer.forward(normal(new Random(4), [2, 2]));
  layer.reset();
  assert.equal(layer.buffers().map((s) => toArray(s)), [[0, 0], [1, 1], 0, -1, -1]);
  assert.is(layer.radius, 0);
  assert.equal(toArray(layer.meanWeight), [1, 3, 1]);
});

test('the class holds what its options ask for', () => {
  const parameters = ['weight', 'bias', 'meanWeight', 'varWeight'];
  const names = [...parameters, 'runningMean', 'runningVar', 'meanSelected', 'varSelected'];
  assert.equal(Object.keys(new SparseSwitchableNorm(2).stateDict()), names);
  const without = new SparseSwitchableNorm(2, { statistics: ['in', 'ln'], zeroWeight: true });
  assert.equal(Object.keys(without.stateDict()), [...parameters, 'meanSelected', 'varSelected']);
  assert.equal(toArray(without.weight), [0, 0]);
  assert.equal(Object.keys(sparseSwitchableNormState(2, { statistics: ['in'] })), ['meanSelected', 'varSelected']);
  const layer = new SparseSwitchableNorm(2, { freeze: false, radius: 1 });
  backward(sum(layer.forward(ones([3, 2]))));
  assert.equal(toArray(layer.bias.grad!), [3, 3]);
  assert.equal(toArray(layer.selected.meanSelected), -1);
});

test.run();
