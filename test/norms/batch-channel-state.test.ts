/** Running statistics, estimates, the class, and what batch-channel norm refuses. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import {
  BatchChannelNorm,
  batchChannelNorm,
  batchChannelNormDefinition,
  type BatchChannelNormOptions,
  type BatchChannelNormState,
  batchChannelNormState,
} from '../../src/norms/batch-channel.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('batch-channel, state');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const forms = [batchChannelNorm, batchChannelNormDefinition];
const stateOf = (mean: number[], variance: number[]): BatchChannelNormState => ({
  runningMean: double(mean),
  runningVar: double(variance),
  numBatchesTracked: double(0),
});

/** The values of each channel. */
function channelsOf(x: { shape: readonly number[]; data: ArrayLike<number> }): number[][] {
  const inner = sizeOf(x.shape.slice(2));
  const channels = x.shape[1]!;
  return Array.from({ length: channels }, (_, c) => Array.from(x.data).filter((_v, i) => Math.floor(i / inner) % channels === c));
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test('estimates are moved first and then used, the variance by the deviation from the old mean', () => {
  for (const norm of forms) {
    const state = stateOf([1, 0], [2, 4]);
    const x = double([[3, 8], [5, 4]]);
    const y = norm(x, null, null, null, null, state, { numGroups: 1, eps: 1, bnEps: 3, estimate: true, movingSpeed: 0.25 });
    // the means of (x - old mean)^2 are 10 and 40
    assertClose(state.runningMean, [0.75 + 1, 1.5], 1e-15);
    assertClose(state.runningVar, [1.5 + 2.5, 3 + 10], 1e-15);
    assert.is(state.numBatchesTracked.data[0], 1);
    // two values in a group, 2d apart, become plus and minus d / sqrt(d^2 + 1)
    const want = [[3, 8], [5, 4]].map(([a, b]) => {
      const d = ((b! - 1.5) / 4 - (a! - 1.75) / Math.sqrt(7)) / 2;
      return [-d / Math.sqrt(d * d + 1), d / Math.sqrt(d * d + 1)];
    });
    assertClose(y, want, 1e-15);
  }
});

test('a training call with estimates is an evaluation with the moved state: values and gradients, bit by bit', () => {
  for (const norm of forms) {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const shape of [[3, 4, 5], [5, 4]]) {
        const state = batchChannelNormState(4, { dtype });
        const make = (seed: number, size: number[]): Tensor => leaf(normal(new Random(seed), size, 1, 2, { dtype }));
        const given = [make(1, shape), make(2, [4]), make(3, [4]), make(4, [2]), make(5, [2])] as const;
        const dy = normal(new Random(6), shape, 0, 1, { dtype });
        const options = { numGroups: 2, estimate: true, movingSpeed: 0.25 };
        const trained = norm(...given, state, options);
        const used = Object.values(state).map((s) => toArray(s));
        assert.not.equal(used[0], [0, 0, 0, 0]);
        const evaluated = norm(...given, state, { ...options, training: false });
        assert.equal(toArray(trained), toArray(evaluated));
        // another batch moves the state on; what was recorded is not touched by it
        norm(normal(new Random(7), shape, 9, 2, { dtype }), null, null, null, null, state, options);
        const [a, b] = [trained, evaluated].map((y) => grad([y], given, { gradOutputs: [dy] }).map((found) => toArray(found)));
        assert.equal(a, b);
      }
    }
  }
});

test('with a movingSpeed of 1 the estimates are mean and variance of the batch, and the square of how far the old mean was off', () => {
  const x = normal(new Random(8), [3, 2, 4], 5, 2, float64);
  const mean = channelsOf(x).map(average);
  const variance = channelsOf(x).map((values, c) => average(values.map((v) => (v - mean[c]!) ** 2)));
  const options = { numGroups: 1, estimate: true, movingSpeed: 1 };
  const plain = batchChannelNorm(x, null, null, null, null, null, { numGroups: 1 });
  for (const [old, same] of [[[0, 4], false], [mean, true]] as const) {
    const state = stateOf([...old], [7, 7]);
    const y = batchChannelNorm(x, null, null, null, null, state, options);
    assertClose(state.runningMean, mean, 1e-15);
    assertClose(state.runningVar, variance.map((v, c) => v + (mean[c]! - old[c]!) ** 2), 1e-14);
    const off = Math.max(...y.data.map((value, i) => Math.abs(value - plain.data[i]!)));
    assert.is(off < 1e-13, same);
  }
});

