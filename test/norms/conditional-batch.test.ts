import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import {
  conditionalBatchNorm,
  conditionalBatchNormDefinition,
  conditionalBatchNormState,
} from '../../src/norms/conditional-batch.ts';
import { conditionalInstanceNorm } from '../../src/norms/conditional-instance.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { epsilons, gridTensor } from '../support/tensor-arbitrary.ts';

const test = suite('conditional batch');
const float64 = { dtype: 'float64' } as const;
const leaf = { ...float64, requiresGrad: true } as const;
const direct = { conditioning: 'direct' } as const;
const lookup = { conditioning: 'lookup' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => {
    const like = { dtype: x.dtype };
    const [samples, channels] = x.shape as [number, number];
    const none = { deltaWeight: zeros([samples, channels], like), deltaBias: zeros([samples, channels], like) };
    return conditionalBatchNorm(x, none, { weight: ones([channels], like), bias: zeros([channels], like) }, null, { ...direct, eps });
  },
  shapes: { minRank: 2, maxRank: 4, fits: (shape) => sizeOf(shape) / shape[1]! >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))) % shape[1]!,
});

/** 3 samples of 2 channels and 4 positions, an embedding of 3 numbers, networks of 5 hidden units. */
function given(seed = 1) {
  const random = new Random(seed);
  const draw = (...shape: readonly number[]): Tensor => normal(random, shape, 0, 1, leaf);
  const parameters = {
    weight: draw(2), bias: draw(2),
    gammaHiddenWeight: draw(5, 3), gammaHiddenBias: draw(5), gammaOutWeight: draw(2, 5), gammaOutBias: draw(2),
    betaHiddenWeight: draw(5, 3), betaHiddenBias: draw(5), betaOutWeight: draw(2, 5), betaOutBias: draw(2),
  };
  return { x: normal(random, [3, 2, 4], 2, 3, leaf), embedding: draw(3, 3), dy: normal(random, [3, 2, 4], 0, 1, float64), parameters };
}

/** Deltas with the given rows for all samples of a batch of 3. */
function same(weight: readonly number[], bias: readonly number[]): { deltaWeight: Tensor; deltaBias: Tensor } {
  return { deltaWeight: tensor([weight, weight, weight], float64), deltaBias: tensor([bias, bias, bias], float64) };
}

function rows(x: Tensor, order: readonly number[]): Tensor {
  const size = sizeOf(x.shape.slice(1));
  const data = Float64Array.from(order.flatMap((n) => [...x.data.slice(n * size, (n + 1) * size)]));
  return fromArray(data, [order.length, ...x.shape.slice(1)]);
}

test('without changes it is batch norm, running statistics included; an equal change for all adds to weight and bias', () => {
  const { x } = given();
  const base = { weight: tensor([2, -1], float64), bias: tensor([0.5, 3], float64) };
  const changed = { weight: tensor([2.25, -3], float64), bias: tensor([1.5, 3.5], float64) };
  const cases = [
    { deltas: same([0, 0], [0, 0]), equal: base },
    { deltas: same([0.25, -2], [1, 0.5]), equal: changed },
  ];
  for (const { deltas, equal } of cases) {
    const state = conditionalBatchNormState(2, float64);
    const plain = { ...conditionalBatchNormState(2, float64), numBatchesTracked: zeros([], float64) };
    for (const training of [true, false]) {
      const y = conditionalBatchNorm(x, deltas, base, state, { ...direct, training, momentum: 0.3 });
      assertClose(y, batchNorm(x, equal.weight, equal.bias, plain, { training, momentum: 0.3 }), 1e-14);
      assert.equal([toArray(state.runningMean), toArray(state.runningVar)], [toArray(plain.runningMean), toArray(plain.runningVar)]);
    }
  }
});

