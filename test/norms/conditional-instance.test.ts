import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import { adaptiveInstanceNorm } from '../../src/norms/adaptive-instance.ts';
import {
  ConditionalInstanceNorm,
  conditionalInstanceNorm,
  conditionalInstanceNormDefinition,
} from '../../src/norms/conditional-instance.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { copy, fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { epsilons, gridTensor } from '../support/tensor-arbitrary.ts';

const test = suite('conditional instance');
const float64 = { dtype: 'float64' } as const;
const mix = { conditioning: 'mix' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => {
    const shape = [1, x.shape[1]!];
    const labels = new Array<number>(x.shape[0]!).fill(0);
    return conditionalInstanceNorm(x, labels, ones(shape, { dtype: x.dtype }), zeros(shape, { dtype: x.dtype }), { eps });
  },
  shapes: { minRank: 3, maxRank: 4, fits: (shape) => sizeOf(shape.slice(2)) >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))),
});

/** An input of 3 samples and 2 channels, and tables of 4 styles, all wanting gradients. */
function given(seed = 1): { x: Tensor; weight: Tensor; bias: Tensor; dy: Tensor } {
  const random = new Random(seed);
  const leaf = { ...float64, requiresGrad: true };
  return {
    x: normal(random, [3, 2, 5], 2, 3, leaf),
    weight: normal(random, [4, 2], 0, 1, leaf),
    bias: normal(random, [4, 2], 0, 1, leaf),
    dy: normal(random, [3, 2, 5], 0, 1, float64),
  };
}

/** The sample `n` of a tensor as a batch of one. */
function sample(x: Tensor, n: number): Tensor {
  const size = sizeOf(x.shape.slice(1));
  return fromArray(x.data.slice(n * size, (n + 1) * size), [1, ...x.shape.slice(1)]);
}

/** The row `k` of a table. */
function row(table: Tensor, k: number): Tensor {
  return fromArray(table.data.slice(2 * k, 2 * k + 2), [2]);
}

test('weights of one 1 select the row of that style, bit by bit, and give it the same gradients', () => {
  const { x, weight, bias, dy } = given();
  const labels = [2, 0, 2];
  const oneHot = tensor(labels.map((label) => [0, 1, 2, 3].map((k) => (k === label ? 1 : 0))), float64);
  const selected = conditionalInstanceNorm(x, labels, weight, bias);
  const mixed = conditionalInstanceNorm(x, oneHot, weight, bias, mix);
  assert.equal(toArray(mixed), toArray(selected));
  const want = grad([selected], [x, weight, bias], { gradOutputs: [dy] });
  grad([mixed], [x, weight, bias], { gradOutputs: [dy] }).forEach((g, i) => assertClose(g, want[i]!, 1e-14));
});

test('the result is linear in the weights of the styles, which are used as they are given', () => {
  const { x, weight, bias } = given(2);
  const weights = [0.5, -2, 0, 3.25];
  const mixed = conditionalInstanceNorm(x, tensor(weights, float64), weight, bias, mix);
  const total = zeros(x.shape, float64);
  weights.forEach((q, k) => {
    conditionalInstanceNorm(x, [k, k, k], weight, bias).data.forEach((value, i) => (total.data[i]! += q * value));
  });
  assertClose(mixed, total, 1e-13);
  const none = conditionalInstanceNorm(x, zeros([3, 4], float64), weight, bias, mix);
  assert.ok(none.data.every((value) => value === 0));
});

test('weights shared by the batch equal the same weights for every sample; their gradient is the sum over the samples', () => {
  const { x, weight, bias, dy } = given(3);
  const shared = tensor([0.5, -1, 2, 0.25], { ...float64, requiresGrad: true });
  const each = tensor([0, 1, 2].map(() => [0.5, -1, 2, 0.25]), { ...float64, requiresGrad: true });
  const y = conditionalInstanceNorm(x, shared, weight, bias, mix);
  const want = conditionalInstanceNorm(x, each, weight, bias, mix);
  assert.equal(toArray(y), toArray(want));
  const rows = grad([want], [each], { gradOutputs: [dy] })[0]!.data;
  const total = Float64Array.from({ length: 4 }, (_, k) => rows[k]! + rows[k + 4]! + rows[k + 8]!);
  assertClose(grad([y], [shared], { gradOutputs: [dy] })[0]!, fromArray(total, [4]), 1e-13);
});

test('every sample is what instance norm with the row of its style makes of it, bit by bit', () => {
  const { x, weight, bias } = given(4);
  const labels = [3, 1, 3];
  const y = conditionalInstanceNorm(x, labels, weight, bias, { eps: 0.25 });
  labels.forEach((label, n) => {
    const alone = instanceNorm(sample(x, n), row(weight, label), row(bias, label), null, { eps: 0.25 });
    assert.equal(toArray(sample(y, n)), toArray(alone));
  });
});

