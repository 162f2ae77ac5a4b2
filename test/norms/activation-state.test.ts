import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { ActNorm, actNorm, actNormDefinition, actNormInverse, actNormInverseDefinition, actNormState } from '../../src/norms/activation.ts';
import { activation } from '../../src/norms/catalog/activation.ts';
import { copy, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import { fresh, variants } from '../support/act-norm.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('activation-state');
const float64 = { dtype: 'float64' } as const;
const both = [actNorm, actNormDefinition];

test('the second call and all later ones leave the parameters alone, bit by bit', () => {
  for (const options of variants) {
    const norm = fresh(options);
    norm.forward(normal(new Random(1), [4, 3, 2], 5, 2, float64));
    const before = norm.parameters().map((p) => toArray(p));
    norm.forward(normal(new Random(2), [4, 3, 2], -3, 9, float64));
    norm.eval().forward(normal(new Random(3), [4, 3, 2], -3, 9, float64));
    norm.inverse(normal(new Random(4), [4, 3, 2], -3, 9, float64));
    assert.equal(norm.parameters().map((p) => toArray(p)), before);
  }
});

test('only a training call initializes: evaluation and the inverse use the parameters as they are', () => {
  const x = normal(new Random(5), [4, 3], 5, 2, float64);
  for (const options of variants) {
    const norm = fresh(options);
    for (const out of [norm.eval().forward(x), norm.inverse(x).x, norm.train().inverse(x).x]) assert.equal(toArray(out), toArray(x));
    assert.is(item(norm.state.initialized), 0);
    norm.forward(x);
    assert.is(item(norm.state.initialized), 1);
    assert.is.not(String(toArray(norm.forward(x))), String(toArray(x)));
  }
});

test('without a state nothing is set', () => {
  const weight = tensor([2], float64);
  assert.equal(toArray(actNorm(tensor([[1], [5]], float64), weight, tensor([1], float64)).y), [[3], [11]]);
  assert.equal(toArray(weight), [2]);
});

test('a constant channel gets the scale initScale / eps and comes out as 0, with a warning', () => {
  for (const norm of both) {
    const warnings: string[] = [];
    const weight = ones([2], float64);
    const { y } = norm(tensor([[3, 1], [3, 2]], float64), weight, zeros([2], float64), actNormState(float64), {
      eps: 0.25,
      warn: (message) => void warnings.push(message),
    });
    assert.is(weight.data[0], 4);
    assert.equal([y.data[0], y.data[2]], [0, 0]);
    assert.is(warnings.length, 1);
    assert.match(warnings[0]!, /channel 0 of the first batch is constant/);
  }
});

test('parameters that nothing has set are warned of in evaluation and in the inverse', () => {
  const warnings: string[] = [];
  const norm = fresh({ warn: (message) => void warnings.push(message) }).eval();
  norm.forward(ones([2, 3], float64));
  norm.inverse(ones([2, 3], float64));
  assert.is(warnings.length, 2);
  for (const message of warnings) assert.match(message, /the parameters have not been set; call it on a batch in training first/);
  norm.setParameters(ones([3]), ones([3]));
  norm.forward(ones([2, 3], float64));
  assert.is(warnings.length, 2);
});

test('one value per channel counts as constant; its unbiased variance is refused', () => {
  const x = tensor([[5, -2, 0]], float64);
  assertClose(fresh({ eps: 0.5 }).forward(x), [[0, 0, 0]], 1e-15);
  const norm = fresh({ unbiased: true });
  assertThrows(() => norm.forward(x), 'ShapeError', /two for the unbiased variance of the first batch, got x of shape \[1, 3\]/);
  norm.forward(normal(new Random(14), [4, 3], 0, 1, float64));
  assert.equal(norm.forward(x).shape, [1, 3]);
});

test('a first batch that would give parameters that are not finite is refused, and nothing is set', () => {
  for (const norm of both) {
    for (const [bad, eps] of [[NaN, 1e-6], [Infinity, 1e-6], [2, 0]] as const) {
      const held = [ones([2]), zeros([2]), actNormState()] as const;
      const x = tensor([[1, 2], [3, bad]]);
      assertThrows(() => norm(x, ...held, { eps }), 'RangeError', /the first batch must give finite parameters, got weight .* at channel 1/);
      assert.equal([toArray(held[0]), toArray(held[1])], [[1, 1], [0, 0]]);
      assert.is(item(held[2].initialized), 0);
    }
  }
});

test('the operation init sets the parameters again, whatever has been set before', () => {
  const x = tensor([[1], [3]], float64);
  for (const form of ['fused', 'definition'] as const) {
    const params = { weight: tensor([7], float64), bias: tensor([7], float64) };
    const state = { initialized: ones([], float64) };
    const call = { config: { eps: 0 }, params, state, mode: 'eval', inputs: { x } } as const;
    assertClose(activation.apply(form, { ...call, op: 'init' }).y!, [[-1], [1]], 1e-15);
    assert.equal([toArray(params.weight), toArray(params.bias), item(state.initialized)], [[1], [-2], 1]);
    assertThrows(() => activation.apply(form, { ...call, op: 'undo' }), 'RangeError', /the operations are init and inverse, got undo/);
  }
});

test('any sequence of training, evaluation, saving and loading keeps the state that the first training call gives', () => {
  checkStateful({
    make: (variant) => new ActNorm(2, { ...variants[variant]!, ...float64 }),
    variants: variants.length,
    initial: { initialized: [0] },
    step: (_state: PlainState): PlainState => ({ initialized: [1] }),
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('loading also loads that the parameters have been set', () => {
  const norm = fresh();
  norm.forward(normal(new Random(15), [4, 3], 3, 2, float64));
  const moved = fresh();
  moved.loadStateDict(norm.stateDict());
  const x = normal(new Random(16), [4, 3], -1, 5, float64);
  assert.equal(toArray(moved.train().forward(x)), toArray(norm.forward(x)));
});

test('parameters that are set by hand are not set again', () => {
  for (const [options, scale] of [[{}, 2], [{ parameterization: 'log', logscaleFactor: 2 }, Math.exp(4)]] as const) {
    const norm = fresh(options);
    norm.setParameters(tensor([2, 2, 2]), tensor([1, 2, 3]));
    assertClose(norm.forward(ones([2, 3], float64)), [[scale + 1, scale + 2, scale + 3], [scale + 1, scale + 2, scale + 3]], 1e-14);
    assertThrows(() => norm.setParameters(tensor([5, 5, 5]), tensor([1])), 'ShapeError', /bias/);
    assert.is(norm.parameters()[0]!.data[0], 2);
  }
});

test('a graph from before the first training call refuses to go backward through parameters that have been set since', () => {
  const norm = fresh();
  const x = normal(new Random(17), [4, 3], 3, 2, { ...float64, requiresGrad: true });
  const early = norm.eval().forward(x);
  norm.train().forward(x);
  assertThrows(() => backward(sum(early)), 'Error', /a value that actNorm needs for its gradient has been overwritten/);
});

test('bad input is refused, and nothing is set', () => {
  for (const norm of [...both, actNormInverse, actNormInverseDefinition]) {
    const held = [ones([3]), zeros([3]), actNormState()] as const;
    const x = ones([2, 3]);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.is(item(held[2].initialized), 0);
      assert.equal(toArray(held[0]), [1, 1, 1]);
    };
    attempt(() => norm(ones([3]), ...held), 'ShapeError', /rank at least 2, got shape \[3\]/);
    attempt(() => norm(ones([2, 4]), ...held), 'ShapeError', /weight must have shape \[4\] for x of shape \[2, 4\], got \[3\]/);
    attempt(() => norm(x, held[0], ones([2]), held[2]), 'ShapeError', /bias must have shape \[3\].*got \[2\]/);
    attempt(() => norm(zeros([0, 3]), ...held), 'ShapeError', /a channel must have a value.*got x of shape \[0, 3\]/);
    attempt(() => norm(zeros([2, 3, 0]), ...held), 'ShapeError', /a channel must have a value/);
    attempt(() => norm(x, held[0], ones([3], float64), held[2]), 'TypeError', /bias must have the dtype of x/);
    attempt(() => norm(x, held[0], held[1], { initialized: zeros([3]) }), 'ShapeError', /initialized must have shape \[\]/);
    for (const value of [-1, NaN, Infinity]) {
      attempt(() => norm(x, ...held, { eps: value }), 'RangeError', /eps must be finite and at least 0/);
      attempt(() => norm(x, ...held, { initScale: value }), 'RangeError', /initScale must be finite and above 0/);
      attempt(() => norm(x, ...held, { logscaleFactor: value }), 'RangeError', /logscaleFactor must be finite and above 0/);
    }
    attempt(() => norm(x, ...held, { initScale: 0 }), 'RangeError', /initScale must be finite and above 0, got 0/);
    attempt(() => norm(x, ...held, { order: 'shiftFirst' as 'biasFirst' }), 'RangeError', /order must be one of 'scaleFirst', 'biasFirst', got 'shiftFirst'/);
    attempt(() => norm(x, ...held, { parameterization: 'exp' as 'log' }), 'RangeError', /parameterization must be one of 'scale', 'log', got 'exp'/);
  }
  assertThrows(() => new ActNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new ActNorm(3, { eps: NaN }), 'RangeError', /ActNorm: eps/);
  for (const method of ['forward', 'inverse'] as const) {
    assertThrows(() => new ActNorm(3)[method](ones([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
  }
});

test('the class holds what its options ask for', () => {
  assert.equal(Object.keys(new ActNorm(2).stateDict()), ['weight', 'bias', 'initialized']);
  assert.equal(Object.keys(new ActNorm(2, { parameterization: 'log' }).stateDict()), ['logs', 'bias', 'initialized']);
  const norm = new ActNorm(2);
  const before = copy(norm.bias);
  backward(sum(norm.forward(tensor([[1, 2], [3, 5]]))));
  assert.equal(toArray(norm.bias.grad!), [2, 2]);
  assert.is.not(String(toArray(norm.bias)), String(toArray(before)));
});

test.run();