test('a movingSpeed of 0 leaves the estimates alone, also beside a NaN, and still counts', () => {
  for (const norm of forms) {
    const state = stateOf([1, 2], [3, 4]);
    norm(double([[NaN, 1]]), null, null, null, null, state, { numGroups: 1, estimate: true, movingSpeed: 0 });
    assert.equal(Object.values(state).map((s) => toArray(s)), [[1, 2], [3, 4], 1]);
  }
});

test('a cold start far from the data stays bounded, and the estimates come near', () => {
  const state = batchChannelNormState(4, float64);
  const x = normal(new Random(9), [2, 4, 6], 1000, 1, float64);
  for (let k = 0; k < 200; k++) {
    const y = batchChannelNorm(x, null, null, null, null, state, { numGroups: 2, estimate: true });
    assert.ok(average([...y.data].map((value) => value * value)) <= 1);
    if (k === 0) assert.ok(state.runningVar.data[0]! > 9e4);
  }
  const variance = channelsOf(x).map((values) => average(values.map((v) => (v - average(values)) ** 2)));
  assertClose(state.runningVar, variance, 1e-3);
});

test('running statistics follow momentum, with the unbiased variance; the batch is normalized with the biased one', () => {
  for (const norm of forms) {
    const state = stateOf([0, 0], [1, 1]);
    // u of the first channel: -1.5 and 1.5 over sqrt(2.25 + 4); of the second: 0
    const y = norm(double([[1, 5], [4, 5]]), null, null, null, null, state, { numGroups: 1, eps: 0.07, bnEps: 4, momentum: 0.5 });
    const half = 0.3;
    const want = half / Math.sqrt(0.09 + 0.07);
    assertClose(y, [[-want, want], [want, -want]], 1e-15);
    assertClose(state.runningMean, [1.25, 2.5], 1e-15);
    assertClose(state.runningVar, [0.5 + 2.25, 0.5], 1e-15);
  }
});

test('evaluation without a state uses the batch', () => {
  const x = double([[1, 5], [4, 9], [2, 2]]);
  const options = { numGroups: 1 };
  const trained = batchChannelNorm(x, null, null, null, null, null, options);
  assert.equal(toArray(batchChannelNorm(x, null, null, null, null, null, { ...options, training: false })), toArray(trained));
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const variants = [{}, { momentum: 1 }, { momentum: 0 }, { estimate: true }, { estimate: true, movingSpeed: 1 }, { estimate: true, movingSpeed: 0 }];
  const step = (state: PlainState, x: Tensor, variant: number): PlainState => {
    const { momentum = 0.1, estimate = false, movingSpeed = 0.1 } = variants[variant] as BatchChannelNormOptions;
    const speed = estimate ? movingSpeed : momentum;
    const blend = (old: readonly number[], next: readonly number[]): number[] => old.map((value, c) => (1 - speed) * value + speed * next[c]!);
    const found = channelsOf(x);
    const mean = found.map(average);
    const spread = found.map((values, c) => {
      const about = estimate ? state.runningMean![c]! : mean[c]!;
      return values.reduce((total, v) => total + (v - about) ** 2, 0) / (values.length - (estimate ? 0 : 1));
    });
    return {
      runningMean: blend(state.runningMean!, mean),
      runningVar: blend(state.runningVar!, spread),
      numBatchesTracked: [state.numBatchesTracked![0]! + 1],
    };
  };
  for (const [variant, options] of variants.entries()) {
    checkStateful({
      make: () => new BatchChannelNorm(2, { numGroups: 1, ...options, ...float64 }),
      variants: 1,
      initial: { runningMean: [0, 0], runningVar: [1, 1], numBatchesTracked: [0] },
      step: (state, x) => step(state, x, variant),
      shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2], ...('estimate' in options ? [[1, 2]] : [])],
    });
  }
});

