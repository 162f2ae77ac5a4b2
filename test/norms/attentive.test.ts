import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import {
  attentiveNorm,
  attentiveNormDefinition,
  type AttentiveNormOptions,
  type AttentiveNormParameters,
  attentiveNormState,
} from '../../src/norms/attentive.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('attentive');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const group: AttentiveNormOptions = { backbone: 'group', numGroups: 1 };
const activations = ['hsigmoid', 'sigmoid', 'softmax'] as const;
type Given = { -readonly [Name in keyof AttentiveNormParameters]: Tensor };

/** Parameters for C channels: K components, H hidden units where there are any, norms in the head or biases. */
function parametersOf(seed: number, C: number, { K = 3, H = 0, normed = true }: { K?: number; H?: number; normed?: boolean } = {}): Given {
  const random = new Random(seed);
  const draw = (...shape: number[]): Tensor => normal(random, shape, 0, 1, { ...float64, requiresGrad: true });
  const shifts = (role: string, size: number) => (normed ? { [`${role}NormWeight`]: draw(size), [`${role}NormBias`]: draw(size) } : { [`${role}Bias`]: draw(size) });
  return {
    weight: draw(K, C),
    bias: draw(K, C),
    ...(H > 0 && { attentionHiddenWeight: draw(H, C), ...shifts('attentionHidden', H) }),
    attentionWeight: draw(K, H || C),
    ...shifts('attention', K),
  };
}

const x4 = (seed: number, shape: readonly number[] = [4, 3, 2, 3]): Tensor => normal(new Random(seed), shape, 1, 2, { ...float64, requiresGrad: true });
const dyFor = (x: Tensor): Tensor => normal(new Random(99), x.shape, 0, 1, float64);

test('one component with softmax is batch norm, group norm or instance norm, and the head gets a gradient of exactly 0', () => {
  const x = x4(1);
  const dy = dyFor(x);
  const plain = (weight: Tensor, bias: Tensor) => [
    { options: {}, y: batchNorm(x, weight, bias) },
    { options: { backbone: 'group', numGroups: 1 }, y: groupNorm(x, weight, bias, { numGroups: 1 }) },
    { options: { backbone: 'group', numGroups: 3 }, y: instanceNorm(x, weight, bias) },
  ] as const;
  const [weight, bias] = [leaf(double([2, -1, 0.5])), leaf(double([0.25, 3, -2]))];
  for (const { options, y } of plain(weight, bias)) {
    const given = { ...parametersOf(2, 3, { K: 1, H: 2, normed: !('numGroups' in options) }), weight: leaf(double([[2, -1, 0.5]])), bias: leaf(double([[0.25, 3, -2]])) };
    const found = attentiveNorm(x, given, null, { ...options, attention: 'softmax' });
    assert.equal(toArray(found.attention), [[1], [1], [1], [1]]);
    assertClose(found.y, y, 1e-14);
    const wanted = grad([y], [x, weight, bias], { gradOutputs: [dy] });
    const { weight: w, bias: b, ...head } = given;
    const got = grad([found.y], [x, w, b, ...Object.values(head)], { gradOutputs: [dy] });
    wanted.forEach((want, i) => assertClose(fromArray(got[i]!.data, want.shape), want, 1e-12));
    for (const zero of got.slice(3)) assert.ok(zero.data.every((value) => value === 0));
  }
});

test('components that are all equal are batch norm whatever the attention, times the sum of the weights', () => {
  const x = x4(3);
  const row = [[2, -1, 0.5], [0.25, 3, -2]];
  const tables = { weight: double([row[0]!, row[0]!, row[0]!]), bias: double([row[1]!, row[1]!, row[1]!]) };
  const want = batchNorm(x, double(row[0]!), double(row[1]!));
  for (const attention of activations) {
    const found = attentiveNorm(x, { ...parametersOf(4, 3), ...tables }, null, { attention });
    const totals = sum(found.attention, { axis: 1 }).data;
    found.y.data.forEach((value, i) => assert.ok(Math.abs(value - totals[Math.floor(i / 18)]! * want.data[i]!) < 1e-13));
  }
});

