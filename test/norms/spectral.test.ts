import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { Conv2d } from '../../src/nn/conv2d.ts';
import { Linear } from '../../src/nn/linear.ts';
import { bake, parametrize } from '../../src/nn/parametrize.ts';
import type { PowerState } from '../../src/norms/_power.ts';
import { SpectralNorm, spectralNorm, spectralNormDefinition } from '../../src/norms/spectral.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { svd } from '../../src/tensor/svd.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('spectral');
const float64 = { dtype: 'float64' } as const;
const forms = [spectralNorm, spectralNormDefinition];
const unit = (random: Random, length: number): Tensor => {
  const x = normal(random, [length], 0, 1, float64);
  const size = Math.sqrt(Array.from(x.data).reduce((total, value) => total + value * value, 0));
  return fromArray(x.data.map((value) => value / size), [length]);
};
const drawn = (seed: number, h = 3, w = 5): { weight: Tensor; state: PowerState } => {
  const random = new Random(seed);
  const weight = normal(random, [h, w], 0, 1, { ...float64, requiresGrad: true });
  return { weight, state: { u: unit(random, h), v: unit(random, w) } };
};
const copied = ({ u, v }: PowerState): PowerState => ({ u: fromArray(u.data.slice(), u.shape), v: fromArray(v.data.slice(), v.shape) });
const largest = (x: Tensor): number => svd(x.data, x.shape[0]!, x.data.length / x.shape[0]!).values[0]!;
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((total, value, i) => total + value * b[i]!, 0);

test('the worked example: v first, then u', () => {
  const weight = tensor([[3, 0], [0, 1]], { ...float64, requiresGrad: true });
  const state = { u: tensor([0.6, 0.8], float64), v: tensor([1, 0], float64) };
  assertClose(spectralNorm(weight, state), [[1.082503, 0], [0, 0.360834]], 1e-6);
  assertClose(state.u, [0.989203, 0.146549], 1e-6);
  assertClose(state.v, [0.913812, 0.406138], 1e-6);
  const exact = spectralNorm(weight, null, { mode: 'svd' });
  assertClose(exact, [[1, 0], [0, 1 / 3]], 1e-15);
  const [d] = grad([exact], [weight], { gradOutputs: [ones([2, 2], float64)] });
  assertClose(d!, [[-1 / 9, 1 / 3], [1 / 3, 1 / 3]], 1e-15);
});

test('mode svd makes the largest singular value 1; mode power makes u^T M v 1, converged or not', () => {
  const { weight, state } = drawn(1);
  assert.ok(Math.abs(largest(spectralNorm(weight, null, { mode: 'svd' })) - 1) < 1e-14);
  const result = spectralNorm(weight, state);
  let estimate = 0;
  for (let i = 0; i < 3; i++) for (let j = 0; j < 5; j++) estimate += state.u.data[i]! * result.data[5 * i + j]! * state.v.data[j]!;
  assert.ok(Math.abs(estimate - 1) < 1e-14);
});

test('the gradient stands across the weight, in both modes', () => {
  const { weight, state } = drawn(2);
  for (const [held, mode] of [[state, 'power'], [null, 'svd']] as const) {
    const dy = normal(new Random(3), [3, 5], 0, 1, float64);
    const [d] = grad([spectralNorm(weight, held, { mode })], [weight], { gradOutputs: [dy] });
    assert.ok(Math.abs(dot(d!.data, weight.data)) < 1e-13);
  }
});

test('a positive scale changes neither the result nor the vectors, and divides the gradient', () => {
  const { weight, state } = drawn(4);
  const other = copied(state);
  const scaled = fromArray(weight.data.map((value) => 4 * value), weight.shape, { requiresGrad: true });
  const [a, b] = [spectralNorm(weight, state), spectralNorm(scaled, other)];
  assertClose(b, toArray(a), 1e-14);
  assertClose(other.u, toArray(state.u), 1e-14);
  const dy = ones([3, 5], float64);
  const [da] = grad([a], [weight], { gradOutputs: [dy] });
  const [db] = grad([b], [scaled], { gradOutputs: [dy] });
  assertClose(fromArray(db!.data.map((value) => 4 * value), [3, 5]), toArray(da!), 1e-14);
});

