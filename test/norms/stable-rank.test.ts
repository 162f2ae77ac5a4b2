import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { permute } from '../../src/autograd/permute.ts';
import { Conv2d } from '../../src/nn/conv2d.ts';
import { Linear } from '../../src/nn/linear.ts';
import { parametrize } from '../../src/nn/parametrize.ts';
import type { PowerState } from '../../src/norms/_power.ts';
import { spectralNorm } from '../../src/norms/spectral.ts';
import { StableRankNorm, stableRankNorm, stableRankNormDefinition } from '../../src/norms/stable-rank.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { svd } from '../../src/tensor/svd.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('stable-rank');
const float64 = { dtype: 'float64' } as const;
const forms = [stableRankNorm, stableRankNormDefinition];
const unit = (random: Random, length: number): Tensor => {
  const x = normal(random, [length], 0, 1, float64);
  const size = Math.sqrt(Array.from(x.data).reduce((total, value) => total + value * value, 0));
  return fromArray(x.data.map((value) => value / size), [length]);
};
const drawn = (seed: number, h = 4, w = 5): { weight: Tensor; state: PowerState; dy: Tensor } => {
  const random = new Random(seed);
  return {
    weight: normal(random, [h, w], 0, 1, { ...float64, requiresGrad: true }),
    state: { u: unit(random, h), v: unit(random, w) },
    dy: normal(random, [h, w], 0, 1, float64),
  };
};
const values = (x: Tensor): number[] => [...svd(x.data, x.shape[0]!, x.data.length / x.shape[0]!).values];
const squares = (x: Tensor): number => Array.from(x.data).reduce((total, value) => total + value * value, 0);
const stableRank = (x: Tensor): number => squares(x) / values(x)[0]! ** 2;
const dot = (a: Tensor, b: Tensor): number => Array.from(a.data).reduce((total, value, i) => total + value * b.data[i]!, 0);
const distance = (a: Tensor, b: Tensor): number => Math.sqrt(Array.from(a.data).reduce((total, value, i) => total + (value - b.data[i]!) ** 2, 0));

test('the worked example, for every k', () => {
  const weight = tensor([[2, 0, 0], [0, 1.2, 0], [0, 0, 1]], float64);
  const want = [[2.134234, 1.036951, 0.864126, 0.2511], [2, 0.971732, 0.809776, 0.2971], [2, 1.2, 0.4, 0.6]];
  want.forEach(([a, b, c, away], k) => {
    const result = stableRankNorm(weight, null, { mode: 'svd', rank: 1.4, k, spectral: false });
    assertClose(result, [[a!, 0, 0], [0, b!, 0], [0, 0, c!]], 1e-6);
    assert.ok(Math.abs(distance(result, weight) - away!) < 1e-4);
    assert.ok(Math.abs(stableRank(result) - 1.4) < 1e-12);
  });
});

test('mode power: the squares sum to the rank asked for and u^T result v is 1, converged or not', () => {
  const { weight, state } = drawn(1);
  const result = stableRankNorm(weight, state, { rank: 1.5 });
  assert.ok(Math.abs(squares(result) - 1.5) < 1e-13);
  let estimate = 0;
  for (let i = 0; i < 4; i++) for (let j = 0; j < 5; j++) estimate += state.u.data[i]! * result.data[5 * i + j]! * state.v.data[j]!;
  assert.ok(Math.abs(estimate - 1) < 1e-14);
  assert.ok(stableRank(result) <= 1.5 + 1e-12);
});

test('mode svd: the stable rank is the one asked for, and the kept singular values are as they were', () => {
  const { weight } = drawn(2);
  const before = values(weight);
  const own = stableRank(weight);
  for (const [k, rank] of [[1, 1 + (own - 1) / 2], [2, (own + (before[0]! ** 2 + before[1]! ** 2) / before[0]! ** 2) / 2]] as const) {
    const result = stableRankNorm(weight, null, { mode: 'svd', rank, k, spectral: false });
    assert.ok(Math.abs(stableRank(result) - rank) < 1e-12);
    for (let i = 0; i < k; i++) assert.ok(Math.abs(values(result)[i]! - before[i]!) < 1e-12);
  }
});

test('a larger k moves the weight further, and once is enough', () => {
  const { weight } = drawn(3);
  let last = 0;
  for (const k of [0, 1, 2, 3]) {
    const options = { mode: 'svd', rank: 2, k, spectral: false } as const;
    const result = stableRankNorm(weight, null, options);
    const away = distance(result, weight);
    assert.ok(away >= last - 1e-12);
    last = away;
    assertClose(stableRankNorm(result, null, { ...options, rank: 2 + 1e-9 }), toArray(result), 1e-8);
  }
});