test('one class is batch norm, gradients included', () => {
  const { x, dy } = given(2);
  const [weight, bias] = [tensor([2, -1], leaf), tensor([0.5, 3], leaf)];
  const tables = { weight: tensor([[2, -1]], leaf), bias: tensor([[0.5, 3]], leaf) };
  const y = conditionalBatchNorm(x, [0, 0, 0], tables, null, lookup);
  const want = batchNorm(x, weight, bias);
  assertClose(y, want, 1e-15);
  const wanted = grad([want], [x, weight, bias], { gradOutputs: [dy] });
  const found = grad([y], [x, tables.weight, tables.bias], { gradOutputs: [dy] });
  assertClose(found[0]!, wanted[0]!, 1e-13);
  assertClose(found[1]!, [toArray(wanted[1]!)], 1e-13);
  assertClose(found[2]!, [toArray(wanted[2]!)], 1e-13);
});

test('the networks are relu(e W1^T + b1) W2^T + b2, one for the scale and one for the shift', () => {
  const x = tensor([[1], [3]], float64);
  const parameters = {
    weight: tensor([10], float64), bias: tensor([100], float64),
    gammaHiddenWeight: tensor([[1, 0], [0, -1]], float64), gammaHiddenBias: tensor([1, -1], float64), gammaOutWeight: tensor([[2, 5]], float64),
    betaHiddenWeight: tensor([[1, 1]], float64), betaHiddenBias: tensor([0.5], float64), betaOutWeight: tensor([[4]], float64), betaOutBias: tensor([0.25], float64),
  };
  // sample 0: hidden [2, 0] and 3.5;  sample 1: hidden [0, 2] and 0
  const y = conditionalBatchNorm(x, tensor([[1, 2], [-4, -3]], float64), parameters, null, { eps: 0 });
  assert.equal(toArray(y), [[-(10 + 4) + 100 + 14 + 0.25], [10 + 10 + 100 + 0.25]]);
});

test('a network that is absent changes nothing', () => {
  const { x, embedding, parameters } = given(3);
  const { weight, bias } = parameters;
  const want = conditionalBatchNorm(x, same([0, 0], [0, 0]), { weight, bias }, null, direct);
  assert.equal(toArray(conditionalBatchNorm(x, embedding, { weight, bias })), toArray(want));
  const { gammaHiddenWeight, gammaHiddenBias, gammaOutWeight } = parameters;
  const scaled = conditionalBatchNorm(x, embedding, { weight, bias, gammaHiddenWeight, gammaHiddenBias, gammaOutWeight });
  const [mean, expected] = [scaled, want].map((y) => sum(y, { axis: 2 }));
  assert.ok(mean!.data.some((m, i) => Math.abs(m - expected!.data[i]!) > 0.1));
});

test('mlp and lookup are direct with the changes that they make', () => {
  const { x, embedding, parameters } = given(4);
  const named: Record<string, Tensor> = parameters;
  const hidden = (role: string, n: number, j: number): number =>
    Math.max(0, [0, 1, 2].reduce((t, e) => t + embedding.data[3 * n + e]! * named[`${role}HiddenWeight`]!.data[3 * j + e]!, named[`${role}HiddenBias`]!.data[j]!));
  const delta = (role: string): Tensor =>
    tensor([0, 1, 2].map((n) => [0, 1].map((c) =>
      [0, 1, 2, 3, 4].reduce((t, j) => t + hidden(role, n, j) * named[`${role}OutWeight`]!.data[5 * c + j]!, named[`${role}OutBias`]!.data[c]!))), float64);
  const want = conditionalBatchNorm(x, { deltaWeight: delta('gamma'), deltaBias: delta('beta') }, parameters, null, direct);
  assertClose(conditionalBatchNorm(x, embedding, parameters), want, 1e-13);
  const [weight, bias] = [tensor([[1, 2], [3, 4]], float64), tensor([[5, 6], [7, 8]], float64)];
  const deltas = { deltaWeight: tensor([[3, 4], [1, 2], [3, 4]], float64), deltaBias: tensor([[7, 8], [5, 6], [7, 8]], float64) };
  const nothing = { weight: zeros([2], float64), bias: zeros([2], float64) };
  assert.equal(toArray(conditionalBatchNorm(x, [1, 0, 1], { weight, bias }, null, lookup)), toArray(conditionalBatchNorm(x, deltas, nothing, null, direct)));
});

