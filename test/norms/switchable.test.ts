import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { permute } from '../../src/autograd/permute.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import {
  SwitchableNorm,
  switchableNorm,
  switchableNormDefinition,
  type SwitchableNormOptions,
  switchableNormState,
} from '../../src/norms/switchable.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('switchable');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const names = ['in', 'ln', 'bn'] as const;
const p = double([0.3, -0.5, 0.8]);
const q = double([-1, 0.25, 0.5]);

const norm = (x: Tensor, options: SwitchableNormOptions = {}, meanWeight = p, varWeight = q): Tensor =>
  switchableNorm(x, null, null, meanWeight, varWeight, null, options);

/** Batches of any rank, in float64. */
const batches = tensors({ minRank: 2, maxRank: 4, maxExtent: 5, among: ['benign', 'scale', 'outlier'] });

/** What one statistic alone gives, by another norm. */
const alone = {
  in: (x: Tensor): Tensor => instanceNorm(x),
  ln: (x: Tensor): Tensor => groupNorm(x, null, null, { numGroups: 1 }),
  bn: (x: Tensor): Tensor => batchNorm(x),
};

test('with one statistic it is instance norm, group norm with one group, or batch norm; also when its logit is far above', () => {
  const x = normal(new Random(1), [3, 4, 5], 1, 2, float64);
  names.forEach((kind, k) => {
    const want = alone[kind](x);
    assertClose(norm(x, { statistics: [kind] }, double([7]), double([-3])), want, 1e-14);
    const far = double(names.map((_, i) => (i === k ? 900 : 0)));
    assertClose(norm(x, {}, far, far), want, 1e-14);
  });
});

test('mean and variance are mixed by ratios of their own, in the order of the statistics', () => {
  const x = double([[[1, 3], [5, 9]], [[0, 2], [4, -4]]]);
  const far = (k: number): Tensor => double([0, 1, 2].map((i) => (i === k ? 900 : 0)));
  // the mean of each sample and channel, the variance of each channel over the batch
  const mean = [[2, 7], [1, 0]];
  const variance = [1.25, 22.25];
  const want = [0, 1].map((n) => [0, 1].map((c) => [0, 1].map((s) => (x.data[4 * n + 2 * c + s]! - mean[n]![c]!) / Math.sqrt(variance[c]!))));
  assertClose(norm(x, { eps: 0 }, far(0), far(2)), want, 1e-14);
  assertClose(norm(x, { eps: 0, statistics: ['bn', 'ln', 'in'] }, far(2), far(0)), want, 1e-14);
});

test('a number added to all logits changes nothing, and the gradients of logits add up to 0', () => {
  const x = normal(new Random(2), [2, 3, 4], 0, 1, float64);
  const dy = normal(new Random(3), [2, 3, 4], 0, 1, float64);
  const [a, b] = [leaf(p), leaf(q)];
  const y = norm(x, {}, a, b);
  for (const found of grad([y], [a, b], { gradOutputs: [dy] })) {
    assert.ok(found.data.some((value) => Math.abs(value) > 1e-3));
    assert.ok(Math.abs((found.data as Float64Array).reduce((u, v) => u + v, 0)) < 1e-14);
  }
  assertClose(norm(x, {}, double([7.3, 6.5, 7.8]), double([6, 7.25, 7.5])), y, 1e-13);
});

test('a number added to the whole input changes nothing, and the gradient of x adds up to 0 over the whole tensor', () => {
  check(
    fc.property(batches, fc.integer({ min: -64, max: 64 }), (made, shift) => {
      const x = leaf(made.with({ exponent: -4 }).tensor());
      const y = norm(x);
      assertClose(norm(fromArray(x.data.map((value) => value + shift), x.shape)), y, 1e-11);
      const dy = fromArray(x.data.map((_, i) => ((i * 7) % 5) - 2), x.shape);
      const dx = grad([y], [x], { gradOutputs: [dy] })[0]!.data as Float64Array;
      const size = dx.reduce((total, value) => total + Math.abs(value), 0);
      assert.ok(Math.abs(dx.reduce((total, value) => total + value, 0)) <= 1e-12 * (1 + size));
    }),
  );
});