test('more singular values than the rank allows are not kept', () => {
  const weight = tensor([[1, 0, 0], [0, 0.99, 0], [0, 0, 0.98]], float64);
  const options = { mode: 'svd', rank: 1.5, spectral: false } as const;
  assertClose(stableRankNorm(weight, null, { ...options, k: 3 }), toArray(stableRankNorm(weight, null, { ...options, k: 1 })), 1e-14);
});

test('spectral, k 0 and k 1 are the same; the gradient stands across the weight', () => {
  const { weight, state, dy } = drawn(4);
  for (const mode of ['svd', 'power'] as const) {
    const [a, b] = [0, 1].map((k) => stableRankNorm(weight, state, { mode, rank: 1.5, k, training: false }));
    assertClose(a!, toArray(b!), 1e-13);
    const [d] = grad([b!], [weight], { gradOutputs: [dy] });
    assert.ok(Math.abs(dot(d!, weight)) < 1e-12);
  }
});

test('not spectral, it goes with a positive scale, and the gradient with Euler', () => {
  const { weight, state, dy } = drawn(5);
  const scaled = fromArray(weight.data.map((value) => 3 * value), weight.shape);
  for (const mode of ['svd', 'power'] as const) {
    for (const k of [0, 1]) {
      const options = { mode, rank: 1.5, k, spectral: false, training: false } as const;
      const result = stableRankNorm(weight, state, options);
      assertClose(stableRankNorm(scaled, state, options), fromArray(result.data.map((value) => 3 * value), [4, 5]), 1e-13);
      const [d] = grad([result], [weight], { gradOutputs: [dy] });
      assert.ok(Math.abs(dot(d!, weight) - dot(dy, result)) < 1e-11);
    }
  }
});

test('mode power, active: the gradient stands across u v^T and across the rest', () => {
  const { weight, state, dy } = drawn(6);
  const result = stableRankNorm(weight, state, { rank: 1.5, training: false });
  const [d] = grad([result], [weight], { gradOutputs: [dy] });
  let along = 0;
  for (let i = 0; i < 4; i++) for (let j = 0; j < 5; j++) along += d!.data[5 * i + j]! * state.u.data[i]! * state.v.data[j]!;
  assert.ok(Math.abs(along) < 1e-13);
});

test('a rank that is there already changes nothing, or leaves spectral norm', () => {
  const { weight, state } = drawn(7);
  const exact = { mode: 'svd', rank: 4 } as const;
  assert.equal(toArray(stableRankNorm(weight, null, { ...exact, spectral: false })), toArray(weight));
  assertClose(stableRankNorm(weight, null, exact), toArray(spectralNorm(weight, null, { mode: 'svd' })), 1e-15);
  const held = { training: false };
  assert.equal(toArray(stableRankNorm(weight, state, { ...held, rankRatio: 1 })), toArray(spectralNorm(weight, state, held)));
});

test('rankRatio is a part of the smaller side, and at least 1 is asked for', () => {
  const { weight } = drawn(8);
  const exact = { mode: 'svd', spectral: false } as const;
  assert.equal(toArray(stableRankNorm(weight, null, { ...exact, rankRatio: 0.5 })), toArray(stableRankNorm(weight, null, { ...exact, rank: 2 })));
  assert.ok(Math.abs(stableRank(stableRankNorm(weight, null, { ...exact, rankRatio: 0.1 })) - 1) < 1e-12);
});

test('one row or one column gives spectral norm, where the published code takes the root of a negative number', () => {
  const weight = tensor([[3, 4]], float64);
  for (const norm of forms) {
    const state = { u: tensor([1], float64), v: tensor([0.6, 0.8], float64) };
    assertClose(norm(weight, state, { rankRatio: 0.7 }), [[0.6, 0.8]], 1e-15);
  }
});

test('converged, both modes give the same result for k up to 1', () => {
  const { weight, state } = drawn(9);
  spectralNorm(weight, state, { nPowerIterations: 500 });
  for (const k of [0, 1]) {
    const power = stableRankNorm(weight, state, { rank: 1.5, k, spectral: false, training: false });
    assertClose(power, toArray(stableRankNorm(weight, null, { mode: 'svd', rank: 1.5, k, spectral: false })), 1e-11);
  }
});

test('along another axis it is the same of the transpose, also for kernels', () => {
  const random = new Random(10);
  const weight = normal(random, [3, 4, 2], 0, 1, float64);
  const turned = permute(weight, [1, 0, 2]);
  const exact = { mode: 'svd', rank: 1.5 } as const;
  const want = permute(stableRankNorm(turned, null, exact), [1, 0, 2]);
  assertClose(stableRankNorm(weight, null, { ...exact, dim: 1 }), toArray(want), 1e-14);
});