test('components, samples and positions that change places change nothing but the places', () => {
  const x = x4(5, [4, 3, 5]);
  for (const H of [0, 2]) {
    const given = parametersOf(6, 3, { H });
    const { y, attention } = attentiveNorm(x, given);
    const order = [2, 0, 1];
    const turned = Object.fromEntries(Object.entries(given).map(([name, p]) => [name, /Hidden/.test(name) ? p : take(p, order)])) as Given;
    const found = attentiveNorm(x, turned);
    assertClose(found.y, y, 1e-13);
    assertClose(found.attention, take(attention, order, 1), 1e-13);
    assertClose(attentiveNorm(take(x, [3, 1, 0, 2]), given).y, take(y, [3, 1, 0, 2]), 1e-13);
    assertClose(attentiveNorm(take(x, [4, 2, 0, 1, 3], 2), given).y, take(y, [4, 2, 0, 1, 3], 2), 1e-13);
  }
});

test('weights are in [0, 1], and those of softmax add up to 1', () => {
  const shapes = tensors({ minRank: 3, maxRank: 4, maxExtent: 4, fits: (shape) => shape[0]! > 1 });
  check(
    fc.property(shapes, fc.constantFrom(...activations), fc.boolean(), (made, kind, normed) => {
      const x = made.tensor();
      const options = { attention: kind, attentionNorm: normed ? 'batch' : 'none' } as const;
      const { attention } = attentiveNorm(x, parametersOf(7, x.shape[1]!, { normed }), null, options);
      assert.ok(attention.data.every((a) => a >= 0 && a <= 1));
      if (kind === 'softmax') assertClose(sum(attention, { axis: 1 }), ones([x.shape[0]!], float64), 1e-14);
    }),
  );
});

test('the result is linear in weight and bias together, and 0 for tables of 0', () => {
  const x = x4(8);
  const [a, b] = [parametersOf(9, 3), parametersOf(10, 3)];
  const combined = (p: Tensor, q: Tensor): Tensor => fromArray(p.data.map((value, i) => 2 * value - 3 * q.data[i]!), p.shape);
  const y = (weight: Tensor, bias: Tensor): Tensor => attentiveNorm(x, { ...a, weight, bias }).y;
  assertClose(y(combined(a.weight, b.weight), combined(a.bias, b.bias)), combined(y(a.weight, a.bias), y(b.weight, b.bias)), 1e-13);
  const nothing = zeros([3, 3], float64);
  assert.ok(y(nothing, nothing).data.every((value) => value === 0));
});

test('with groups and no norm in the head samples do not know of each other, bit by bit, and train is eval', () => {
  const x = x4(11, [4, 4, 3]);
  const given = parametersOf(12, 4, { normed: false });
  const options = { backbone: 'group', numGroups: 2 } as const;
  const whole = attentiveNorm(x, given, null, options);
  const halves = [slice(x, 0, 0, 1), slice(x, 0, 1, 4)].map((part) => attentiveNorm(part, given, null, options));
  assert.equal(toArray(concat(halves.map(({ y }) => y))), toArray(whole.y));
  assert.equal(toArray(concat(halves.map(({ attention }) => attention))), toArray(whole.attention));
  const evaluated = attentiveNorm(x, given, attentiveNormState(4, options), { ...options, training: false });
  assert.equal(toArray(evaluated.y), toArray(whole.y));
});

test('with softmax the gradients of the shifts of all components add up to the sum of dy per channel', () => {
  const x = x4(13);
  const dy = dyFor(x);
  const given = parametersOf(14, 3);
  const { y } = attentiveNorm(x, given, null, { attention: 'softmax' });
  const [dBias] = grad([y], [given.bias], { gradOutputs: [dy] });
  assertClose(sum(dBias!, { axis: 0 }), sum(dy, { axis: [0, 2, 3] }), 1e-13);
});

