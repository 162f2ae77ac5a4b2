import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { conv } from '../../src/autograd/conv.ts';
import { grad } from '../../src/autograd/backward.ts';
import { add } from '../../src/autograd/add.ts';
import { Conv2d } from '../../src/nn/conv2d.ts';
import { parametrize } from '../../src/nn/parametrize.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import {
  WeightStandardization,
  weightStandardization,
  weightStandardizationDefinition,
} from '../../src/norms/weight-standardization.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('weight-standardization');
const float64 = { dtype: 'float64' } as const;
const modes = [
  { epsMode: 'outside', unbiased: false },
  { epsMode: 'outside', unbiased: true },
  { epsMode: 'inside', unbiased: false },
  { epsMode: 'inside', unbiased: true },
] as const;
const filters = (x: ArrayLike<number>, length: number): number[][] =>
  Array.from({ length: x.length / length }, (_, o) => Array.from(x).slice(o * length, (o + 1) * length));
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const dot = (a: readonly number[], b: readonly number[]): number => total(a.map((v, i) => v * b[i]!));

test('the worked example, in all four modes', () => {
  const want = [
    [[-0.696663, -0.348331, 0, 1.044994], [0.196392, -0.119511, -0.087083, 0.010201]],
    [[-0.632862, -0.316431, 0, 0.949293], [0.175523, -0.110008, -0.079108, 0.013593]],
    [[-0.942809, -0.471405, 0, 1.414214], [0.248797, -0.170229, -0.117851, 0.039284]],
    [[-0.840168, -0.420084, 0, 1.260252], [0.21622, -0.154443, -0.105021, 0.043244]],
  ];
  modes.forEach((mode, i) => {
    const weight = tensor([[1, 2, 3, 6]], { ...float64, requiresGrad: true });
    const wHat = weightStandardization(weight, { eps: 1, ...mode });
    assertClose(wHat, [want[i]![0]!], 1e-6);
    assertClose(grad([wHat], [weight], { gradOutputs: [tensor([[1, 0, 0, 0]], float64)] })[0]!, [want[i]![1]!], 1e-6);
  });
});

for (const mode of modes) {
  const name = `${mode.epsMode}, ${mode.unbiased ? 'unbiased' : 'biased'}`;
  const eps = 0.125;
  const weight = normal(new Random(1), [3, 2, 4], 1, 2, { ...float64, requiresGrad: true });
  const m = mode.unbiased ? 7 : 8;

  test(`${name}: every filter sums to 0 and has the spread sigma / divisor, below 1`, () => {
    const wHat = filters(weightStandardization(weight, { eps, ...mode }).data, 8);
    filters(weight.data, 8).forEach((filter, o) => {
      const mean = total(filter) / 8;
      const sigma = Math.sqrt(total(filter.map((w) => (w - mean) ** 2)) / m);
      const spread = sigma / (mode.epsMode === 'inside' ? Math.sqrt(sigma * sigma + eps) : sigma + eps);
      assert.ok(Math.abs(total(wHat[o]!)) < 1e-14);
      assert.ok(Math.abs(Math.sqrt(dot(wHat[o]!, wHat[o]!) / m) - spread) < 1e-14);
      assert.ok(spread < 1);
    });
  });

  test(`${name}: the gradient sums to 0, and along the filter it is what eps leaves of it`, () => {
    const wHat = weightStandardization(weight, { eps, ...mode });
    const dy = normal(new Random(2), [3, 2, 4], 0, 1, float64);
    const dWeight = grad([wHat], [weight], { gradOutputs: [dy] })[0]!;
    filters(weight.data, 8).forEach((filter, o) => {
      const mean = total(filter) / 8;
      const V = total(filter.map((w) => (w - mean) ** 2)) / m;
      const rest = mode.epsMode === 'inside' ? eps / (V + eps) : eps / (Math.sqrt(V) + eps);
      const g = filters(dWeight.data, 8)[o]!;
      assert.ok(Math.abs(total(g)) < 1e-14);
      const want = dot(filters(dy.data, 8)[o]!, filters(wHat.data, 8)[o]!) * rest;
      assert.ok(Math.abs(dot(g, filter) - want) < 1e-13);
    });
  });

  test(`${name}: a constant added to a filter changes nothing, the sign passes through, scale goes with eps`, () => {
    const wHat = toArray(weightStandardization(weight, { eps, ...mode }));
    const changed = (f: (w: number, o: number) => number): typeof weight => fromArray(weight.data.map((w, i) => f(w, i >> 3)), [3, 2, 4]);
    assertClose(weightStandardization(changed((w, o) => w + o), { eps, ...mode }), wHat, 1e-13);
    assertClose(weightStandardization(changed((w) => -w), { eps, ...mode }), toArray(fromArray(new Float64Array((wHat as number[][][]).flat(2)).map((v) => -v), [3, 2, 4])), 1e-15);
    const scaled = mode.epsMode === 'inside' ? eps * 9 : eps * 3;
    assertClose(weightStandardization(changed((w) => 3 * w), { ...mode, eps: scaled }), wHat, 1e-14);
  });
}

test('inside and biased, it is layer norm of each flattened filter', () => {
  const weight = normal(new Random(3), [4, 3, 2], 5, 1, float64);
  const want = layerNorm(weight, null, null, { normalizedShape: [3, 2], eps: 1e-3 });
  assertClose(weightStandardization(weight, { epsMode: 'inside', eps: 1e-3 }), toArray(want), 1e-14);
});

