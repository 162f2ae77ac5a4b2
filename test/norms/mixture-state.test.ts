import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { add } from '../../src/autograd/add.ts';
import { sum } from '../../src/autograd/sum.ts';
import { mixture as entry } from '../../src/norms/catalog/mixture.ts';
import { seedRows } from '../../src/norms/_mixture-seeding.ts';
import {
  MixtureNorm,
  mixtureNorm,
  mixtureNormDefinition,
  type MixtureNormLayerOptions,
  type MixtureNormOptions,
  mixtureNormState,
} from '../../src/norms/mixture.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('mixture: start, state, arguments');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const seeds = (rows: number[], uniforms: number[]): number[] => seedRows(Float64Array.from(rows), rows.length, 1, uniforms);

test('seeds: the first row is floor(u M), each next one is the first whose summed squared distances exceed u times their sum', () => {
  // squared distances from 3: 9, 4, 0, 49, of 62; then from 3 and 10: 9, 4, 0, 0, of 13
  const rows = [0, 1, 3, 10];
  assert.equal(seeds(rows, [0.5, 0.5, 0.5]), [2, 3, 0]);
  assert.equal(seeds(rows, [0.749, 9.01 / 62, 0.99]), [2, 1, 3]);
  assert.equal(seeds(rows, [0.999]), [3]);
  assert.equal(seeds(rows, [0, 0]), [0, 1]);
});

test('seeds: a sum that is equal to the threshold does not exceed it, so that a chosen row is not chosen again', () => {
  // squared distances from 0: 0, 1, 1, of 2
  assert.equal(seeds([0, 1, -1], [0, 0.5]), [0, 2]);
  assert.equal(seeds([0, 1, -1], [0, 0.49]), [0, 1]);
  assert.equal(seeds([5, 5, 5, 7], [0, 0, 0]), [0, 3, 0]);
});

test('seeds: when every row has been chosen, floor(u M) is', () => {
  assert.equal(seeds([1, 1, 1, 1], [0.3, 0.6, 0.9]), [1, 2, 3]);
  assert.equal(seeds([1, 2], [0.1, 0.5, 0.6, 0.1]), [0, 1, 1, 0]);
});

test('seeds: they are rows that are different, as long as there are any', () => {
  check(
    fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 4, maxLength: 12 }), fc.array(fc.integer({ min: 0, max: 1023 }), { minLength: 3, maxLength: 3 }), (rows, u) => {
      const chosen = seeds(rows, u.map((value) => value / 1024));
      const kinds = new Set(rows).size;
      assert.is(new Set(chosen.map((row) => rows[row])).size, Math.min(3, kinds));
    }),
  );
});

test('seeding is starting from the rows that are chosen, which get no gradient as seeds', () => {
  const x = leaf(normal(new Random(1), [6, 2], 0, 1, float64));
  const dy = normal(new Random(2), [6, 2], 0, 1, float64);
  const uniforms = double([0.4, 0.7, 0.1]);
  const rows = seedRows(x.data as Float64Array, 6, 2, uniforms.data);
  const initMeans = fromArray(Float64Array.from(rows.flatMap((row) => [x.data[2 * row]!, x.data[2 * row + 1]!])), [3, 2]);
  for (const emGradient of ['none', 'posterior', 'full'] as const) {
    for (const call of [mixtureNorm, mixtureNormDefinition]) {
      const given = call(x, null, null, null, { init: 'given', initMeans, emGradient });
      const seeded = call(x, null, null, null, { init: 'kmeans++', uniforms, emGradient });
      assert.equal(toArray(seeded), toArray(given));
      const [a, b] = [given, seeded].map((y) => toArray(grad([y], [x], { gradOutputs: [dy] })[0]!));
      assert.equal(b, a);
    }
  }
});

test('the same seed gives the same bits, in every dtype and for function and class; another one other seeds', () => {
  const x = normal(new Random(3), [20, 2]);
  const run = (seed: number): number[] => [...mixtureNorm(x, null, null, null, { seed }).data];
  assert.equal(run(5), run(5));
  assert.ok([1, 2, 3].some((seed) => String(run(seed)) !== String(run(0))));
  assert.equal([...new MixtureNorm(2, { seed: 5, affine: false }).forward(x).data], run(5));
  const [single, wide] = [new MixtureNorm(2, { seed: 5 }), new MixtureNorm(2, { seed: 5, ...float64 })];
  assert.equal([...single.uniforms!.data], [...wide.uniforms!.data]);
  assert.ok(single.uniforms!.data.every((u) => u >= 0 && u < 1));
});

