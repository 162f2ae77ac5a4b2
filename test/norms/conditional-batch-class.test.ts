/** Conditional batch norm as a class: what it holds, what it begins with, what it carries. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { Module } from '../../src/nn/module.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { ConditionalBatchNorm, conditionalBatchNorm, conditionalBatchNormState } from '../../src/norms/conditional-batch.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('conditional batch class');
const float64 = { dtype: 'float64' } as const;
const direct = { conditioning: 'direct' } as const;
const lookup = { conditioning: 'lookup' } as const;

test('the class holds what its options ask for', () => {
  const mlp = { embeddingSize: 3, hiddenSize: 5, random: new Random(1) };
  const names = (norm: ConditionalBatchNorm): string[] => Object.keys(norm.stateDict());
  const network = (role: string): string[] => [`${role}HiddenWeight`, `${role}HiddenBias`, `${role}OutWeight`];
  const running = ['runningMean', 'runningVar'];
  assert.equal(names(new ConditionalBatchNorm(2, mlp)), ['weight', 'bias', ...network('gamma'), ...network('beta'), ...running]);
  assert.equal(
    names(new ConditionalBatchNorm(2, { ...mlp, outputBias: true, useBeta: false, trackRunningStats: false })),
    ['weight', 'bias', ...network('gamma'), 'gammaOutBias'],
  );
  assert.equal(names(new ConditionalBatchNorm(2, { ...mlp, useGamma: false, outputBias: true })), ['weight', 'bias', ...network('beta'), 'betaOutBias', ...running]);
  assert.equal(names(new ConditionalBatchNorm(2, direct)), ['weight', 'bias', ...running]);
  const classes = new ConditionalBatchNorm(2, { ...lookup, numClasses: 3 });
  assert.equal([toArray(classes.weight), toArray(classes.bias)], [[[1, 1], [1, 1], [1, 1]], [[0, 0], [0, 0], [0, 0]]]);
  assert.ok(classes.weight.requiresGrad && new ConditionalBatchNorm(2, direct).bias.requiresGrad);
  const frozen = new ConditionalBatchNorm(2, mlp);
  assert.ok(!frozen.weight.requiresGrad && !frozen.bias.requiresGrad && frozen.gammaOutWeight!.requiresGrad);
  assert.ok(new ConditionalBatchNorm(2, { ...mlp, frozenAffine: false }).weight.requiresGrad);
  assert.ok(frozen.gammaHiddenWeight!.data.some((w) => w !== frozen.betaHiddenWeight!.data[0]));
});

test('the class does what the function does with its options', () => {
  const x = normal(new Random(2), [3, 2, 4], 1, 2, float64);
  const embedding = normal(new Random(3), [3, 3], 0, 1, float64);
  const norm = new ConditionalBatchNorm(2, { embeddingSize: 3, hiddenSize: 5, random: new Random(1), eps: 0.5, momentum: 0.25, ...float64 });
  const state = conditionalBatchNormState(2, float64);
  for (const training of [true, false]) {
    norm.train(training);
    const want = conditionalBatchNorm(x, embedding, norm, state, { eps: 0.5, momentum: 0.25, training });
    assert.equal(toArray(norm.forward(x, embedding)), toArray(want));
    assert.equal(toArray(norm.state!.runningMean), toArray(state.runningMean));
  }
  norm.unfreeze();
  backward(sum(norm.forward(x, embedding)));
  assert.is(norm.weight.grad, null);
  assert.ok(norm.betaOutWeight!.grad);
});

test('zeroInitOut begins exactly at the batch norm whose weight and bias it has', () => {
  const x = normal(new Random(2), [3, 2, 4], 1, 2);
  const norm = new ConditionalBatchNorm(2, { embeddingSize: 3, hiddenSize: 5, random: new Random(1), zeroInitOut: true });
  norm.weight.data.set([2, -3]);
  norm.bias.data.set([1, 0.5]);
  assertClose(norm.forward(x, normal(new Random(3), [3, 3])), batchNorm(x, tensor([2, -3]), tensor([1, 0.5])), 1e-6);
});

test('a class that lacks what its conditioning needs is not made', () => {
  const mlp = { embeddingSize: 3, hiddenSize: 5, random: new Random(1) };
  const { random: _random, ...without } = mlp;
  assertThrows(() => new ConditionalBatchNorm(0, mlp), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new ConditionalBatchNorm(2), 'RangeError', /embeddingSize must be a positive integer/);
  assertThrows(() => new ConditionalBatchNorm(2, { ...mlp, hiddenSize: 0 }), 'RangeError', /hiddenSize must be a positive integer, got 0/);
  assertThrows(() => new ConditionalBatchNorm(2, without), 'TypeError', /random must be a generator/);
  assertThrows(() => new ConditionalBatchNorm(2, lookup), 'RangeError', /numClasses must be a positive integer/);
  assertThrows(() => new ConditionalBatchNorm(2, { ...direct, eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => new ConditionalBatchNorm(2, { ...direct, momentum: 2 }), 'RangeError', /momentum/);
  assertThrows(() => new ConditionalBatchNorm(2, { conditioning: 'film' as 'direct' }), 'RangeError', /conditioning/);
  const norm = new ConditionalBatchNorm(2, direct);
  assertThrows(() => norm.forward(zeros([2, 3]), { deltaWeight: zeros([2, 3]), deltaBias: zeros([2, 3]) }), 'ShapeError', /x must have 2 channels at axis 1/);
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const momenta = [0.1, 1, 0] as const;
  /** The norm with the label 1 for every sample. */
  class Fixed extends Module {
    readonly norm: ConditionalBatchNorm;
    constructor(momentum: number) {
      super();
      this.norm = new ConditionalBatchNorm(2, { ...lookup, numClasses: 2, momentum, ...float64 });
    }
    forward(x: Tensor): Tensor {
      return this.norm.forward(x, new Array<number>(x.shape[0]!).fill(1));
    }
  }
  const step = (state: PlainState, x: { shape: readonly number[]; data: ArrayLike<number> }, variant: number): PlainState => {
    const inner = sizeOf(x.shape.slice(2));
    const count = x.shape[0]! * inner;
    const f = momenta[variant]!;
    const channel = (c: number): number[] => Array.from(x.data).filter((_, i) => Math.floor(i / inner) % 2 === c);
    const mean = [0, 1].map((c) => channel(c).reduce((a, b) => a + b, 0) / count);
    const variance = [0, 1].map((c) => channel(c).reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / (count - 1));
    return {
      'norm.runningMean': mean.map((m, c) => (1 - f) * state['norm.runningMean']![c]! + f * m),
      'norm.runningVar': variance.map((v, c) => (1 - f) * state['norm.runningVar']![c]! + f * v),
    };
  };
  checkStateful({
    make: (variant) => new Fixed(momenta[variant]!),
    variants: momenta.length,
    initial: { 'norm.runningMean': [0, 0], 'norm.runningVar': [1, 1] },
    step,
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test.run();