test('training calls on one weight raise the estimate to the largest singular value, and never above it', () => {
  const { weight, state } = drawn(5);
  const sigma = largest(weight);
  let last = 0;
  for (let call = 0; call < 60; call++) {
    const estimate = weight.data[0]! / spectralNorm(weight, state).data[0]!;
    assert.ok(estimate >= last - 1e-14 && estimate <= sigma * (1 + 1e-14), `${last}, ${estimate}, ${sigma}`);
    last = estimate;
  }
  assert.ok(Math.abs(last - sigma) < 1e-9 * sigma);
});

test('once converged, both modes give the same result and the same gradient', () => {
  const { weight, state } = drawn(6);
  spectralNorm(weight, state, { nPowerIterations: 300 });
  const power = spectralNorm(weight, state, { training: false });
  const exact = spectralNorm(weight, null, { mode: 'svd' });
  assertClose(power, toArray(exact), 1e-12);
  const dy = normal(new Random(7), [3, 5], 0, 1, float64);
  const [a] = grad([power], [weight], { gradOutputs: [dy] });
  const [b] = grad([exact], [weight], { gradOutputs: [dy] });
  assertClose(a!, toArray(b!), 1e-12);
});

test('a weight of rank one is exact after one step', () => {
  const weight = fromArray(Float64Array.from({ length: 12 }, (_, i) => (Math.floor(i / 4) + 1) * ((i % 4) - 2)), [3, 4]);
  const state = { u: unit(new Random(8), 3), v: unit(new Random(9), 4) };
  assert.ok(Math.abs(largest(spectralNorm(weight, state)) - 1) < 1e-14);
});

test('with one row or one column sigma is the length of the vector after one step', () => {
  for (const shape of [[1, 4], [4, 1], [4]]) {
    const weight = fromArray(Float64Array.of(1, 2, 2, 4), shape);
    const [h, w] = shape.length === 1 ? [4, 1] : (shape as [number, number]);
    const result = spectralNorm(weight, { u: unit(new Random(1), h), v: unit(new Random(2), w) });
    assertClose(result, fromArray(Float64Array.of(0.2, 0.4, 0.4, 0.8), shape), 1e-14);
  }
});

test('mode svd: once is enough, orthogonal maps pass through, and the Frobenius norm is between 1 and sqrt(min(h, w))', () => {
  const { weight } = drawn(10);
  const once = spectralNorm(weight, null, { mode: 'svd' });
  assertClose(spectralNorm(once, null, { mode: 'svd' }), toArray(once), 1e-14);
  const turned = fromArray(Float64Array.from([...weight.data].slice(10).concat([...weight.data].slice(0, 10).map((value) => -value))), [3, 5]);
  const want = [...once.data].slice(10).concat([...once.data].slice(0, 10).map((value) => -value));
  assertClose(spectralNorm(turned, null, { mode: 'svd' }), fromArray(Float64Array.from(want), [3, 5]), 1e-14);
  const frobenius = Math.sqrt(dot(once.data, once.data));
  assert.ok(frobenius >= 1 && frobenius <= Math.sqrt(3));
});

test('evaluation leaves the vectors alone, bit by bit, and still gives a gradient', () => {
  const { weight, state } = drawn(11);
  const before = [...state.u.data, ...state.v.data];
  const result = spectralNorm(weight, state, { training: false });
  assert.equal([...state.u.data, ...state.v.data], before);
  backward(sum(result));
  assert.ok(weight.grad!.data.some((value: number) => value !== 0));
});

test('each forward goes backward with the vectors it had', () => {
  const { weight, state } = drawn(12);
  const other = copied(state);
  const dy = normal(new Random(13), [3, 5], 0, 1, float64);
  const [alone] = grad([spectralNorm(weight, other)], [weight], { gradOutputs: [dy] });
  const first = spectralNorm(weight, state);
  spectralNorm(weight, state);
  assert.equal(toArray(grad([first], [weight], { gradOutputs: [dy] })[0]!), toArray(alone!));
});

test('a weight of zeros gives zeros and a gradient over eps, keeps the vectors, and does no lasting harm', () => {
  for (const norm of forms) {
    const { weight, state } = drawn(14);
    const before = toArray(state.u);
    const nothing = zeros([3, 5], { ...float64, requiresGrad: true });
    const result = norm(nothing, state, { eps: 1e-3 });
    assert.ok(result.data.every((value: number) => value === 0));
    assert.equal(toArray(state.u), before);
    assertClose(grad([result], [nothing], { gradOutputs: [ones([3, 5], float64)] })[0]!, fromArray(new Float64Array(15).fill(1000), [3, 5]), 1e-12);
    assert.ok(norm(weight, state).data.every(Number.isFinite));
  }
});