test('one picture takes on all styles in one pass', () => {
  const { x, weight, bias } = given(5);
  const one = sample(x, 0);
  const copies = fromArray(Float64Array.from([...one.data, ...one.data, ...one.data, ...one.data]), [4, 2, 5]);
  const y = conditionalInstanceNorm(copies, [0, 1, 2, 3], weight, bias);
  for (let k = 0; k < 4; k++) {
    assert.equal(toArray(sample(y, k)), toArray(conditionalInstanceNorm(one, [k], weight, bias)));
  }
});

test('with one style, or equal rows, it is instance norm, gradients included', () => {
  const { x, dy } = given(6);
  const [weight, bias] = [tensor([2, -1], { ...float64, requiresGrad: true }), tensor([0.5, 3], { ...float64, requiresGrad: true })];
  const tables = [weight, bias].map((v) => fromArray(v.data.slice(), [1, 2], { requiresGrad: true })) as [Tensor, Tensor];
  const y = conditionalInstanceNorm(x, [0, 0, 0], ...tables);
  const want = instanceNorm(x, weight, bias);
  assert.equal(toArray(y), toArray(want));
  const [dx, dWeight, dBias] = grad([y], [x, ...tables], { gradOutputs: [dy] });
  const [dxWant, dWeightWant, dBiasWant] = grad([want], [x, weight, bias], { gradOutputs: [dy] });
  assert.equal(toArray(dx!), toArray(dxWant!));
  assertClose(dWeight!, [toArray(dWeightWant!)], 1e-14);
  assertClose(dBias!, [toArray(dBiasWant!)], 1e-14);
  const rows = ones([3, 2], float64);
  assert.equal(toArray(conditionalInstanceNorm(x, [2, 0, 1], rows, rows)), toArray(conditionalInstanceNorm(x, [1, 1, 1], rows, rows)));
});

test('it equals adaptive instance norm whose statistics are the rows, bit by bit', () => {
  const { x, weight, bias } = given(7);
  const rows = (table: Tensor): Tensor => fromArray(Float64Array.from([2, 0, 1].flatMap((k) => [...row(table, k).data])), [3, 2]);
  const want = adaptiveInstanceNorm(x, { styleMean: rows(bias), styleStd: rows(weight) });
  assert.equal(toArray(conditionalInstanceNorm(x, [2, 0, 1], weight, bias)), toArray(want));
});

test('a row that no sample uses has a gradient of exactly 0; the rows of dBias add up to the sum of dy', () => {
  check(
    fc.property(gridTensor([3, 2, 4]), gridTensor([3, 2, 4]), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 }), (a, b, labels) => {
      const x = a.tensor();
      const dy = b.tensor();
      const weight = ones([4, 2], { ...float64, requiresGrad: true });
      const bias = zeros([4, 2], { ...float64, requiresGrad: true });
      const y = conditionalInstanceNorm(x, labels, weight, bias);
      const [dWeight, dBias] = grad([y], [weight, bias], { gradOutputs: [dy] }) as [Tensor, Tensor];
      const xHat = instanceNorm(x).data;
      for (let k = 0; k < 4; k++) {
        for (let c = 0; c < 2; c++) {
          let [ofDy, projected] = [0, 0];
          labels.forEach((label, n) => {
            for (let i = (2 * n + c) * 4; label === k && i < (2 * n + c) * 4 + 4; i++) {
              ofDy += dy.data[i]!;
              projected += dy.data[i]! * xHat[i]!;
            }
          });
          assert.ok(Math.abs(dBias.data[2 * k + c]! - ofDy) < 1e-10, `dBias of style ${k}`);
          assert.ok(Math.abs(dWeight.data[2 * k + c]! - projected) < 1e-10, `dWeight of style ${k}`);
          if (labels.includes(k)) continue;
          assert.is(dBias.data[2 * k + c], 0);
          assert.is(dWeight.data[2 * k + c], 0);
        }
      }
    }),
    { runs: 40 },
  );
});