test("'running' starts from the means given, or from seeds, the first time, and from the state later", () => {
  const [first, second] = [1, 2].map((seed) => normal(new Random(seed), [8, 2], 0, 1, float64)) as [Tensor, Tensor];
  const initMeans = double([[0.5, 0], [-0.5, 1]]);
  for (const start of [{ initMeans, init: 'given' }, { uniforms: double([0.3, 0.8]), init: 'kmeans++' }] as const) {
    const options = { numComponents: 2, momentum: 0.25 };
    const [a, b] = [0, 1].map(() => mixtureNormState(2, { numComponents: 2, ...float64 })) as [ReturnType<typeof mixtureNormState>, ReturnType<typeof mixtureNormState>];
    const y = mixtureNorm(first, null, null, a, { ...options, ...start, init: 'running' });
    assert.equal(toArray(y), toArray(mixtureNorm(first, null, null, b, { ...options, ...start })));
    assert.equal(toArray(a.runningMean), toArray(b.runningMean));
    // one E step from the state decides the posteriors when there are no rounds of EM
    const warm = mixtureNorm(second, null, null, a, { ...options, ...start, init: 'running', emSteps: 0 });
    assert.ok(warm.data.some((value, i) => Math.abs(value - mixtureNorm(second, null, null, b, { ...options, ...start, emSteps: 0 }).data[i]!) > 1e-3));
  }
});

test('the first batch replaces the state, whatever the momentum; without EM the weights stay as they are', () => {
  const x = double([[0], [2], [100], [102], [104]]);
  const state = { ...mixtureNormState(1, { numComponents: 2, ...float64 }), runningMean: double([[7], [8]]) };
  const options = { numComponents: 2, init: 'given', initMeans: double([[0], [100]]), momentum: 0, emSteps: 8 } as const;
  mixtureNorm(x, null, null, state, options);
  assertClose(state.runningWeight, [0.4, 0.6], 1e-14);
  assertClose(state.runningMean, [[1], [102]], 1e-14);
  assertClose(state.runningVar, [[1], [8 / 3]], 1e-14);
  mixtureNorm(add(x, 1), null, null, state, options);
  assertClose(state.runningMean, [[1], [102]], 1e-14);
  assert.is(state.numBatchesTracked.data[0], 2);
  const still = mixtureNormState(1, { numComponents: 2, ...float64 });
  mixtureNorm(x, null, null, still, { ...options, emSteps: 0 });
  assert.equal(toArray(still.runningWeight), [0.5, 0.5]);
});