test('a power of two as factor, with eps times its square, changes nothing', () => {
  check(
    fc.property(batches, fc.integer({ min: -10, max: 10 }), (made, power) => {
      const x = made.tensor();
      const scaled = fromArray(x.data.map((value) => value * 2 ** power), x.shape);
      assert.equal(toArray(norm(scaled, { eps: 4 ** power / 8 })), toArray(norm(x, { eps: 1 / 8 })));
    }),
  );
});

test('the gradient of x projected on x is eps times the sum of rstd^2 dy xHat', () => {
  const x = leaf(normal(new Random(4), [2, 3, 4], 0, 1, float64));
  const dy = normal(new Random(5), [2, 3, 4], 0, 1, float64);
  const eps = 0.5;
  const y = norm(x, { eps });
  const dx = grad([y], [x], { gradOutputs: [dy] })[0]!;
  // y of a slice moves by rstd where x does not move the statistics: from a slice and its own mean and variance
  let want = 0;
  for (let s = 0; s < 6; s++) {
    const [a, b] = [4 * s, 4 * s + 1];
    const rstd = (y.data[a]! - y.data[b]!) / (x.data[a]! - x.data[b]!);
    for (let i = 4 * s; i < 4 * s + 4; i++) want += eps * rstd * rstd * dy.data[i]! * y.data[i]!;
  }
  const got = (dx.data as Float64Array).reduce((total, value, i) => total + value * x.data[i]!, 0);
  assert.ok(Math.abs(got - want) < 1e-13);
});

test('with one sample "in" and "bn" can change places, with one channel "in" and "ln"', () => {
  const swapped = (logits: Tensor, a: number, b: number): Tensor => {
    const order = [0, 1, 2];
    [order[a], order[b]] = [order[b]!, order[a]!];
    return take(logits, order);
  };
  const single = normal(new Random(6), [1, 3, 4], 1, 2, float64);
  assertClose(norm(single, {}, swapped(p, 0, 2), swapped(q, 0, 2)), norm(single), 1e-14);
  const narrow = normal(new Random(7), [3, 1, 4], 1, 2, float64);
  assertClose(norm(narrow, {}, swapped(p, 0, 1), swapped(q, 0, 1)), norm(narrow), 1e-14);
});

test('samples, positions, and channels with their parameters, that change places change places in the result', () => {
  const x = normal(new Random(8), [3, 2, 4], 1, 2, float64);
  const weight = double([2, -1]);
  const bias = double([0.5, 3]);
  const y = switchableNorm(x, weight, bias, p, q);
  const turned = (axis: number, order: number[]): Tensor => take(x, order, axis);
  assertClose(switchableNorm(turned(0, [2, 0, 1]), weight, bias, p, q), take(y, [2, 0, 1], 0), 1e-14);
  assertClose(switchableNorm(turned(2, [3, 1, 0, 2]), weight, bias, p, q), take(y, [3, 1, 0, 2], 2), 1e-14);
  const other = switchableNorm(turned(1, [1, 0]), take(weight, [1, 0]), take(bias, [1, 0]), p, q);
  assertClose(other, take(y, [1, 0], 1), 1e-14);
});

test('in evaluation, and without "bn", samples do not know of each other, bit by bit', () => {
  const x = normal(new Random(9), [4, 3, 2]);
  const evaluated = new SwitchableNorm(3).eval();
  const without = new SwitchableNorm(3, { statistics: ['ln', 'in'] });
  for (const layer of [evaluated, without]) {
    const halves = concat([layer.forward(slice(x, 0, 0, 1)), layer.forward(slice(x, 0, 1, 4))]);
    assert.equal(toArray(halves), toArray(layer.forward(x)));
  }
});