test('the gradient of x sums to 0 in every instance, and <xHat, dx> is eps r^3 scale sum(dy xHat)', () => {
  check(
    fc.property(gridTensor([2, 2, 4]), gridTensor([2, 2, 4]), epsilons(), (a, b, eps) => {
      const x = a.tensor('float64', true);
      const dy = b.tensor();
      const weight = tensor([[1.5, -2], [0.5, 4]], float64);
      const y = conditionalInstanceNorm(x, [1, 0], weight, zeros([2, 2], float64), { eps });
      const dx = grad([y], [x], { gradOutputs: [dy] })[0]!;
      const xHat = instanceNorm(x, null, null, null, { eps }).data;
      for (let slice = 0; slice < 4; slice++) {
        const at = [0, 1, 2, 3].map((i) => 4 * slice + i);
        const total = (value: (i: number) => number): number => at.reduce((all, i) => all + value(i), 0);
        const mean = total((i) => x.data[i]!) / 4;
        const r = 1 / Math.sqrt(total((i) => (x.data[i]! - mean) ** 2) / 4 + eps);
        const scale = weight.data[slice < 2 ? 2 + slice : slice - 2]!;
        const size = 1e-10 * (1 + 64 * r * Math.abs(scale));
        assert.ok(Math.abs(total((i) => dx.data[i]!)) < size, 'sum of dx');
        const want = eps * r ** 3 * scale * total((i) => dy.data[i]! * xHat[i]!);
        assert.ok(Math.abs(total((i) => xHat[i]! * dx.data[i]!) - want) < size, '<xHat, dx>');
      }
    }),
    { runs: 40 },
  );
});

test('styles that change places in the tables and in the labels change nothing', () => {
  const { x, weight, bias } = given(8);
  const swap = (table: Tensor): Tensor => fromArray(Float64Array.from([1, 0, 2, 3].flatMap((k) => [...row(table, k).data])), [4, 2]);
  const want = conditionalInstanceNorm(x, [0, 1, 3], weight, bias);
  assert.equal(toArray(conditionalInstanceNorm(x, [1, 0, 3], swap(weight), swap(bias))), toArray(want));
});

test('samples that change places, with their labels, change places in the result', () => {
  const { x, weight, bias } = given(9);
  const order = [2, 0, 1];
  const moved = fromArray(Float64Array.from(order.flatMap((n) => [...sample(x, n).data])), [3, 2, 5]);
  const labels = [3, 1, 0];
  const y = conditionalInstanceNorm(x, labels, weight, bias);
  const got = conditionalInstanceNorm(moved, order.map((n) => labels[n]!), weight, bias);
  order.forEach((n, i) => assert.equal(toArray(sample(got, i)), toArray(sample(y, n))));
});

test('labels come as a list or as a tensor of either dtype', () => {
  const { x, weight, bias } = given(10);
  const want = toArray(conditionalInstanceNorm(x, [3, 0, 1], weight, bias));
  assert.equal(toArray(conditionalInstanceNorm(x, tensor([3, 0, 1]), weight, bias)), want);
  assert.equal(toArray(conditionalInstanceNorm(x, tensor([3, 0, 1], float64), weight, bias)), want);
});

test('a constant instance gives its shift, and a gradient that is large and finite', () => {
  const x = fromArray(new Float64Array(3).fill(0.1), [1, 1, 3], { requiresGrad: true });
  const y = conditionalInstanceNorm(x, [1], tensor([[1], [2]], float64), tensor([[7], [9]], float64), { eps: 1e-4 });
  assert.equal(toArray(y), [[[9, 9, 9]]]);
  assertClose(grad([y], [x], { gradOutputs: [tensor([[[1, 2, 6]]], float64)] })[0]!, [[[-400, -200, 600]]], 1e-12);
});

test('a value that is not finite reaches the row of its own style through the gradient, and no other', () => {
  const x = tensor([[[NaN, 1]], [[0, 2]]]);
  const weight = ones([3, 1], { requiresGrad: true });
  backward(sum(mul(conditionalInstanceNorm(x, [2, 0], weight, zeros([3, 1])), tensor([[[1, 2]], [[-1, 1]]]))));
  assert.equal(Array.from(weight.grad!.data, Number.isFinite), [true, true, false]);
  assert.is(weight.grad!.data[1], 0);
});

test('with eps 0 a constant instance is 0 / 0, and any other has variance 1', () => {
  const y = conditionalInstanceNorm(tensor([[[4, 4], [0, 6]]]), [0], ones([1, 2]), zeros([1, 2]), { eps: 0 });
  assert.equal(toArray(y), [[[NaN, NaN], [-1, 1]]]);
});

test('a gradient that can be differentiated again is the same gradient', () => {
  const { x, weight, bias, dy } = given(11);
  const weights = normal(new Random(12), [3, 4], 0, 1, { ...float64, requiresGrad: true });
  const inputs = [x, weight, bias, weights];
  const y = conditionalInstanceNorm(x, weights, weight, bias, { ...mix, eps: 0.5 });
  const plain = grad([y], inputs, { gradOutputs: [dy], retainGraph: true });
  grad([y], inputs, { gradOutputs: [dy], createGraph: true }).forEach((g, i) => assertClose(g, plain[i]!, 1e-13));
});

test('no samples give no result', () => {
  assert.equal(conditionalInstanceNorm(zeros([0, 2, 3]), [], ones([4, 2]), zeros([4, 2])).shape, [0, 2, 3]);
});