test('without eps, unbiased is biased times sqrt((n - 1) / n), and twice is once', () => {
  const weight = normal(new Random(4), [2, 5], 1, 2, float64);
  const biased = weightStandardization(weight, { eps: 0 });
  const want = fromArray(biased.data.map((v) => v * Math.sqrt(4 / 5)), [2, 5]);
  assertClose(weightStandardization(weight, { eps: 0, unbiased: true }), toArray(want), 1e-14);
  assertClose(weightStandardization(biased, { eps: 0 }), toArray(biased), 1e-14);
});

test('filters are independent, bit by bit, also where one is not finite', () => {
  const weight = tensor([[1, 2, 4], [3, 3, 9]], { ...float64, requiresGrad: true });
  const spoilt = tensor([[1, 2, 4], [NaN, 3, 9]], float64);
  const first = [...weightStandardization(weight).data].slice(0, 3);
  assert.equal([...weightStandardization(spoilt).data].slice(0, 3), first);
  assert.ok([...weightStandardization(spoilt).data].slice(3).every(Number.isNaN));
});

test('a layer with such a weight ignores a constant added to all of its input', () => {
  const weight = weightStandardization(normal(new Random(5), [3, 2, 3, 3], 0, 1, float64));
  const x = normal(new Random(6), [1, 2, 5, 5], 0, 1, float64);
  assertClose(conv(add(x, 7), weight), toArray(conv(x, weight)), 1e-13);
});

test('a constant filter gives zeros; its gradient is the centred one over eps, or over sqrt(eps)', () => {
  const weight = fromArray(new Float64Array(3).fill(0.1), [1, 3], { requiresGrad: true });
  for (const [epsMode, over] of [['outside', 1e-4], ['inside', 1e-2]] as const) {
    const wHat = weightStandardization(weight, { eps: 1e-4, epsMode });
    assert.equal([...wHat.data], [0, 0, 0]);
    const g = grad([wHat], [weight], { gradOutputs: [tensor([[1, 2, 6]], float64)] })[0]!;
    assertClose(g, [[-2 / over, -1 / over, 3 / over]], 1e-12);
  }
});

test('with eps 0 a constant filter gives zeros and no gradient, in both forms', () => {
  for (const norm of [weightStandardization, weightStandardizationDefinition]) {
    for (const epsMode of ['outside', 'inside'] as const) {
      const weight = tensor([[2, 2, 2]], { ...float64, requiresGrad: true });
      const wHat = norm(weight, { eps: 0, epsMode });
      assert.equal(Array.from(wHat.data, Math.abs), [0, 0, 0]);
      const g = grad([wHat], [weight], { gradOutputs: [tensor([[1, 2, 6]], float64)] })[0]!;
      assert.equal(Array.from(g.data, Math.abs), [0, 0, 0]);
    }
  }
});

test('a filter of one value gives 0 and no gradient', () => {
  const weight = tensor([[3], [5]], { ...float64, requiresGrad: true });
  const wHat = weightStandardization(weight);
  assert.equal(toArray(wHat), [[0], [0]]);
  assert.equal(toArray(grad([wHat], [weight], { gradOutputs: [ones([2, 1], float64)] })[0]!), [[0], [0]]);
});

test('float32 weights with mean 1000 lose nothing but their own rounding', () => {
  const weight = normal(new Random(7), [4, 32], 1000, 1);
  const exact = weightStandardization(fromArray(Float64Array.from(weight.data), weight.shape));
  assertClose(weightStandardization(weight), toArray(exact), 3e-7);
});

test('bad input is refused with what came', () => {
  for (const norm of [weightStandardization, weightStandardizationDefinition]) {
    assertThrows(() => norm(zeros([3])), 'ShapeError', /weight must be \[O, \.\.\.rest\].*got shape \[3\]/);
    assertThrows(() => norm(zeros([0, 3])), 'ShapeError', /got shape \[0, 3\]/);
    assertThrows(() => norm(zeros([3, 0])), 'ShapeError', /got shape \[3, 0\]/);
    assertThrows(() => norm(zeros([3, 1]), { unbiased: true }), 'ShapeError', /two values in each filter, got shape \[3, 1\]/);
    assertThrows(() => norm(zeros([3, 2]), { eps: -1 }), 'RangeError', /eps must be finite and at least 0/);
    assertThrows(() => norm(zeros([3, 2]), { epsMode: 'beside' as 'inside' }), 'RangeError', /epsMode must be 'outside' or 'inside', got beside/);
  }
  assertThrows(() => new WeightStandardization({ eps: NaN }), 'RangeError', /WeightStandardization: eps/);
});

test('in a layer the original is what is trained and saved', () => {
  const layer = parametrize(new Conv2d(2, 3, { kernelSize: 2, random: new Random(1) }), new WeightStandardization({ eps: 0.5 }));
  assert.equal(Object.keys(layer.stateDict()).sort(), ['bias', 'parametrizations.weight.original']);
  for (const filter of filters(layer.weight.data, 8)) assert.ok(Math.abs(total(filter)) < 1e-6);
  assert.is(layer.parameters().length, 2);
});

test.run();