test('evaluation leaves the vectors alone, and each forward goes backward with its own', () => {
  const { weight, state, dy } = drawn(11);
  const before = [...state.u.data, ...state.v.data];
  stableRankNorm(weight, state, { rank: 1.5, training: false });
  assert.equal([...state.u.data, ...state.v.data], before);
  const first = stableRankNorm(weight, state, { rank: 1.5 });
  const held = { u: fromArray(state.u.data.slice(), [4]), v: fromArray(state.v.data.slice(), [5]) };
  stableRankNorm(weight, state, { rank: 1.5 });
  const alone = stableRankNorm(weight, held, { rank: 1.5, training: false });
  assert.equal(toArray(grad([first], [weight], { gradOutputs: [dy] })[0]!), toArray(grad([alone], [weight], { gradOutputs: [dy] })[0]!));
});

test('a weight of zeros gives zeros, with the gradient over eps when spectral, and keeps the vectors', () => {
  for (const norm of forms) {
    const { state } = drawn(12);
    const before = toArray(state.u);
    for (const [spectral, want] of [[true, 1000], [false, 1]] as const) {
      const weight = zeros([4, 5], { ...float64, requiresGrad: true });
      const result = norm(weight, state, { rank: 1.5, eps: 1e-3, spectral });
      assert.ok(result.data.every((value: number) => value === 0));
      assertClose(grad([result], [weight], { gradOutputs: [ones([4, 5], float64)] })[0]!, fromArray(new Float64Array(20).fill(want), [4, 5]), 1e-12);
    }
    assert.equal(toArray(state.u), before);
  }
});

test('a weight that is not finite does not reach the vectors', () => {
  const { state } = drawn(13);
  assert.ok(stableRankNorm(fromArray(new Float64Array(20).fill(NaN), [4, 5]), state, { rank: 1.5 }).data.every(Number.isNaN));
  assert.ok([...state.u.data, ...state.v.data].every(Number.isFinite));
});

test('bad input is refused, and the vectors stay as they were', () => {
  for (const norm of forms) {
    const { weight, state } = drawn(14);
    const before = toArray(state.u);
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal(toArray(state.u), before);
    };
    attempt(() => norm(weight, state), 'RangeError', /exactly one of rank and rankRatio must be given, got null and null/);
    attempt(() => norm(weight, state, { rank: 2, rankRatio: 0.5 }), 'RangeError', /exactly one.*got 2 and 0.5/);
    attempt(() => norm(weight, state, { rank: 0.5 }), 'RangeError', /rank must be finite and at least 1.*got 0.5/);
    attempt(() => norm(weight, state, { rankRatio: 1.5 }), 'RangeError', /rankRatio must be in \(0, 1\], got 1.5/);
    attempt(() => norm(weight, state, { rank: 2, k: 2 }), 'RangeError', /0 or 1 in mode 'power', got 2; use mode 'svd'/);
    attempt(() => norm(weight, state, { rank: 2, k: -1 }), 'RangeError', /k must be an integer of at least 0/);
    attempt(() => norm(weight, null, { rank: 2 }), 'TypeError', /needs a state/);
    attempt(() => norm(weight, { u: state.v, v: state.v }, { rank: 2 }), 'ShapeError', /u must have shape \[4\]/);
    attempt(() => norm(weight, state, { rank: 2, eps: -1 }), 'RangeError', /eps must be finite and above 0/);
  }
  assertThrows(() => new StableRankNorm(), 'RangeError', /StableRankNorm: exactly one/);
});

test('in a layer: saved with its vectors, moved by training forwards only', () => {
  const layer = parametrize(new Conv2d(2, 4, { kernelSize: 3, random: new Random(3) }), new StableRankNorm({ rankRatio: 0.5 }));
  assert.ok(Object.keys(layer.stateDict()).includes('parametrizations.weight.0.u'));
  const at = (): string => String(toArray(layer.stateDict()['parametrizations.weight.0.u']!));
  const before = at();
  const x = normal(new Random(4), [1, 2, 5, 5]);
  layer.eval().forward(x);
  assert.is(at(), before);
  layer.train().forward(x);
  assert.is.not(at(), before);
  const exact = parametrize(new Linear(6, 4, { random: new Random(5) }), new StableRankNorm({ rank: 1.5, mode: 'svd' }));
  assert.ok(Math.abs(stableRank(exact.weight) - 1.5) < 1e-5);
});

test.run();