test('one training call with momentum 1, then evaluation of the same batch, gives the same', () => {
  const layer = new SwitchableNorm(3, { momentum: 1, ...float64 });
  const x = normal(new Random(10), [4, 3, 2], 1, 2, float64);
  const trained = layer.forward(x);
  assertClose(layer.eval().forward(x), trained, 1e-13);
});

test('the tracked variance is the biased one over the batch', () => {
  const state = switchableNormState(1, float64);
  switchableNorm(double([[1], [3], [8]]), null, null, p, q, state, { momentum: 0.5 });
  assertClose(state.runningMean, [2], 1e-15);
  assertClose(state.runningVar, [0.5 + 13 / 3], 1e-15);
});

test('no gradient goes through the statistics of the state', () => {
  const state = { runningMean: double([3]), runningVar: double([3]) };
  const x = leaf(double([[1], [2]]));
  const y = switchableNorm(x, double([5]), null, double([0]), double([0]), state, { statistics: ['bn'], eps: 1, training: false });
  assertClose(y, [[-5], [-2.5]], 1e-15);
  assertClose(grad([y], [x], { gradOutputs: [double([[1], [-4]])] })[0]!, [[2.5], [-10]], 1e-15);
});

test('batch averages over batches of one size are mean and biased variance of all their samples together', () => {
  const x = normal(new Random(11), [12, 2, 3], 5, 2, float64);
  const layer = new SwitchableNorm(2, { usingMovingAverage: false, ...float64 });
  for (let k = 0; k < 4; k++) layer.forward(slice(x, 0, 3 * k, 3 * k + 3));
  const { mean, variance } = momentsOf(x);
  assertClose(layer.state!.runningMean, mean, 1e-14);
  assertClose(layer.state!.runningVar, variance, 1e-14);
  assert.is(layer.state!.batchCount!.data[0], 4);
  assertClose(layer.eval().forward(x), switchableNorm(x, null, null, layer.meanWeight, layer.varWeight), 1e-13);
});

/** Mean and biased variance of each of two channels, of `[N, 2, S]`. */
function momentsOf(x: Tensor): { mean: number[]; variance: number[] } {
  const inner = sizeOf(x.shape.slice(2));
  const channel = (c: number): number[] => Array.from(x.data).filter((_, i) => Math.floor(i / inner) % 2 === c);
  const mean = [0, 1].map((c) => channel(c).reduce((a, b) => a + b, 0) / channel(c).length);
  const variance = [0, 1].map((c) => channel(c).reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / channel(c).length);
  return { mean, variance };
}

test('a reset begins the average anew: the next batch replaces what was there, also NaN', () => {
  const layer = new SwitchableNorm(1, { usingMovingAverage: false });
  layer.forward(tensor([[NaN], [7]]));
  assert.ok(Number.isNaN(layer.state!.runningMean.data[0]));
  layer.resetBatchAverage();
  assert.equal([...layer.buffers()].map((s) => toArray(s)), [[0], [1], 0]);
  layer.state!.runningMean.data[0] = Infinity;
  layer.state!.runningVar.data[0] = NaN;
  layer.forward(tensor([[1], [3]]));
  assert.equal([...layer.buffers()].map((s) => toArray(s)), [[2], [1], 1]);
  assertThrows(() => new SwitchableNorm(1).resetBatchAverage(), 'TypeError', /must average over batches/);
  const without = new SwitchableNorm(1, { usingMovingAverage: false, statistics: ['ln'] });
  assertThrows(() => without.resetBatchAverage(), 'TypeError', /must average over batches/);
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const variants = [{}, { momentum: 1 }, { momentum: 0 }, { usingMovingAverage: false }] as const;
  const step = (state: PlainState, x: Tensor, variant: number): PlainState => {
    const { mean, variance } = momentsOf(x);
    if (variant === 3) {
      const n = state.batchCount![0]! + 1;
      const delta = mean.map((m, c) => m - state.runningMean![c]!);
      return {
        runningMean: delta.map((d, c) => state.runningMean![c]! + d / n),
        runningVar: variance.map((v, c) => (state.runningVar![c]! * (n - 1)) / n + v / n + (delta[c]! ** 2 * (n - 1)) / n ** 2),
        batchCount: [n],
      };
    }
    const f = [0.1, 1, 0][variant]!;
    return {
      runningMean: mean.map((m, c) => (1 - f) * state.runningMean![c]! + f * m),
      runningVar: variance.map((v, c) => (1 - f) * state.runningVar![c]! + f * v),
    };
  };
  for (const [variant, options] of variants.entries()) {
    checkStateful({
      make: () => new SwitchableNorm(2, { ...options, ...float64 }),
      variants: 1,
      initial: { runningMean: [0, 0], runningVar: [1, 1], ...(variant === 3 && { batchCount: [0] }) },
      step: (state, x) => step(state, x, variant),
      shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
    });
  }
});

