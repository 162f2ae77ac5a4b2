import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { permute } from '../../src/autograd/permute.ts';
import { sum } from '../../src/autograd/sum.ts';
import { BatchNorm, batchNorm, batchNormDefinition, batchNormState } from '../../src/norms/batch.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('batch');
const float64 = { dtype: 'float64' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => batchNorm(x, null, null, null, { eps }),
  shapes: { minRank: 2, maxRank: 4, fits: (shape) => sizeOf(shape) / shape[1]! >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))) % shape[1]!,
});

test('the batch is normalized with the biased variance, the running variance moves towards the unbiased one', () => {
  const state = batchNormState(1, float64);
  const x = tensor([[0], [2], [4]], float64);
  const y = batchNorm(x, null, null, state, { eps: 0, momentum: 0.5 });
  assertClose(y, [[-Math.sqrt(1.5)], [0], [Math.sqrt(1.5)]], 1e-15);
  assert.equal(toArray(state.runningMean), [1]);
  assert.equal(toArray(state.runningVar), [2.5]);
  assert.equal(toArray(state.numBatchesTracked), 1);
});

test('samples depend on each other in training and not in evaluation', () => {
  const state = batchNormState(1);
  const at = (first: number, training: boolean): number =>
    batchNorm(tensor([[first], [2], [5]]), null, null, state, { training, momentum: 0 }).data[1]!;
  assert.is.not(at(0, true), at(9, true));
  assert.is(at(0, false), at(9, false));
});

test('evaluation is affine in x', () => {
  const state = { ...batchNormState(2, float64), runningMean: tensor([1, -2], float64), runningVar: tensor([4, 0.5], float64) };
  const norm = (x: number[][]): Float64Array => batchNorm(tensor(x, float64), tensor([2, 3], float64), tensor([1, 1], float64), state, { training: false }).data as Float64Array;
  const [a, b, mixed] = [norm([[1, 2]]), norm([[5, -2]]), norm([[2, 1]])];
  for (let i = 0; i < 2; i++) assert.ok(Math.abs(mixed[i]! - (0.75 * a[i]! + 0.25 * b[i]!)) < 1e-14);
});

test("evaluation with a batch's own mean and biased variance reproduces the training result", () => {
  const x = tensor([[1, 8], [3, 8.5], [8, 7]], float64);
  const trained = batchNorm(x, null, null, null);
  const state = {
    ...batchNormState(2, float64),
    runningMean: tensor([4, 23.5 / 3], float64),
    runningVar: tensor([26 / 3, 1.1666666666666667 / 3], float64),
  };
  assertClose(batchNorm(x, null, null, state, { training: false }), toArray(trained), 1e-12);
});

test('the gradient through running statistics is weight rstd dy', () => {
  const state = { ...batchNormState(1, float64), runningMean: tensor([3], float64), runningVar: tensor([3], float64) };
  const x = tensor([[1], [2]], { ...float64, requiresGrad: true });
  const y = batchNorm(x, tensor([5], float64), null, state, { training: false, eps: 1 });
  assert.equal(toArray(grad([y], [x], { gradOutputs: [tensor([[1], [-4]], float64)] })[0]!), [[2.5], [-10]]);
});

test('a gradient that is not finite spoils only its own element in evaluation', () => {
  const x = tensor([[1], [2]], { ...float64, requiresGrad: true });
  const y = batchNorm(x, null, null, batchNormState(1, float64), { training: false, eps: 0 });
  assert.equal(toArray(grad([y], [x], { gradOutputs: [tensor([[Infinity], [3]], float64)] })[0]!), [[Infinity], [3]]);
});

test('two values in a channel give plus and minus d / sqrt(d^2 + eps) and nearly no gradient', () => {
  const x = tensor([[1], [7]], { ...float64, requiresGrad: true });
  const y = batchNorm(x, null, null, null, { eps: 7 });
  assertClose(y, [[-0.75], [0.75]], 1e-15);
  assertClose(grad([y], [x], { gradOutputs: [tensor([[1], [0]], float64)] })[0]!, [[7 / 128], [-7 / 128]], 1e-15);
});