test('samples that change places, with their conditions, change places in the result', () => {
  const { x, embedding, parameters } = given(5);
  const order = [2, 0, 1];
  const y = conditionalBatchNorm(x, embedding, parameters);
  assertClose(conditionalBatchNorm(rows(x, order), rows(embedding, order), parameters), rows(y, order), 1e-14);
  const tables = { weight: tensor([[1, 2], [3, 4]], float64), bias: tensor([[5, 6], [7, 8]], float64) };
  const z = conditionalBatchNorm(x, [1, 0, 0], tables, null, lookup);
  assertClose(conditionalBatchNorm(rows(x, order), [0, 1, 0], tables, null, lookup), rows(z, order), 1e-14);
});

test('another condition for one sample changes that sample alone, in training too', () => {
  const { x, embedding, parameters } = given(6);
  const y = conditionalBatchNorm(x, embedding, parameters);
  const changed = copy(embedding);
  changed.data.set([5, -5, 5], 3);
  const z = conditionalBatchNorm(x, changed, parameters);
  for (const n of [0, 2]) assert.equal(toArray(rows(z, [n])), toArray(rows(y, [n])));
  assert.is.not(String(toArray(rows(z, [1]))), String(toArray(rows(y, [1]))));
});

test('a change of minus the weight shuts the maps of a sample off: the result is its shift, and dy of it reaches no x', () => {
  const { x, dy } = given(7);
  const base = { weight: tensor([2, -3], float64), bias: tensor([1, 4], float64) };
  const deltas = { deltaWeight: tensor([[0, 0], [-2, 3], [1, 1]], float64), deltaBias: zeros([3, 2], float64) };
  const y = conditionalBatchNorm(x, deltas, base, null, direct);
  assert.equal(toArray(rows(y, [1])), [[[1, 1, 1, 1], [4, 4, 4, 4]]]);
  const other = copy(dy);
  other.data.fill(7, 8, 16);
  const gradient = (weights: Tensor): unknown => toArray(grad([conditionalBatchNorm(x, deltas, base, null, direct)], [x], { gradOutputs: [weights] })[0]!);
  assert.equal(gradient(other), gradient(dy));
});

test('the gradient of x sums to 0 in every channel, and <xHat, dx> is eps r^3 sum(scale dy xHat)', () => {
  check(
    fc.property(gridTensor([3, 2, 2]), gridTensor([3, 2, 2]), gridTensor([3, 2]), epsilons(), (a, b, d, eps) => {
      const x = a.tensor('float64', true);
      const [dy, deltaWeight] = [b.tensor(), d.tensor()];
      const base = { weight: tensor([1.5, -2], float64), bias: zeros([2], float64) };
      const y = conditionalBatchNorm(x, { deltaWeight, deltaBias: zeros([3, 2], float64) }, base, null, { ...direct, eps });
      const dx = grad([y], [x], { gradOutputs: [dy] })[0]!;
      const xHat = batchNorm(x, null, null, null, { eps }).data;
      for (let c = 0; c < 2; c++) {
        const at = [0, 1, 2].flatMap((n) => [4 * n + 2 * c, 4 * n + 2 * c + 1]);
        const total = (value: (i: number) => number): number => at.reduce((all, i) => all + value(i), 0);
        const mean = total((i) => x.data[i]!) / 6;
        const r = 1 / Math.sqrt(total((i) => (x.data[i]! - mean) ** 2) / 6 + eps);
        const scale = (i: number): number => base.weight.data[c]! + deltaWeight.data[2 * Math.floor(i / 4) + c]!;
        const size = 1e-10 * (1 + 100 * r);
        assert.ok(Math.abs(total((i) => dx.data[i]!)) < size, 'sum of dx');
        const want = eps * r ** 3 * total((i) => scale(i) * dy.data[i]! * xHat[i]!);
        assert.ok(Math.abs(total((i) => xHat[i]! * dx.data[i]!) - want) < size, '<xHat, dx>');
      }
    }),
    { runs: 40 },
  );
});