test('a value that is not finite spoils its channel of the state, and all groups with that channel when the batch is used', () => {
  for (const estimate of [false, true]) {
    for (const norm of forms) {
      const x = normal(new Random(10), [3, 4, 2]);
      x.data[0] = NaN;
      const state = batchChannelNormState(4);
      const y = norm(x, null, null, null, null, state, { numGroups: 2, estimate });
      assert.equal([...state.runningMean.data].map(Number.isNaN), [true, false, false, false]);
      assert.equal([...state.runningVar.data].map(Number.isNaN), [true, false, false, false]);
      y.data.forEach((value, i) => assert.is(Number.isNaN(value), Math.floor(i / 4) % 2 === 0));
      const held = batchChannelNormState(4);
      const alone = norm(x, null, null, null, null, held, { numGroups: 2, estimate, training: false });
      alone.data.forEach((value, i) => assert.is(Number.isNaN(value), i < 4));
    }
  }
});

test('a gradient that is not finite stays within its group of its sample in evaluation', () => {
  const x = leaf(normal(new Random(11), [2, 4, 3], 0, 1, float64));
  const y = batchChannelNorm(x, null, null, null, null, batchChannelNormState(4, float64), { numGroups: 2, training: false });
  const dy = new Float64Array(24).fill(1);
  dy[0] = Infinity;
  const dx = grad([y], [x], { gradOutputs: [fromArray(dy, [2, 4, 3])] })[0]!.data;
  dx.forEach((value, i) => assert.is(Number.isFinite(value), i >= 6));
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of forms) {
    const state = batchChannelNormState(4);
    const x = ones([2, 4, 3]);
    const attempt = (name: string, message: RegExp, options: BatchChannelNormOptions = {}, input = x, held: BatchChannelNormState | null = state): void => {
      assertThrows(() => norm(input, null, null, null, null, held, { numGroups: 2, ...options }), name, message);
      assert.equal(Object.values(state).map((s) => toArray(s)), [[0, 0, 0, 0], [1, 1, 1, 1], 0]);
    };
    attempt('ShapeError', /numGroups must divide the number of channels, got 3 for 4; pass \{ numGroups \}/, { numGroups: 3 });
    assertThrows(() => norm(x), 'ShapeError', /numGroups must divide the number of channels, got 32 for 4/);
    for (const numGroups of [0, -1, 1.5, NaN]) attempt('RangeError', /numGroups must be a positive integer/, { numGroups });
    for (const estimate of [true, false]) {
      attempt('ShapeError', /group needs more than one value, got x of shape \[2, 4\] with 4 groups; use fewer groups/, { numGroups: 4, estimate }, ones([2, 4]));
      attempt('ShapeError', /group needs more than one value/, { estimate, training: false }, ones([2, 4, 0]));
      attempt('ShapeError', /rank 2 to 5, got shape \[4\]/, { estimate }, ones([4]));
      attempt('ShapeError', /runningMean must have shape \[6\]/, { estimate }, ones([2, 6]));
      attempt('TypeError', /runningMean must have the dtype of x, float64, got float32/, { estimate }, ones([2, 4], float64));
      const negative = { ...state, runningVar: tensor([1, -1, 1, 1]) };
      attempt('RangeError', /runningVar must not be negative, got -1 at channel 1/, { estimate }, x, negative);
      attempt('ShapeError', /numBatchesTracked must have shape \[\]/, { estimate }, x, { ...state, numBatchesTracked: tensor([0]) });
      for (const eps of [-1e-5, NaN, Infinity]) {
        attempt('RangeError', /: eps must be finite and at least 0/, { estimate, eps });
        attempt('RangeError', /: bnEps must be finite and at least 0/, { estimate, bnEps: eps });
      }
      for (const value of [-0.1, 1.1, NaN]) {
        attempt('RangeError', /momentum must be in \[0, 1\]/, { estimate, momentum: value });
        attempt('RangeError', /movingSpeed must be in \[0, 1\], got .*; it weighs the new value/, { estimate, movingSpeed: value });
      }
    }
    attempt('ShapeError', /need more than one value per channel, got x of shape \[1, 4\]; use a larger batch, or \{ estimate: true \}/, {}, ones([1, 4]));
    attempt('ShapeError', /need at least one value per channel, got x of shape \[0, 4\]/, { estimate: true }, ones([0, 4]));
    attempt('TypeError', /estimates must have a state, got none; make one with batchChannelNormState/, { estimate: true }, x, null);
    attempt('TypeError', /estimates must have a state/, { estimate: true, training: false }, x, null);
    const [four, two] = [ones([4]), ones([2])];
    assertThrows(() => norm(x, two, four, two, two, state, { numGroups: 2 }), 'ShapeError', /bnWeight must have shape \[4\].*got \[2\]/);
    assertThrows(() => norm(x, four, two, two, two, state, { numGroups: 2 }), 'ShapeError', /bnBias must have shape \[4\].*got \[2\]/);
    assertThrows(() => norm(x, four, four, four, two, state, { numGroups: 2 }), 'ShapeError', /: weight must have shape \[2\].*got \[4\]/);
    assertThrows(() => norm(x, four, four, two, four, state, { numGroups: 2 }), 'ShapeError', /: bias must have shape \[2\].*got \[4\]/);
  }
  assertThrows(() => new BatchChannelNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new BatchChannelNorm(48), 'ShapeError', /BatchChannelNorm: numGroups must divide.*got 32 for 48/);
  assertThrows(() => new BatchChannelNorm(4, { numGroups: 2, movingSpeed: 2 }), 'RangeError', /BatchChannelNorm: movingSpeed/);
  assertThrows(() => new BatchChannelNorm(4, { numGroups: 2, bnEps: -1 }), 'RangeError', /BatchChannelNorm: bnEps/);
  assertThrows(() => new BatchChannelNorm(4, { numGroups: 2 }).forward(zeros([2, 6])), 'ShapeError', /x must have 4 channels at axis 1, got shape \[2, 6\]/);
});