test('with momentum 1 the state is that of the last batch, with 0 it stays and still counts', () => {
  for (const [momentum, mean] of [[1, 2], [0, 0]] as const) {
    const state = batchNormState(1, float64);
    batchNorm(tensor([[9], [9]], float64), null, null, state, { momentum });
    batchNorm(tensor([[1], [3]], float64), null, null, state, { momentum });
    assert.equal(toArray(state.runningMean), [mean]);
    assert.equal(toArray(state.numBatchesTracked), 2);
  }
});

test('with momentum null the state is the plain mean over the batches, whatever it began with', () => {
  const state = { ...batchNormState(1, float64), runningMean: tensor([77], float64), runningVar: tensor([55], float64) };
  for (const x of [[[0], [2]], [[4], [8]], [[5], [5]]]) batchNorm(tensor(x, float64), null, null, state, { momentum: null });
  assertClose(state.runningMean, [4], 1e-15);
  assertClose(state.runningVar, [(2 + 8 + 0) / 3], 1e-15);
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const momenta = [0.1, null, 1, 0] as const;
  const step = (state: PlainState, x: { shape: readonly number[]; data: ArrayLike<number> }, variant: number): PlainState => {
    const inner = sizeOf(x.shape.slice(2));
    const count = x.shape[0]! * inner;
    const batches = state.numBatchesTracked![0]! + 1;
    const f = momenta[variant] ?? 1 / batches;
    const channel = (c: number): number[] => Array.from(x.data).filter((_, i) => Math.floor(i / inner) % 2 === c);
    const mean = [0, 1].map((c) => channel(c).reduce((a, b) => a + b, 0) / count);
    const unbiased = [0, 1].map((c) => channel(c).reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / (count - 1));
    return {
      runningMean: mean.map((m, c) => (1 - f) * state.runningMean![c]! + f * m),
      runningVar: unbiased.map((v, c) => (1 - f) * state.runningVar![c]! + f * v),
      numBatchesTracked: [batches],
    };
  };
  checkStateful({
    make: (variant) => new BatchNorm(2, { momentum: momenta[variant]!, ...float64 }),
    variants: momenta.length,
    initial: { runningMean: [0, 0], runningVar: [1, 1], numBatchesTracked: [0] },
    step,
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('it equals instance norm of a single sample, and layer norm of the transpose', () => {
  const x = normal(new Random(2), [1, 3, 4], 1, 2, float64);
  assertClose(batchNorm(x, null, null, null), toArray(instanceNorm(x)), 1e-15);
  const rows = normal(new Random(3), [5, 3], 1, 2, float64);
  const turned = permute(layerNorm(permute(rows, [1, 0]), null, null, { normalizedShape: 5 }), [1, 0]);
  assertClose(batchNorm(rows, null, null, null), toArray(turned), 1e-14);
});

test('samples that change places change places in the result', () => {
  const y = batchNorm(tensor([[1], [2], [6]], float64), null, null, null).data;
  assertClose(batchNorm(tensor([[6], [1], [2]], float64), null, null, null), [[y[2]!], [y[0]!], [y[1]!]], 1e-15);
});

test('higher derivatives see the running statistics as they were, and leave the state alone', () => {
  const state = batchNormState(1, float64);
  const x = tensor([[1], [4], [5]], { ...float64, requiresGrad: true });
  for (const training of [true, false]) {
    const y = batchNorm(x, null, null, state, { training, momentum: 0.5 });
    const before = [copy(state.runningMean), copy(state.runningVar), copy(state.numBatchesTracked)].map((s) => toArray(s));
    const kept = state.runningMean.data[0]!;
    state.runningMean.data[0] = training ? kept : 10;
    const dy = tensor([[1], [2], [-4]], float64);
    const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
    const graph = grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!;
    assertClose(graph, toArray(plain), 1e-14);
    state.runningMean.data[0] = kept;
    assert.equal([state.runningMean, state.runningVar, state.numBatchesTracked].map((s) => toArray(s)), before);
  }
});

test('a value that is not finite in a training batch spoils the running statistics of its channel', () => {
  const state = batchNormState(2);
  batchNorm(tensor([[NaN, 1], [2, 3]]), null, null, state);
  assert.equal([...state.runningMean.data].map(Number.isNaN), [true, false]);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of [batchNorm, batchNormDefinition]) {
    const state = batchNormState(3);
    const x = zeros([2, 3]);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal(toArray(state.numBatchesTracked), 0);
      assert.equal(toArray(state.runningVar), [1, 1, 1]);
    };
    attempt(() => norm(zeros([1, 3]), null, null, state), 'ShapeError', /more than one value per channel, got x of shape \[1, 3\]/);
    attempt(() => norm(zeros([0, 3]), null, null, state), 'ShapeError', /more than one value per channel/);
    attempt(() => norm(zeros([1, 3]), null, null, null, { training: false }), 'ShapeError', /more than one value/);
    attempt(() => norm(zeros([3]), null, null, state), 'ShapeError', /rank 2 to 5, got shape \[3\]/);
    attempt(() => norm(zeros([1, 3, 1, 1, 1, 2]), null, null, state), 'ShapeError', /rank 2 to 5/);
    attempt(() => norm(x, ones([2]), null, state), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    attempt(() => norm(x, null, ones([4]), state), 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
    attempt(() => norm(zeros([2, 4]), null, null, state), 'ShapeError', /runningMean must have shape \[4\]/);
    attempt(() => norm(x, null, null, { ...state, runningVar: tensor([1, -1, 1]) }), 'RangeError', /runningVar must not be negative, got -1 at channel 1/);
    for (const momentum of [-0.1, 1.1, NaN]) {
      attempt(() => norm(x, null, null, state, { momentum }), 'RangeError', /momentum must be in \[0, 1\]/);
    }
    for (const eps of [-1e-5, NaN, Infinity]) {
      attempt(() => norm(x, null, null, state, { eps }), 'RangeError', /eps must be finite and at least 0/);
    }
  }
  assertThrows(() => new BatchNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new BatchNorm(3, { momentum: 2 }), 'RangeError', /momentum/);
  assertThrows(() => new BatchNorm(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
});

test('evaluation with running statistics takes a single value', () => {
  const state = { ...batchNormState(1), runningMean: tensor([1]), runningVar: tensor([4]) };
  assert.equal(toArray(batchNorm(tensor([[5]]), null, null, state, { training: false, eps: 0 })), [[2]]);
});

test('without running statistics the class evaluates with the batch', () => {
  const norm = new BatchNorm(1, { trackRunningStats: false, affine: false }).eval();
  assert.equal(Object.keys(norm.stateDict()), []);
  assertClose(norm.forward(tensor([[0], [2]])), [[-1], [1]], 1e-5);
});

test('the class holds what its options ask for', () => {
  const names = ['weight', 'bias', 'runningMean', 'runningVar', 'numBatchesTracked'];
  assert.equal(Object.keys(new BatchNorm(2).stateDict()), names);
  const norm = new BatchNorm(2);
  backward(sum(norm.forward(fromArray([1, 2, 3, 5], [2, 2]))));
  assert.equal(toArray(norm.bias!.grad!), [2, 2]);
});

test('the gradient in evaluation is dy weight rstd, whatever x is', () => {
  for (const shape of [[3, 2], [3, 2, 2]]) {
    const x = ones(shape, { dtype: 'float64', requiresGrad: true });
    x.data.set([NaN, Infinity, -Infinity]);
    const weight = tensor([2, -3], { dtype: 'float64' });
    const state = { ...batchNormState(2, { dtype: 'float64' }), runningVar: tensor([4, 9], { dtype: 'float64' }) };
    backward(sum(batchNorm(x, weight, null, state, { training: false, eps: 0 })));
    const inner = x.data.length / 6;
    assert.equal(Array.from(x.grad!.data), Array.from(x.data, (_, i) => (Math.floor(i / inner) % 2 === 0 ? 1 : -1)));
  }
});

test.run();