test('unbiased divides the variance of a sample and channel by its positions less 1', () => {
  const x = double([[[1, 3], [10, 50]]]);
  const got = norm(x, { unbiased: true, eps: 0, statistics: ['in'] }, double([0]), double([0]));
  assertClose(got, [[[-Math.SQRT1_2, Math.SQRT1_2], [-Math.SQRT1_2, Math.SQRT1_2]]], 1e-15);
});

test('unbiased without positions divides by the channels less 1 and the samples less 1', () => {
  const x = double([[1, 3, 8], [2, 2, 5]]);
  const rows = norm(x, { unbiased: true, eps: 0, statistics: ['ln'] }, double([0]), double([0]));
  assertClose(rows, [[-3, -1, 4].map((v) => v / Math.sqrt(13)), [-1, -1, 2].map((v) => v / Math.sqrt(3))], 1e-14);
  const columns = norm(x, { unbiased: true, eps: 0, statistics: ['bn'] }, double([0]), double([0]));
  assertClose(columns, [[-Math.SQRT1_2, Math.SQRT1_2, Math.SQRT1_2], [Math.SQRT1_2, -Math.SQRT1_2, -Math.SQRT1_2]], 1e-14);
});

test('a single position, a single sample, or a single value of all is fine when the variance is biased', () => {
  assertClose(norm(double([[5]])), [[0]], 0);
  const x = normal(new Random(12), [3, 4], 0, 1, float64);
  const wide = fromArray(x.data, [3, 4, 1, 1]);
  assert.equal([...norm(wide).data], [...norm(x).data]);
});

test('a constant input gives the bias exactly, and a gradient that is finite', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const x = full([2, 3, 5], 0.1, { dtype, requiresGrad: true });
    const bias = tensor([0.7, -1, 2], { dtype });
    const [a, b] = [double([1, 2, 3]), double([1, 0, 2])].map((logits) => tensor(toArray(logits), { dtype }));
    const y = switchableNorm(x, ones([3], { dtype }), bias, a!, b!);
    y.data.forEach((value, i) => assert.is(value, bias.data[Math.floor(i / 5) % 3]));
    backward(sum(y));
    assert.ok(x.grad!.data.every((value) => Math.abs(value) < 1e-4));
  }
});

test('a large common offset costs no digits', () => {
  const small = normal(new Random(13), [3, 2, 8]);
  const x = fromArray(small.data.map((value) => Math.fround(value * 1024) / 1024), small.shape);
  const offset = fromArray(x.data.map((value) => Math.fround(value + 4096)), x.shape);
  const exact = fromArray(Float64Array.from(offset.data, (value) => value - 4096), x.shape);
  const [a, b] = [tensor([0.3, -0.5, 0.8]), tensor([-1, 0.25, 0.5])];
  const wide = [a, b].map((logits) => fromArray(Float64Array.from(logits.data), [3])) as [Tensor, Tensor];
  assertClose(switchableNorm(offset, null, null, a, b), switchableNorm(exact, null, null, ...wide), 1e-6);
});