test('classes that no sample has get a gradient of exactly 0, and classes renamed with their rows change nothing', () => {
  const { x, dy } = given(8);
  const tables = { weight: tensor([[1, 2], [3, 4], [5, 6]], leaf), bias: tensor([[0, 1], [2, 3], [4, 5]], leaf) };
  const y = conditionalBatchNorm(x, [2, 0, 2], tables, null, lookup);
  const [dWeight, dBias] = grad([y], [tables.weight, tables.bias], { gradOutputs: [dy] });
  assert.equal([...dWeight!.data.slice(2, 4), ...dBias!.data.slice(2, 4)], [0, 0, 0, 0]);
  assert.ok([...dWeight!.data.slice(4), ...dBias!.data.slice(4)].every((g) => g !== 0));
  const renamed = { weight: rows(tables.weight, [2, 0, 1]), bias: rows(tables.bias, [2, 0, 1]) };
  assert.equal(toArray(conditionalBatchNorm(x, [0, 1, 0], renamed, null, lookup)), toArray(y));
});

test('with one sample, lookup is conditional instance norm', () => {
  const x = normal(new Random(3), [1, 2, 5], 1, 2, float64);
  const [weight, bias] = [tensor([[1, 2], [3, 4]], float64), tensor([[5, 6], [7, 8]], float64)];
  assertClose(conditionalBatchNorm(x, [1], { weight, bias }, null, lookup), conditionalInstanceNorm(x, [1], weight, bias), 1e-15);
});

test('evaluation is affine in x, and samples do not depend on each other', () => {
  const { x, embedding, parameters } = given(9);
  const state = { runningMean: tensor([1, -2], float64), runningVar: tensor([4, 0.5], float64) };
  const norm = (values: Tensor, condition: Tensor): Tensor => conditionalBatchNorm(values, condition, parameters, state, { training: false });
  const y = norm(x, embedding);
  for (const n of [0, 1, 2]) assert.equal(toArray(norm(rows(x, [n]), rows(embedding, [n]))), toArray(rows(y, [n])));
  const doubled = norm(fromArray(x.data.map((v) => 2 * v), x.shape), embedding);
  const zero = norm(zeros(x.shape, float64), embedding);
  assertClose(doubled, fromArray(y.data.map((v, i) => 2 * v - zero.data[i]!), x.shape), 1e-13);
});

test('the gradient through running statistics is rstd scale dy', () => {
  const state = { runningMean: tensor([3], float64), runningVar: tensor([3], float64) };
  const x = tensor([[1], [2]], leaf);
  const deltas = { deltaWeight: tensor([[1], [-3]], float64), deltaBias: zeros([2, 1], float64) };
  const y = conditionalBatchNorm(x, deltas, { weight: tensor([4], float64), bias: tensor([0], float64) }, state, { ...direct, training: false, eps: 1 });
  assert.equal(toArray(grad([y], [x], { gradOutputs: [tensor([[1], [-4]], float64)] })[0]!), [[2.5], [-2]]);
});