/** Training in plain numbers: `[N, 2, ...]` and two components. */
function plainStep(state: PlainState, x: Tensor, initMeans: number[][], { momentum = 0.1, emSteps = 2, init = 'running' }: MixtureNormOptions): PlainState {
  const inner = x.data.length / x.shape[0]! / 2;
  const rows = Array.from({ length: x.shape[0]! * inner }, (_, i) =>
    [0, 1].map((c) => x.data[(Math.floor(i / inner) * 2 + c) * inner + (i % inner)]!),
  );
  const average = (values: number[], weights: number[]): number => values.reduce((total, value, i) => total + value * weights[i]!, 0) / Math.max(weights.reduce((a, b) => a + b, 0), 1e-8);
  const momentsOf = (p: number[][]) =>
    [0, 1].map((k) => {
      const weights = p.map((row) => row[k]!);
      const mean = [0, 1].map((c) => average(rows.map((row) => row[c]!), weights));
      return { mean, variance: mean.map((m, c) => average(rows.map((row) => (row[c]! - m) ** 2), weights)) };
    });
  const posterior = (weight: number[], parts: { mean: number[]; variance: number[] }[]) =>
    rows.map((row) => {
      const logs = parts.map(({ mean, variance }, k) => Math.log(weight[k]!) - 0.5 * row.reduce((total, value, c) => total + (value - mean[c]!) ** 2 / variance[c]! + Math.log(variance[c]!), 0));
      const total = logs.reduce((sum, l) => sum + Math.exp(l - Math.max(...logs)), 0);
      return logs.map((l) => Math.exp(l - Math.max(...logs)) / total);
    });
  const count = state.numBatchesTracked![0]!;
  const warm = init === 'running' && count > 0;
  const pair = (values: readonly number[]): number[][] => [values.slice(0, 2), values.slice(2)];
  const all = momentsOf(rows.map(() => [1, 1]))[0]!;
  let weight = warm ? [...state.runningWeight!] : [0.5, 0.5];
  let parts = [0, 1].map((k) => ({
    mean: warm ? pair(state.runningMean!)[k]! : initMeans[k]!,
    variance: (warm ? pair(state.runningVar!)[k]! : all.variance).map((v) => v + 0.125),
  }));
  for (let step = 0; step < emSteps; step++) {
    const p = posterior(weight, parts);
    weight = [0, 1].map((k) => Math.max(p.reduce((total, row) => total + row[k]!, 0), 1e-8) / rows.length);
    parts = momentsOf(p).map(({ mean, variance }) => ({ mean, variance: variance.map((v) => v + 0.125) }));
  }
  const found = momentsOf(posterior(weight, parts));
  const q = count === 0 ? 1 : momentum;
  const blend = (before: readonly number[], value: number[]): number[] => before.map((b, i) => (1 - q) * b + q * value[i]!);
  return {
    ...state,
    runningWeight: blend(state.runningWeight!, weight),
    runningMean: blend(state.runningMean!, found.flatMap(({ mean }) => mean)),
    runningVar: blend(state.runningVar!, found.flatMap(({ variance }) => variance)),
    numBatchesTracked: [count + 1],
  };
}

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const means = [[-0.75, 0.25], [0.5, 1]];
  const variants: MixtureNormLayerOptions[] = [{}, { momentum: 1, emSteps: 1 }, { momentum: 0 }, { init: 'given', emSteps: 0, momentum: 0.5 }];
  checkStateful({
    make: (variant) => new MixtureNorm(2, { numComponents: 2, covEps: 0.125, initMeans: double(means), ...variants[variant]!, ...float64 }),
    variants: variants.length,
    initial: { runningWeight: [0.5, 0.5], runningMean: [0, 0, 0, 0], runningVar: [1, 1, 1, 1], numBatchesTracked: [0], initMeans: means.flat() },
    step: (state, x, variant) => plainStep(state, x, means, variants[variant]!),
    shapes: [[3, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('higher derivatives hold what the gradient holds, and leave the state alone', () => {
  for (const emGradient of ['none', 'posterior', 'full'] as const) {
    for (const training of [true, false]) {
      const state = { ...mixtureNormState(2, float64), runningMean: double([[1, 0], [-1, 0.5], [0, 2]]), numBatchesTracked: double(3) };
      const x = leaf(normal(new Random(4), [3, 2, 2], 0, 1, float64));
      const dy = normal(new Random(5), [3, 2, 2], 0, 1, float64);
      const y = mixtureNorm(x, null, null, state, { training, emGradient });
      const before = Object.values(state).map((held) => toArray(held));
      const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
      state.runningMean.data[0] = 77;
      assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-12);
      state.runningMean.data[0] = (before[1] as number[][])[0]![0]!;
      assert.equal(Object.values(state).map((held) => toArray(held)), before);
    }
  }
});

test('second derivatives at a row that is alone in its component are linear, up to rounding', () => {
  const sixteenths = (values: number[], shape: number[]): Tensor => fromArray(Float64Array.from(values, (v) => v / 16), shape);
  const state = {
    runningWeight: sixteenths([24, 13], [2]),
    runningMean: sixteenths([26, -5, 2, -29, 6, 19, -7, -27], [2, 4]),
    runningVar: sixteenths([8, 3, 21, 19, 16, 13, 32, 8], [2, 4]),
    numBatchesTracked: double(1),
  };
  const x = sixteenths([2, 11, 18, -29, 6, -16, 51, -23, 49, -50, 60, 56, -42, 50, -38, -10, -58, -57, 62, -19, 30, 19, 25, -61111], [3, 4, 2]);
  const [dy, u, v] = [1, 2, 3].map((seed) => normal(new Random(seed), [3, 4, 2], 0, 1, float64)) as [Tensor, Tensor, Tensor];
  const second = (w: Tensor): Tensor[] => {
    const held = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, copy(value)])) as typeof state;
    const inputs = [leaf(x), leaf(dy)] as const;
    const y = mixtureNorm(inputs[0], null, null, held, { numComponents: 2, emGradient: 'full', eps: 2 ** -10 });
    const dx = grad([y], [inputs[0]], { gradOutputs: [inputs[1]], createGraph: true });
    return grad(dx, inputs, { gradOutputs: [w] });
  };
  const [a, b, both] = [second(u), second(v), second(add(u, v))];
  both.forEach((value, i) => assertClose(value, add(a[i]!, b[i]!), 1e-12));
});