test('a weight that is not finite does not reach the vectors', () => {
  const { state } = drawn(15);
  const bad = fromArray(new Float64Array(15).fill(NaN), [3, 5]);
  assert.ok(spectralNorm(bad, state).data.every(Number.isNaN));
  assert.ok([...state.u.data, ...state.v.data].every(Number.isFinite));
});

test('a sign of the estimate is kept in evaluation with vectors that never moved', () => {
  const weight = tensor([[2, 0], [0, 1]], float64);
  const state = { u: tensor([1, 0], float64), v: tensor([-1, 0], float64) };
  assert.equal(toArray(spectralNorm(weight, state, { training: false })), [[-1, -0], [-0, -0.5]]);
});

test('huge float32 weights do not overflow', () => {
  const weight = tensor([[3e25, 0], [0, 1e25]]);
  assertClose(spectralNorm(weight, null, { mode: 'svd' }), [[1, 0], [0, 1 / 3]], 1e-6);
});

test('bad input is refused, and the vectors stay as they were', () => {
  for (const norm of forms) {
    const { weight, state } = drawn(16);
    const before = toArray(state.u);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal(toArray(state.u), before);
    };
    attempt(() => norm(weight), 'TypeError', /mode 'power' needs a state \{u, v\}, got none/);
    attempt(() => norm(weight, { u: state.v, v: state.v }), 'ShapeError', /u must have shape \[3\].*got \[5\]/);
    attempt(() => norm(weight, state, { dim: 1 }), 'ShapeError', /u must have shape \[5\]/);
    attempt(() => norm(weight, state, { dim: 2 }), 'RangeError', /axis must be an integer in \[-2, 1\]/);
    attempt(() => norm(weight, state, { eps: 0 }), 'RangeError', /eps must be finite and above 0/);
    attempt(() => norm(weight, state, { mode: 'exact' as 'svd' }), 'RangeError', /mode must be 'power' or 'svd', got exact/);
    for (const nPowerIterations of [0, 1.5]) attempt(() => norm(weight, state, { nPowerIterations }), 'RangeError', /nPowerIterations must be a positive integer/);
    attempt(() => norm(tensor(3, float64), state), 'ShapeError', /weight must have an axis and elements, got shape \[\]/);
  }
  assertThrows(() => new SpectralNorm({ warmupIterations: -1 }), 'RangeError', /warmupIterations must be an integer of at least 0, got -1/);
});

test('a linear layer with mode svd is 1-Lipschitz', () => {
  const layer = parametrize(new Linear(4, 4, { random: new Random(1), bias: false, dtype: 'float64' }), new SpectralNorm({ mode: 'svd' }));
  const x = normal(new Random(2), [20, 4], 0, 1, float64);
  const y = layer.forward(x);
  for (let row = 0; row < 20; row++) {
    const length = (t: Tensor): number => Math.sqrt(dot(t.data.slice(4 * row, 4 * row + 4), t.data.slice(4 * row, 4 * row + 4)));
    assert.ok(length(y) <= length(x) * (1 + 1e-14));
  }
});

test('in a layer: warmed up at the start, moved by training forwards only, saved, loaded and baked', () => {
  const make = (): Conv2d => parametrize(new Conv2d(2, 3, { kernelSize: 3, random: new Random(3) }), new SpectralNorm());
  const layer = make();
  const keys = ['bias', 'parametrizations.weight.0.u', 'parametrizations.weight.0.v', 'parametrizations.weight.original'];
  assert.equal(Object.keys(layer.stateDict()).sort(), keys);
  assert.ok(Math.abs(largest(layer.eval().weight) - 1) < 0.05);
  const x = normal(new Random(4), [1, 2, 5, 5]);
  const at = (): unknown => toArray(layer.stateDict()['parametrizations.weight.0.u']!);
  const before = at();
  layer.forward(x);
  assert.equal(at(), before);
  layer.train().forward(x);
  assert.is.not(String(at()), String(before));
  const other = make();
  other.loadStateDict(layer.stateDict());
  assert.equal(toArray(other.eval().forward(x)), toArray(layer.eval().forward(x)));
  const want = toArray(layer.forward(x));
  assert.equal(toArray(bake(layer).forward(x)), want);
});

test.run();