test('behind a norm in the head a number added to all logits of a component changes nothing', () => {
  const x = x4(15);
  const given = parametersOf(16, 3);
  // with the descriptor "mean" a number added to x is one added to every logit of a component
  const moved = fromArray(x.data.map((value) => value + 8), x.shape);
  for (const attention of activations) {
    const options = { descriptor: 'mean', attention } as const;
    assertClose(attentiveNorm(moved, given, null, options).y, attentiveNorm(x, given, null, options).y, 1e-12);
  }
});

test('behind a norm the length of a row of attentionWeight does not matter: its gradient is orthogonal to it, but for eps', () => {
  const x = x4(17);
  const given = parametersOf(18, 3);
  for (const eps of [0, 1e-5]) {
    const { y } = attentiveNorm(x, given, null, { eps, attention: 'sigmoid' });
    const [dWeight] = grad([y], [given.attentionWeight], { gradOutputs: [dyFor(x)] });
    for (let k = 0; k < 3; k++) {
      const along = [0, 1, 2].reduce((total, c) => total + dWeight!.data[3 * k + c]! * given.attentionWeight.data[3 * k + c]!, 0);
      assert.ok(Math.abs(along) < (eps === 0 ? 1e-13 : 1e-2), `${along}`);
    }
  }
});

test('a power of two as factor of x, with attentionEps and eps times its square, changes nothing, bit by bit', () => {
  const shapes = tensors({ minRank: 3, maxRank: 4, maxExtent: 4, among: ['benign', 'scale', 'outlier'], fits: (shape) => shape[0]! > 1 });
  check(
    fc.property(shapes, fc.integer({ min: -10, max: 10 }), (made, power) => {
      const x = made.tensor();
      const given = parametersOf(19, x.shape[1]!, { normed: false });
      const at = (values: Tensor, square: number): unknown => {
        const { y, attention } = attentiveNorm(values, given, null, { attentionNorm: 'none', attention: 'sigmoid', eps: square / 8, attentionEps: square / 16 });
        return [toArray(y), toArray(attention)];
      };
      assert.equal(at(fromArray(x.data.map((value) => value * 2 ** power), x.shape), 4 ** power), at(x, 1));
    }),
    { runs: 30 },
  );
});

test('a shift of x is seen by the head: attentive norm is not invariant to it', () => {
  const x = x4(20);
  const given = parametersOf(21, 3);
  const moved = fromArray(x.data.map((value) => value + 2), x.shape);
  const [a, b] = [x, moved].map((values) => attentiveNorm(values, given, null, { attention: 'sigmoid' }).attention.data);
  assert.ok(a!.some((value, i) => Math.abs(value - b![i]!) > 0.01));
});

test('logits of 3 and more give weights of 1, the column sums of the tables, and no gradient to the head; of -3 and less 0', () => {
  const x = x4(22);
  const given = parametersOf(23, 3, { normed: false });
  const saturated = (bias: number) => ({ ...given, attentionWeight: leaf(zeros([3, 3], float64)), attentionBias: leaf(full([3], bias, float64)) });
  for (const bias of [3, 10]) {
    const parameters = saturated(bias);
    const { y, attention } = attentiveNorm(x, parameters, null, { attentionNorm: 'none' });
    assert.ok(attention.data.every((a) => a === 1));
    assertClose(y, batchNorm(x, sum(given.weight, { axis: 0 }), sum(given.bias, { axis: 0 })), 1e-13);
    for (const zero of grad([y], [parameters.attentionWeight, parameters.attentionBias], { gradOutputs: [dyFor(x)] })) {
      assert.ok(zero.data.every((value) => value === 0));
    }
  }
  for (const bias of [-3, -10]) assert.ok(attentiveNorm(x, saturated(bias), null, { attentionNorm: 'none' }).y.data.every((value) => value === 0));
  const inside = saturated(2.75);
  const { attention } = attentiveNorm(x, inside, null, { attentionNorm: 'none' });
  assertClose(grad([sum(attention)], [inside.attentionBias!])[0]!, [4 / 6, 4 / 6, 4 / 6], 1e-14);
});