test('a training batch that is not finite is refused before EM, and the state stays as it was', () => {
  for (const call of [mixtureNorm, mixtureNormDefinition]) {
    for (const [value, dtype] of [[NaN, 'float32'], [Infinity, 'float64'], [-Infinity, 'float32'], [1e30, 'float32'], [1e200, 'float64']] as const) {
      const state = mixtureNormState(2, { dtype });
      const before = Object.values(state).map((held) => toArray(held));
      const x = normal(new Random(6), [4, 2, 2], 0, 1, { dtype });
      x.data[5] = value;
      assertThrows(() => call(x, null, null, state), 'RangeError', /x must be finite and so must be squared distances, got .* at element 5/);
      assertThrows(() => call(x), 'RangeError', /x must be finite/);
      assert.equal(Object.values(state).map((held) => toArray(held)), before);
    }
  }
});

test('in evaluation a value that is not finite spoils its row alone, and finite data of any size are fine', () => {
  for (const value of [NaN, Infinity]) {
    const x = normal(new Random(7), [3, 2, 2]);
    x.data[5] = value;
    const y = mixtureNorm(x, null, null, mixtureNormState(2), { training: false });
    y.data.forEach((out, i) => assert.is(Number.isNaN(out), i === 5 || i === 7));
  }
  const large = mixtureNorm(tensor([[1e30, 1], [0, 0]]), null, null, mixtureNormState(2), { training: false });
  assert.ok(large.data.every(Number.isFinite));
  for (const scale of [1e-30, 1e18]) {
    const state = mixtureNormState(2);
    const x = fromArray(normal(new Random(8), [6, 2]).data.map((value) => value * scale), [6, 2]);
    assert.ok([...mixtureNorm(x, null, null, state).data, ...state.runningVar.data].every(Number.isFinite));
  }
});

test('without covEps a component without variance is refused, and the state stays as it was', () => {
  for (const call of [mixtureNorm, mixtureNormDefinition]) {
    const state = mixtureNormState(1, { numComponents: 2, ...float64 });
    const options = { numComponents: 2, initMeans: double([[0], [1000]]), covEps: 0, emSteps: 20 };
    const attempt = (x: Tensor, message: RegExp): void => assertThrows(() => call(x, null, null, state, options), 'RangeError', message);
    attempt(double([[5], [5]]), /variance of every component must be positive and finite, got 0 for component 0 in channel 0; set covEps above 0/);
    attempt(double([[0], [0], [1000], [1001]]), /got 0 for component 0/);
    assert.equal(toArray(state.runningVar), [[1], [1]]);
    state.runningVar.data[1] = 0;
    assertThrows(() => call(double([[1]]), null, null, state, { ...options, training: false }), 'RangeError', /got 0 for component 1/);
  }
});