test('a single value per channel is fine with estimates and in evaluation, and an empty batch in evaluation', () => {
  const layer = new BatchChannelNorm(2, { numGroups: 1, estimate: true, eps: 0, bnEps: 0 });
  assert.equal(toArray(layer.forward(tensor([[1, 3]]))), [[-1, 1]]);
  const plain = new BatchChannelNorm(2, { numGroups: 1, eps: 0 }).eval();
  assert.equal(toArray(plain.forward(tensor([[1, 3]]))), [[-1, 1]]);
  assert.equal(plain.forward(zeros([0, 2])).shape, [0, 2]);
});

test('the class holds parameters and state under their names, with 32 groups by default', () => {
  const names = ['bnWeight', 'bnBias', 'weight', 'bias', 'runningMean', 'runningVar', 'numBatchesTracked'];
  const layer = new BatchChannelNorm(64);
  assert.equal(Object.keys(layer.stateDict()), names);
  assert.equal([layer.bnWeight.shape, layer.weight.shape], [[64], [32]]);
  const small = new BatchChannelNorm(4, { numGroups: 2, bnEps: 0.5, eps: 0.25, momentum: 0.5, ...float64 });
  const x = normal(new Random(12), [3, 4, 2], 0, 1, float64);
  const y = small.forward(x);
  assertClose(y, batchChannelNorm(x, null, null, null, null, null, { numGroups: 2, bnEps: 0.5, eps: 0.25 }), 1e-15);
  assertClose(small.state.runningMean, channelsOf(x).map((values) => average(values) / 2), 1e-15);
  backward(sum(y));
  assert.equal(toArray(small.bias.grad!), [12, 12]);
});

test.run();