test('the head sees mean over standard deviation of the raw x, or its mean; unbiased divides by the positions less 1', () => {
  const x = double([[[1, 3, 8], [2, 2, 5]]]);
  const given = { weight: zeros([1, 2], float64), bias: zeros([1, 2], float64), attentionWeight: double([[1, -0.5]]), attentionBias: double([0.25]) };
  const logit = (options: AttentiveNormOptions): number => {
    const a = attentiveNorm(x, given, null, { ...group, attention: 'sigmoid', attentionEps: 0.5, ...options }).attention.data[0]!;
    return Math.log(a / (1 - a));
  };
  const near = (got: number, want: number): void => assert.ok(Math.abs(got - want) < 1e-13, `got ${got}, want ${want}`);
  near(logit({ descriptor: 'mean' }), 4 - 1.5 + 0.25);
  near(logit({}), 4 / Math.sqrt(26 / 3 + 0.5) - 1.5 / Math.sqrt(2 + 0.5) + 0.25);
  near(logit({ unbiased: true }), 4 / Math.sqrt(13 + 0.5) - 1.5 / Math.sqrt(3 + 0.5) + 0.25);
});

test('a hidden layer is a rectifier behind its own norm or bias', () => {
  const x = double([[[1]], [[4]]]);
  const tables = { weight: zeros([1, 1], float64), bias: zeros([1, 1], float64) };
  const biased = { ...tables, attentionHiddenWeight: double([[1], [-1]]), attentionHiddenBias: double([-2, 3]), attentionWeight: double([[0.5, 0.25]]), attentionBias: double([-1]) };
  const a = attentiveNorm(x, biased, null, { ...group, descriptor: 'mean' }).attention;
  // hidden [0, 2] and [2, 0], logits -0.5 and 0
  assertClose(a, [[2.5 / 6], [0.5]], 1e-15);
  const normed = { ...tables, attentionHiddenWeight: double([[1]]), attentionHiddenNormWeight: double([2]), attentionHiddenNormBias: double([1]), attentionWeight: double([[1]]), attentionNormWeight: double([0.5]), attentionNormBias: double([0.25]) };
  const b = attentiveNorm(x, normed, null, { ...group, attentionNorm: 'batch', descriptor: 'mean', eps: 0 }).attention;
  // hidden relu(2 * [-1, 1] + 1) = [0, 3], logits 0.5 * [-1, 1] + 0.25
  assertClose(b, [[2.75 / 6], [3.75 / 6]], 1e-15);
});

test('a gradient goes through the weights: of them alone x gets da through mean and deviation of its sample and channel', () => {
  const x = leaf(double([[[1, 3, 8]]]));
  const given = { weight: zeros([1, 1], float64), bias: zeros([1, 1], float64), attentionWeight: double([[2]]), attentionBias: double([-1]) };
  const { attention } = attentiveNorm(x, given, null, { ...group, attentionEps: 0.5 });
  const [dx] = grad([attention], [x], { gradOutputs: [double([[3]])] });
  const q = 1 / Math.sqrt(26 / 3 + 0.5);
  assertClose(dx!, [[[1, 3, 8].map((value) => (3 / 6) * 2 * (q / 3 - (4 * q ** 3 * (value - 4)) / 3))]], 1e-14);
});

test('a constant sample and channel has the descriptor m / sqrt(attentionEps), and a gradient that is finite', () => {
  const x = leaf(full([1, 1, 4], 0.5, float64));
  const given = { weight: leaf(double([[1]])), bias: double([[0.25]]), attentionWeight: double([[0.125]]), attentionBias: double([0]) };
  const { y, attention } = attentiveNorm(x, given, null, { ...group });
  assertClose(attention, [[(0.5 * 0.125) / Math.sqrt(1e-3) / 6 + 0.5]], 1e-14);
  assert.ok(y.data.every((value) => Math.abs(value - 0.25 * attention.data[0]!) < 1e-14));
  const [dx] = grad([y], [x], { gradOutputs: [ones([1, 1, 4], float64)] });
  // dt = 4 * 0.25 / 6 * 0.125, and each position has its quarter of q
  assertClose(dx!, full([1, 1, 4], ((0.125 / 6) / Math.sqrt(1e-3)) / 4, float64), 1e-12);
});