test('bad input is refused: a wrong style would be a silent failure', () => {
  for (const norm of [conditionalInstanceNorm, conditionalInstanceNormDefinition]) {
    const x = zeros([2, 3, 4]);
    const tables = [ones([5, 3]), zeros([5, 3])] as const;
    assertThrows(() => norm(zeros([2, 3]), [0, 1], ...tables), 'ShapeError', /rank 3 to 5, got shape \[2, 3\]/);
    assertThrows(() => norm(zeros([2, 3, 1]), [0, 1], ...tables), 'ShapeError', /more than one spatial element, got x of shape \[2, 3, 1\]/);
    for (const label of [5, -1, 0.5, NaN]) {
      assertThrows(() => norm(x, [0, label], ...tables), 'RangeError', new RegExp(`labels must be integers in \\[0, 5\\), got ${label} at 1`));
    }
    assertThrows(() => norm(x, [0], ...tables), 'ShapeError', /labels must have shape \[2\], one for each sample, got \[1\]/);
    assertThrows(() => norm(x, zeros([2, 1]), ...tables), 'ShapeError', /labels must have shape \[2\].*got \[2, 1\]/);
    assertThrows(() => norm(x, zeros([2, 4]), ...tables, mix), 'ShapeError', /style weights must have shape \[2, 5\].*got \[2, 4\]/);
    assertThrows(() => norm(x, zeros([3, 5]), ...tables, mix), 'ShapeError', /style weights must have shape \[2, 5\].*got \[3, 5\]/);
    assertThrows(() => norm(x, zeros([2]), ...tables, mix), 'ShapeError', /style weights must have shape \[5\].*got \[2\]/);
    assertThrows(() => norm(x, zeros([5], float64), ...tables, mix), 'TypeError', /style weights must have the dtype of x/);
    assertThrows(() => norm(x, [0, 1], ...tables, mix), 'TypeError', /style weights must be a tensor/);
    assertThrows(() => norm(x, [0, 1], ones([5, 2]), zeros([5, 2])), 'ShapeError', /weight must be \[numStyles, 3\].*got \[5, 2\]/);
    assertThrows(() => norm(x, [0, 1], ones([3]), zeros([3])), 'ShapeError', /weight must be \[numStyles, 3\].*got \[3\]/);
    assertThrows(() => norm(x, [0, 1], ones([5, 3]), zeros([4, 3])), 'ShapeError', /bias must have shape \[5, 3\].*got \[4, 3\]/);
    assertThrows(() => norm(x, [0, 1], ones([5, 3], float64), zeros([5, 3])), 'TypeError', /weight must have the dtype of x/);
    assertThrows(() => norm(x, [0, 1], ...tables, { eps: -1 }), 'RangeError', /eps must be finite and at least 0/);
    assertThrows(() => norm(x, [0, 1], ...tables, { conditioning: 'blend' as 'mix' }), 'RangeError', /conditioning must be 'select' or 'mix', got blend/);
  }
});

test('the class holds one row of each table for every style, and trains only the rows in use', () => {
  const norm = new ConditionalInstanceNorm(2, 3, { eps: 0.5, ...float64 });
  assert.equal(toArray(norm.weight), [[1, 1], [1, 1], [1, 1]]);
  assert.equal(toArray(norm.bias), [[0, 0], [0, 0], [0, 0]]);
  assert.equal(Object.keys(norm.stateDict()), ['weight', 'bias']);
  const x = normal(new Random(1), [2, 2, 4], 0, 1, float64);
  const y = norm.forward(x, [2, 2]);
  assert.equal(toArray(y), toArray(instanceNorm(x, null, null, null, { eps: 0.5 })));
  assert.equal(toArray(norm.eval().forward(x, [2, 2])), toArray(y));
  backward(sum(y));
  assert.equal(toArray(norm.bias.grad!), [[0, 0], [0, 0], [8, 8]]);
  const mixing = new ConditionalInstanceNorm(2, 3, { conditioning: 'mix', ...float64 });
  const half = copy(tensor([0.25, 0.25, 0], float64));
  assertClose(mixing.forward(x, half), fromArray(instanceNorm(x).data.map((v) => v / 2), x.shape), 1e-15);
  assertThrows(() => norm.forward(zeros([2, 3, 4], float64), [0, 0]), 'ShapeError', /x must have 2 channels at axis 1/);
  assertThrows(() => new ConditionalInstanceNorm(0, 3), 'RangeError', /numFeatures must be a positive integer/);
  assertThrows(() => new ConditionalInstanceNorm(2, 0), 'RangeError', /numStyles must be a positive integer/);
  assertThrows(() => new ConditionalInstanceNorm(2, 3, { eps: NaN }), 'RangeError', /eps/);
  assertThrows(() => new ConditionalInstanceNorm(2, 3, { conditioning: 'none' as 'mix' }), 'RangeError', /conditioning/);
});

test.run();