test('weight and bias get a gradient by lookup and direct, and in an mlp only when it is not frozen', () => {
  const { x, embedding, parameters, dy } = given(10);
  const { weight, bias } = parameters;
  const gradients = (options: { frozenAffine?: boolean }): readonly number[][] =>
    grad([conditionalBatchNorm(x, embedding, parameters, null, options)], [weight, bias], { gradOutputs: [dy], allowUnused: true }).map((g) => [...g.data]);
  assert.equal(gradients({}), [[0, 0], [0, 0]]);
  const open = gradients({ frozenAffine: false });
  const xHat = batchNorm(x).data;
  for (const c of [0, 1]) {
    const at = [0, 1, 2].flatMap((n) => [0, 1, 2, 3].map((i) => 8 * n + 4 * c + i));
    assert.ok(Math.abs(open[0]![c]! - at.reduce((t, i) => t + dy.data[i]! * xHat[i]!, 0)) < 1e-13);
    assert.ok(Math.abs(open[1]![c]! - at.reduce((t, i) => t + dy.data[i]!, 0)) < 1e-13);
  }
  const deltas = same([0, 0], [0, 0]);
  const ofDirect = (frozenAffine?: boolean): Tensor[] =>
    grad([conditionalBatchNorm(x, deltas, parameters, null, { ...direct, ...(frozenAffine !== undefined && { frozenAffine }) })], [weight, bias], { gradOutputs: [dy], allowUnused: true });
  ofDirect().forEach((g, i) => assertClose(g, open[i]!, 1e-13));
  assert.ok(ofDirect(true).every((g) => g.data.every((value) => value === 0)));
});

test('a gradient that can be differentiated again is the same gradient, and the state stays', () => {
  const { x, embedding, parameters, dy } = given(11);
  const inputs = [x, embedding, ...Object.values(parameters)];
  const state = { runningMean: tensor([1, 2], float64), runningVar: tensor([3, 4], float64) };
  for (const training of [true, false]) {
    const y = conditionalBatchNorm(x, embedding, parameters, state, { eps: 0.5, frozenAffine: false, training });
    const before = [toArray(state.runningMean), toArray(state.runningVar)];
    const plain = grad([y], inputs, { gradOutputs: [dy], retainGraph: true });
    grad([y], inputs, { gradOutputs: [dy], createGraph: true }).forEach((g, i) => assertClose(g, plain[i]!, 1e-12));
    assert.equal([toArray(state.runningMean), toArray(state.runningVar)], before);
  }
});

test('a constant channel gives its shift, and a value that is not finite spoils its channel for all samples', () => {
  const tables = { weight: tensor([[1, 2], [3, 4]]), bias: tensor([[5, 6], [7, 8]]) };
  const y = conditionalBatchNorm(tensor([[0.1, NaN], [0.1, 1]]), [0, 1], tables, null, lookup);
  assert.equal(toArray(y), [[5, NaN], [7, NaN]]);
});