test('a single position is fine when the variance of the descriptor is biased, or there is none', () => {
  const x = x4(24, [3, 2, 1]);
  for (const options of [{}, { descriptor: 'mean', unbiased: true }] as const) {
    const [fused, definition] = [attentiveNorm, attentiveNormDefinition].map((form) => form(x, parametersOf(25, 2), null, options).y);
    assertClose(fused!, definition!, 1e-12);
    assert.ok(fused!.data.every(Number.isFinite));
  }
});

test('a large common offset costs no digits, in float32 either; without a norm in the head it saturates', () => {
  const small = normal(new Random(26), [3, 2, 8]);
  const x = fromArray(small.data.map((value) => Math.fround(value * 1024) / 1024), small.shape);
  const offset = fromArray(x.data.map((value) => Math.fround(value + 4096)), x.shape);
  const exact = fromArray(Float64Array.from(offset.data), x.shape);
  const given = parametersOf(27, 2);
  const narrow = Object.fromEntries(Object.entries(given).map(([name, p]) => [name, tensor(toArray(p))])) as Given;
  const wide = Object.fromEntries(Object.entries(narrow).map(([name, p]) => [name, fromArray(Float64Array.from(p.data), p.shape)])) as Given;
  assertClose(attentiveNorm(offset, narrow).y, attentiveNorm(exact, wide).y, 1e-6);
  const flat = parametersOf(28, 2, { normed: false });
  const { y, attention } = attentiveNorm(exact, flat, null, { attentionNorm: 'none' });
  assert.ok(attention.data.every((a) => a === 0 || a === 1));
  for (const zero of grad([y], [flat.attentionWeight, flat.attentionBias!], { gradOutputs: [dyFor(y)] })) assert.ok(zero.data.every((value) => value === 0));
});

test('what all samples have in common does not cost the gradient of attentionWeight its digits', () => {
  const given = { ...parametersOf(29, 1, { K: 1, H: 1 }), attentionHiddenWeight: leaf(double([[1]])), attentionHiddenNormWeight: leaf(double([1])), attentionHiddenNormBias: leaf(double([0])) };
  const gradient = (offset: number): number => {
    const x = double([[[offset]], [[offset + 1]], [[offset]]]);
    const { attention } = attentiveNorm(x, given, null, { descriptor: 'mean', eps: 1 });
    return grad([attention], [given.attentionHiddenWeight], { gradOutputs: [double([[0], [0], [1]])] })[0]!.data[0]!;
  };
  const want = gradient(0);
  assert.ok(Math.abs(want) > 1e-3 && Math.abs(gradient(-10000) - want) < 1e-11 * Math.abs(want), `${gradient(-10000)} ${want}`);
});

test('NaN in one sample reaches all samples through the statistics of the batch, and stays in its own with groups', () => {
  const x = x4(30, [3, 2, 2]);
  x.data[5] = NaN;
  const everywhere = attentiveNorm(x, parametersOf(31, 2), null);
  assert.ok(everywhere.attention.data.every(Number.isNaN));
  const { y } = attentiveNorm(x, parametersOf(32, 2, { normed: false }), null, group);
  assert.equal([...y.data].map(Number.isNaN), [false, false, false, false, true, true, true, true, false, false, false, false]);
});

test('beside x and the parameters the graph keeps a few numbers for each sample and channel, and no map', () => {
  const random = new Random(33);
  const x = normal(random, [4, 8, 32, 32], 0, 1, { requiresGrad: true });
  const given = parametersOf(34, 8);
  const narrow = Object.fromEntries(Object.entries(given).map(([name, p]) => [name, tensor(toArray(p), { requiresGrad: true })])) as Given;
  const { y } = attentiveNorm(x, narrow);
  const kept = savedBytes(y, { except: [x, ...Object.values(narrow)] });
  assert.ok(kept <= 8 * 7 * (4 * 8), `${kept} bytes; a map has ${4 * sizeOf(x.shape)}`);
});

test.run();
