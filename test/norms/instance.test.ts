import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { InstanceNorm, instanceNorm, instanceNormDefinition, instanceNormState } from '../../src/norms/instance.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import { ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('instance');
const float64 = { dtype: 'float64' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => instanceNorm(x, null, null, null, { eps }),
  shapes: { minRank: 3, maxRank: 4, fits: (shape) => sizeOf(shape.slice(2)) >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))),
});

test('the mean of a channel of the result over space is the bias, for every sample', () => {
  const x = normal(new Random(1), [3, 2, 5], 4, 3, float64);
  const y = instanceNorm(x, tensor([2, -3], float64), tensor([0.5, 7], float64)).data;
  for (let slice = 0; slice < 6; slice++) {
    const mean = Array.from(y.slice(5 * slice, 5 * slice + 5)).reduce((a, b) => a + b, 0) / 5;
    assert.ok(Math.abs(mean - [0.5, 7][slice % 2]!) < 1e-14);
  }
});

test('two spatial values give plus and minus d / sqrt(d^2 + eps) and nearly no gradient', () => {
  const x = tensor([[[1, 7]]], { ...float64, requiresGrad: true });
  const y = instanceNorm(x, null, null, null, { eps: 7 });
  assertClose(y, [[[-0.75, 0.75]]], 1e-15);
  assertClose(grad([y], [x], { gradOutputs: [tensor([[[1, 0]]], float64)] })[0]!, [[[7 / 128, -7 / 128]]], 1e-15);
});

test('pixels that change places change places in the result', () => {
  const y = instanceNorm(tensor([[[1, 2, 6]]], float64)).data;
  assertClose(instanceNorm(tensor([[[6, 1, 2]]], float64)), [[[y[2]!, y[0]!, y[1]!]]], 1e-15);
});

test('it equals group norm with as many groups as channels, affine step included, bit by bit', () => {
  const x = normal(new Random(2), [2, 3, 4], 1, 2);
  const weight = tensor([1, -2, 0.5]);
  const bias = tensor([0, 3, 1]);
  assert.equal(toArray(instanceNorm(x, weight, bias)), toArray(groupNorm(x, weight, bias, { numGroups: 3 })));
});

test('it equals batch norm of one sample that holds all instances as channels, and layer norm over space', () => {
  const x = normal(new Random(2), [2, 3, 4], 1, 2, float64);
  const merged = batchNorm(reshape(x, [1, 6, 4]), null, null, null);
  assertClose(reshape(instanceNorm(x), [1, 6, 4]), toArray(merged), 1e-15);
  assertClose(instanceNorm(x), toArray(layerNorm(x, null, null, { normalizedShape: 4 })), 1e-15);
});

test('the state moves towards the averages over the samples of means and unbiased variances', () => {
  const state = instanceNormState(1, float64);
  instanceNorm(tensor([[[0, 2]], [[10, 16]]], float64), null, null, state, { momentum: 0.5 });
  assert.equal(toArray(state.runningMean), [3.5]);
  assert.equal(toArray(state.runningVar), [5.5]);
});

test('one training call of a batch moves the state to the average of what its samples alone would', () => {
  const x = normal(new Random(4), [3, 2, 4], 1, 2, float64);
  const whole = instanceNormState(2, float64);
  instanceNorm(x, null, null, whole);
  const single = [0, 1, 2].map((n) => {
    const state = instanceNormState(2, float64);
    instanceNorm(tensor((toArray(x) as number[][][]).slice(n, n + 1), float64), null, null, state);
    return state;
  });
  for (const name of ['runningMean', 'runningVar'] as const) {
    const average = [0, 1].map((c) => single.reduce((total, state) => total + state[name].data[c]!, 0) / 3);
    assertClose(whole[name], average, 1e-15);
  }
});