test('bad input is refused, and the state stays as it was', () => {
  for (const call of [mixtureNorm, mixtureNormDefinition]) {
    const state = mixtureNormState(3);
    const attempt = (name: string, message: RegExp, options: MixtureNormOptions, x = ones([2, 3]), held: object = state): void => {
      assertThrows(() => call(x, null, null, held as typeof state, options), name, message);
      assert.equal(toArray(state.runningMean), [[0, 0, 0], [0, 0, 0], [0, 0, 0]]);
      assert.is(state.numBatchesTracked.data[0], 0);
    };
    for (const numComponents of [0, 1.5, NaN]) attempt('RangeError', /numComponents must be a positive integer/, { numComponents });
    for (const emSteps of [-1, 0.5, Infinity]) attempt('RangeError', /emSteps must be an integer of at least 0, got/, { emSteps });
    for (const eps of [-1e-5, NaN, Infinity]) attempt('RangeError', / eps must be finite/, { eps });
    for (const covEps of [-1e-5, NaN, Infinity]) attempt('RangeError', /covEps must be finite/, { covEps });
    for (const momentum of [-0.1, 1.1, NaN]) attempt('RangeError', /momentum must be in \[0, 1\]/, { momentum });
    attempt('RangeError', /init must be 'running', 'kmeans\+\+', 'given', got 'random'/, { init: 'random' as 'given' });
    attempt('RangeError', /emGradient must be 'none', 'posterior', 'full', got 'all'/, { emGradient: 'all' as 'full' });
    attempt('RangeError', /init 'given' needs initMeans/, { init: 'given' });
    attempt('RangeError', /'kmeans\+\+' has no use for initMeans/, { init: 'kmeans++', initMeans: zeros([3, 3]) });
    attempt('RangeError', /give one of them/, { uniforms: zeros([3]), initMeans: zeros([3, 3]) });
    attempt('ShapeError', /initMeans must have shape \[3, 3\].*got \[2, 3\]/, { initMeans: zeros([2, 3]) });
    attempt('TypeError', /initMeans must have the dtype of x, float32, got float64/, { initMeans: zeros([3, 3], float64) });
    attempt('RangeError', /initMeans must be finite.*got NaN at element 0/, { initMeans: tensor([[NaN, 0, 0], [0, 0, 0], [0, 0, 0]]) });
    attempt('ShapeError', /uniforms must have shape \[3\].*got \[2\]/, { uniforms: zeros([2]) });
    for (const u of [1, -0.5, NaN]) attempt('RangeError', /uniforms must be in \[0, 1\), got .* at component 1/, { uniforms: tensor([0, u, 0]) });
    for (const seed of [-1, 0.5]) attempt('RangeError', /seed must be an integer/, { seed });
    attempt('ShapeError', /rank at least 2, got shape \[3\]/, {}, ones([3]));
    attempt('ShapeError', /at least one value, got x of shape \[0, 3\]/, {}, zeros([0, 3]));
    attempt('ShapeError', /runningWeight must have shape \[2\].*got \[3\]/, { numComponents: 2 });
    attempt('ShapeError', /runningMean must have shape \[3, 4\]/, {}, ones([2, 4]));
    const negative = tensor([[1, 1, 1], [1, -1, 1], [1, 1, 1]]);
    attempt('RangeError', /runningVar must not be negative, got -1 at element 4/, {}, ones([2, 3]), { ...state, runningVar: negative });
    for (const weight of [0, -1, NaN]) {
      attempt('RangeError', /runningWeight must be positive, got .* for component 2/, {}, ones([2, 3]), { ...state, runningWeight: tensor([0.5, 0.5, weight]) });
    }
    assertThrows(() => call(ones([2, 3]), ones([2])), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    assertThrows(() => call(ones([2, 3]), null, ones([4])), 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
  }
  assertThrows(() => new MixtureNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new MixtureNorm(3, { numComponents: 0 }), 'RangeError', /MixtureNorm: numComponents/);
  assertThrows(() => new MixtureNorm(3, { init: 'given' }), 'RangeError', /MixtureNorm: init 'given' needs initMeans/);
  assertThrows(() => new MixtureNorm(3, { initMeans: zeros([3, 2]) }), 'ShapeError', /initMeans must have shape \[3, 3\]/);
  assertThrows(() => new MixtureNorm(3, { uniforms: zeros([2]) }), 'ShapeError', /uniforms must have shape \[3\]/);
  assertThrows(() => new MixtureNorm(3).forward(ones([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
});

test('the class holds what its options ask for, and a state dict carries where EM starts', () => {
  const state = ['runningWeight', 'runningMean', 'runningVar', 'numBatchesTracked'];
  assert.equal(Object.keys(new MixtureNorm(2).stateDict()), ['weight', 'bias', ...state, 'uniforms']);
  const initMeans = zeros([3, 2]);
  const given = new MixtureNorm(2, { initMeans, affine: false });
  assert.equal(Object.keys(given.stateDict()), [...state, 'initMeans']);
  initMeans.data.fill(5);
  assert.equal([...given.initMeans!.data], [0, 0, 0, 0, 0, 0]);
  const x = normal(new Random(9), [12, 2]);
  const [trained, fresh] = [new MixtureNorm(2, { seed: 3, init: 'kmeans++' }), new MixtureNorm(2, { init: 'kmeans++' })];
  fresh.loadStateDict(trained.stateDict());
  assert.equal(toArray(fresh.forward(x)), toArray(trained.forward(x)));
  backward(sum(trained.forward(x)));
  assert.equal(toArray(trained.bias!.grad!), [12, 12]);
  assert.ok(entry.classifier!(4, [3, 3], new Random(0)) instanceof MixtureNorm);
});

test.run();