test('a statistic whose ratio is exactly 0 has no part, whatever it is', () => {
  const state = { runningMean: double([NaN]), runningVar: double([Infinity]) };
  const far = double([900, 0]);
  const x = leaf(double([[[1, 3]]]));
  const [a, b] = [leaf(far), leaf(far)];
  const y = switchableNorm(x, null, null, a, b, state, { statistics: ['in', 'bn'], training: false, eps: 0 });
  assert.equal(toArray(y), [[[-1, 1]]]);
  assert.equal(toArray(grad([y], [x], { gradOutputs: [double([[[1, 1]]])] })[0]!), [[[0, 0]]]);
});

test('a value that is not finite spoils its sample, its channel and the running statistics of that channel', () => {
  const x = normal(new Random(14), [3, 3, 2]);
  x.data[0] = NaN;
  const state = switchableNormState(3);
  const y = switchableNorm(x, null, null, tensor([0, 0, 0]), tensor([0, 0, 0]), state);
  y.data.forEach((value, i) => assert.is(Number.isNaN(value), Math.floor(i / 6) === 0 || Math.floor(i / 2) % 3 === 0));
  assert.equal([...state.runningMean.data].map(Number.isNaN), [true, false, false]);
});

test('higher derivatives see the running statistics as they were, and leave the state alone', () => {
  for (const training of [true, false]) {
    const state = { runningMean: double([1, 2]), runningVar: double([2, 0.5]), batchCount: double(3) };
    const x = leaf(normal(new Random(15), [2, 2, 3], 0, 1, float64));
    const dy = normal(new Random(16), [2, 2, 3], 0, 1, float64);
    const y = switchableNorm(x, null, null, p, q, state, { training, usingMovingAverage: false });
    const before = Object.values(state).map((s) => toArray(s));
    const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
    const kept = state.runningMean.data[0]!;
    state.runningMean.data[0] = 77;
    assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-13);
    state.runningMean.data[0] = kept;
    assert.equal(Object.values(state).map((s) => toArray(s)), before);
  }
});