test('with eps 0 two values are plus and minus 1', () => {
  const none = { deltaWeight: zeros([2, 1]), deltaBias: zeros([2, 1]) };
  const y = conditionalBatchNorm(tensor([[0], [6]]), none, { weight: ones([1]), bias: zeros([1]) }, null, { ...direct, eps: 0 });
  assert.equal(toArray(y), [[-1], [1]]);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of [conditionalBatchNorm, conditionalBatchNormDefinition]) {
    const state = conditionalBatchNormState(3);
    const x = zeros([2, 3, 4]);
    const base = { weight: ones([3]), bias: zeros([3]) };
    const network = { gammaHiddenWeight: zeros([5, 6]), gammaHiddenBias: zeros([5]), gammaOutWeight: zeros([3, 5]) };
    const tables = { weight: ones([4, 3]), bias: zeros([4, 3]) };
    const deltas = { deltaWeight: zeros([2, 3]), deltaBias: zeros([2, 3]) };
    const attempt = (body: () => unknown, name: string, message: RegExp): void => {
      assertThrows(body, name, message);
      assert.equal([toArray(state.runningMean), toArray(state.runningVar)], [[0, 0, 0], [1, 1, 1]]);
    };
    attempt(() => norm(zeros([1, 3]), [0], tables, state, lookup), 'ShapeError', /more than one value per channel, got x of shape \[1, 3\]/);
    attempt(() => norm(zeros([1, 3]), [0], tables, null, { ...lookup, training: false }), 'ShapeError', /more than one value per channel/);
    attempt(() => norm(zeros([3]), [0], tables, state, lookup), 'ShapeError', /rank 2 to 5, got shape \[3\]/);
    for (const label of [4, -1, 1.5]) {
      attempt(() => norm(x, [0, label], tables, state, lookup), 'RangeError', new RegExp(`labels must be integers in \\[0, 4\\), got ${label} at 1`));
    }
    attempt(() => norm(x, [0], tables, state, lookup), 'ShapeError', /labels must have shape \[2\]/);
    attempt(() => norm(x, [0, 1], base, state, lookup), 'ShapeError', /weight must be \[numClasses, 3\] for 'lookup', got \[3\]/);
    attempt(() => norm(x, [0, 1], { ...tables, bias: zeros([5, 3]) }, state, lookup), 'ShapeError', /bias must have shape \[4, 3\].*got \[5, 3\]/);
    attempt(() => norm(x, deltas, tables, state, lookup), 'TypeError', /the condition for 'lookup' must be labels \[N\]/);
    attempt(() => norm(x, deltas, tables, state, direct), 'ShapeError', /weight must have shape \[3\].*got \[4, 3\]/);
    attempt(() => norm(x, [0, 1], base, state, direct), 'TypeError', /the condition for 'direct' must be \{ deltaWeight, deltaBias \}/);
    attempt(() => norm(x, { ...deltas, deltaWeight: zeros([1, 3]) }, base, state, direct), 'ShapeError', /deltaWeight must have shape \[2, 3\].*got \[1, 3\]/);
    attempt(() => norm(x, { ...deltas, deltaBias: zeros([2, 4]) }, base, state, direct), 'ShapeError', /deltaBias must have shape \[2, 3\].*got \[2, 4\]/);
    attempt(() => norm(x, [0, 1], base, state), 'TypeError', /the condition for 'mlp' must be an embedding/);
    attempt(() => norm(x, zeros([3, 6]), { ...base, ...network }, state), 'ShapeError', /the embedding must be \[2, E\], a row for each sample, got \[3, 6\]/);
    attempt(() => norm(x, zeros([2, 6, 1]), { ...base, ...network }, state), 'ShapeError', /the embedding must be \[2, E\]/);
    attempt(() => norm(x, zeros([2, 6], float64), { ...base, ...network }, state), 'TypeError', /the embedding must have the dtype of x/);
    attempt(() => norm(x, zeros([2, 7]), { ...base, ...network }, state), 'ShapeError', /gammaHiddenWeight must be \[hidden, 7\].*got \[5, 6\]/);
    attempt(() => norm(x, zeros([2, 6]), { ...base, ...network, gammaHiddenBias: zeros([4]) }, state), 'ShapeError', /gammaHiddenBias must have shape \[5\]/);
    attempt(() => norm(x, zeros([2, 6]), { ...base, ...network, gammaOutWeight: zeros([5, 3]) }, state), 'ShapeError', /gammaOutWeight must have shape \[3, 5\]/);
    attempt(() => norm(x, zeros([2, 6]), { ...base, ...network, gammaOutBias: zeros([5]) }, state), 'ShapeError', /gammaOutBias must have shape \[3\]/);
    attempt(() => norm(x, zeros([2, 6]), { ...base, ...network, betaOutBias: zeros([3]) }, state), 'TypeError', /betaHiddenWeight, betaHiddenBias and betaOutWeight go together/);
    attempt(() => norm(x, deltas, base, { ...state, runningVar: tensor([1, -1, 1]) }, direct), 'RangeError', /runningVar must not be negative/);
    attempt(() => norm(x, deltas, base, state, { ...direct, momentum: 1.5 }), 'RangeError', /momentum must be in \[0, 1\]/);
    attempt(() => norm(x, deltas, base, state, { ...direct, eps: -1 }), 'RangeError', /eps must be finite and at least 0/);
    attempt(() => norm(x, deltas, base, state, { conditioning: 'film' as 'direct' }), 'RangeError', /'mlp', 'lookup' or 'direct', got film/);
  }
});

test.run();