test('evaluation with a state normalizes as batch norm does, and takes a single spatial value', () => {
  const state = { runningMean: tensor([1], float64), runningVar: tensor([4], float64) };
  const x = tensor([[[5]], [[-1]]], { ...float64, requiresGrad: true });
  const y = instanceNorm(x, null, null, state, { training: false, eps: 0 });
  assert.equal(toArray(y), [[[2]], [[-1]]]);
  assert.equal(toArray(grad([y], [x], { gradOutputs: [tensor([[[1]], [[6]]], float64)] })[0]!), [[[0.5]], [[3]]]);
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const momenta = [0.1, 1, 0] as const;
  const step = (state: PlainState, x: { shape: readonly number[]; data: ArrayLike<number> }, variant: number): PlainState => {
    const inner = sizeOf(x.shape.slice(2));
    const samples = x.shape[0]!;
    const f = momenta[variant]!;
    const mean = [0, 0];
    const variance = [0, 0];
    for (let slice = 0; slice < 2 * samples; slice++) {
      const values = Array.from(x.data).slice(slice * inner, (slice + 1) * inner);
      const mu = values.reduce((a, b) => a + b, 0) / inner;
      mean[slice % 2]! += mu / samples;
      variance[slice % 2]! += values.reduce((a, b) => a + (b - mu) ** 2, 0) / (inner - 1) / samples;
    }
    return {
      runningMean: mean.map((m, c) => (1 - f) * state.runningMean![c]! + f * m),
      runningVar: variance.map((v, c) => (1 - f) * state.runningVar![c]! + f * v),
    };
  };
  checkStateful({
    make: (variant) => new InstanceNorm(2, { momentum: momenta[variant]!, trackRunningStats: true, ...float64 }),
    variants: momenta.length,
    initial: { runningMean: [0, 0], runningVar: [1, 1] },
    step,
    shapes: [[2, 2, 2], [1, 2, 5], [3, 2, 1, 3]],
  });
});

test('no samples give no result and leave the state alone', () => {
  const state = instanceNormState(2);
  assert.equal(instanceNorm(zeros([0, 2, 3]), null, null, state).shape, [0, 2, 3]);
  assert.equal(toArray(state.runningVar), [1, 1]);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of [instanceNorm, instanceNormDefinition]) {
    const state = instanceNormState(3);
    const x = zeros([2, 3, 4]);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal(toArray(state.runningVar), [1, 1, 1]);
    };
    attempt(() => norm(zeros([2, 3, 1]), null, null, state), 'ShapeError', /more than one spatial element, got x of shape \[2, 3, 1\]/);
    attempt(() => norm(zeros([2, 3, 0]), null, null, state), 'ShapeError', /more than one spatial element/);
    attempt(() => norm(zeros([2, 3]), null, null, state), 'ShapeError', /rank 3 to 5, got shape \[2, 3\]/);
    attempt(() => norm(x, ones([2]), null, state), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    attempt(() => norm(x, null, ones([1]), state), 'ShapeError', /bias must have shape \[3\].*got \[1\]/);
    attempt(() => norm(zeros([2, 4, 4]), null, null, state), 'ShapeError', /runningMean must have shape \[4\]/);
    attempt(() => norm(x, null, null, { ...state, runningVar: tensor([1, 1, -2]) }), 'RangeError', /runningVar must not be negative, got -2 at channel 2/);
    attempt(() => norm(x, null, null, state, { momentum: NaN }), 'RangeError', /momentum must be in \[0, 1\]/);
    attempt(() => norm(x, null, null, state, { momentum: null as unknown as number }), 'RangeError', /momentum must be in \[0, 1\], got null/);
    attempt(() => norm(x, null, null, state, { eps: -1 }), 'RangeError', /eps must be finite and at least 0/);
  }
  assertThrows(() => new InstanceNorm(3).forward(zeros([2, 4, 5])), 'ShapeError', /x must have 3 channels at axis 1/);
  assertThrows(() => new InstanceNorm(-1), 'RangeError', /numFeatures must be a positive integer/);
  assertThrows(() => new InstanceNorm(3, { momentum: null as unknown as number }), 'RangeError', /momentum/);
});

test('affine and running statistics are off unless asked for', () => {
  assert.equal(Object.keys(new InstanceNorm(2).stateDict()), []);
  const full = new InstanceNorm(2, { affine: true, trackRunningStats: true });
  assert.equal(Object.keys(full.stateDict()), ['weight', 'bias', 'runningMean', 'runningVar']);
});

test.run();