test('on rows, "ln" and "bn" are those of the transpose with their places changed', () => {
  const x = normal(new Random(17), [4, 3], 0, 1, float64);
  const [a, b] = [double([0.5, -0.25]), double([0, 1])];
  const turned = permute(norm(permute(x, [1, 0]), { statistics: ['bn', 'ln'] }, a, b), [1, 0]);
  assertClose(norm(x, { statistics: ['ln', 'bn'] }, a, b), turned, 1e-14);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const call of [switchableNorm, switchableNormDefinition]) {
    const state = switchableNormState(3);
    const logits = zeros([3]);
    const x = zeros([2, 3]);
    const attempt = (name: string, message: RegExp, options: object, input = x, a = logits, held: object = state): void => {
      const body = (): Tensor => call(input, null, null, a, logits, held as typeof state, options);
      assertThrows(body, name, message);
      assert.equal(toArray(state.runningVar), [1, 1, 1]);
      assert.equal(toArray(state.runningMean), [0, 0, 0]);
    };
    for (const statistics of [[], ['in', 'in', 'bn'], ['in', 'gn', 'bn']]) {
      attempt('RangeError', /statistics must be one or more of "in", "ln", "bn", each at most once, got \[/, { statistics });
    }
    attempt('ShapeError', /meanWeight must have shape \[3\].*got \[2\]/, {}, x, zeros([2]));
    attempt('ShapeError', /varWeight must have shape \[2\].*got \[3\]/, { statistics: ['in', 'bn'] }, x, zeros([2]));
    attempt('TypeError', /meanWeight must have the dtype of x, float32, got float64/, {}, x, zeros([3], float64));
    attempt('ShapeError', /rank 2 to 5, got shape \[3\]/, {}, zeros([3]));
    attempt('ShapeError', /runningMean must have shape \[4\]/, {}, zeros([2, 4]));
    attempt('ShapeError', /at least one value, got x of shape \[0, 3\]/, {}, zeros([0, 3]));
    attempt('TypeError', /batch averages need a batchCount/, { usingMovingAverage: false });
    attempt('RangeError', /runningVar must not be negative, got -1 at channel 1/, {}, x, logits, { ...state, runningVar: tensor([1, -1, 1]) });
    for (const eps of [-1e-5, NaN, Infinity]) attempt('RangeError', /eps must be finite/, { eps });
    for (const momentum of [-0.1, 1.1, NaN]) attempt('RangeError', /momentum must be in \[0, 1\]/, { momentum });
    attempt('ShapeError', /unbiased variance needs more than one value, got x of shape \[2, 3\]/, { unbiased: true });
    attempt('ShapeError', /unbiased variance.*\[2, 3, 1, 1\]/, { unbiased: true }, zeros([2, 3, 1, 1]));
    for (const shape of [[1, 3], [2, 1]]) {
      const body = (): Tensor => call(zeros(shape), null, null, zeros([2]), zeros([2]), null, { unbiased: true, statistics: ['ln', 'bn'] });
      assertThrows(body, 'ShapeError', /unbiased variance needs more than one value, got x of shape \[\d, \d\] for the statistics \[ln, bn\]/);
    }
    assertThrows(() => call(x, ones([2]), null, logits, logits), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    assertThrows(() => call(x, null, ones([4]), logits, logits), 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
  }
  assertThrows(() => new SwitchableNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new SwitchableNorm(3, { statistics: [] }), 'RangeError', /SwitchableNorm: statistics/);
  assertThrows(() => new SwitchableNorm(3, { momentum: 2 }), 'RangeError', /momentum/);
  assertThrows(() => new SwitchableNorm(3, { eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => new SwitchableNorm(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
});

test('evaluation with the statistics of the state takes a single row of an unbiased norm', () => {
  const state = { runningMean: tensor([1, 2]), runningVar: tensor([4, 1]) };
  const options = { statistics: ['bn'], unbiased: true, training: false, eps: 0 } as const;
  assert.equal(toArray(switchableNorm(tensor([[5, 3]]), null, null, tensor([0]), tensor([0]), state, options)), [[2, 1]]);
});

test('the class holds what its options ask for, and shows its ratios', () => {
  const parameters = ['weight', 'bias', 'meanWeight', 'varWeight'];
  assert.equal(Object.keys(new SwitchableNorm(2).stateDict()), [...parameters, 'runningMean', 'runningVar']);
  assert.equal(Object.keys(new SwitchableNorm(2, { statistics: ['in', 'ln'] }).stateDict()), parameters);
  const averaging = new SwitchableNorm(2, { usingMovingAverage: false });
  assert.equal(Object.keys(averaging.stateDict()), [...parameters, 'runningMean', 'runningVar', 'batchCount']);
  assert.equal(toArray(new SwitchableNorm(2, { zeroWeight: true }).weight), [0, 0]);
  const layer = new SwitchableNorm(2, { statistics: ['ln', 'bn'], ...float64 });
  layer.varWeight.data[1] = 1 + Math.log(3);
  assertClose(layer.ratios().mean, [0.5, 0.5], 1e-15);
  assertClose(layer.ratios().variance, [0.25, 0.75], 1e-15);
  backward(sum(layer.forward(double([[1, 2], [3, 5]]))));
  assert.equal(toArray(layer.bias.grad!), [2, 2]);
  assert.ok(layer.meanWeight.grad && layer.varWeight.grad);
});

test.run();
