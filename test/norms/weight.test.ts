import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { mul } from '../../src/autograd/mul.ts';
import { Conv2d } from '../../src/nn/conv2d.ts';
import { Linear } from '../../src/nn/linear.ts';
import { bake, parametrize } from '../../src/nn/parametrize.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { WeightNorm, weightNorm, weightNormDefinition } from '../../src/norms/weight.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('weight');
const float64 = { dtype: 'float64' } as const;
const rows = (x: Tensor, length: number): number[][] =>
  Array.from({ length: x.data.length / length }, (_, o) => Array.from(x.data.slice(o * length, (o + 1) * length)));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);

function drawn(seed: number): { v: Tensor; g: Tensor; dy: Tensor } {
  const random = new Random(seed);
  return {
    v: normal(random, [3, 2, 4], 0, 2, { ...float64, requiresGrad: true }),
    g: normal(random, [3, 1, 1], 0, 1, { ...float64, requiresGrad: true }),
    dy: normal(random, [3, 2, 4], 0, 1, float64),
  };
}

test('the worked example', () => {
  const v = tensor([[3, 4], [0, 2]], { ...float64, requiresGrad: true });
  const g = tensor([[10], [-1]], { ...float64, requiresGrad: true });
  const weight = weightNorm(v, g);
  assertClose(weight, [[6, 8], [0, -1]], 1e-15);
  const [dV, dG] = grad([weight], [v, g], { gradOutputs: [tensor([[1, 0], [1, 1]], float64)] });
  assertClose(dG!, [[0.6], [1]], 1e-15);
  assertClose(dV!, [[1.28, -0.96], [-0.5, 0]], 1e-15);
  assertClose(weightNorm(v, tensor(1, float64), { dim: null }), [[0.557086, 0.742781], [0, 0.371391]], 1e-6);
});

test('every slice is as long as its entry of weightG', () => {
  const { v, g } = drawn(1);
  rows(weightNorm(v, g), 8).forEach((w, o) => assert.ok(Math.abs(Math.sqrt(dot(w, w)) - Math.abs(g.data[o]!)) < 1e-14));
});

test('the gradient of the direction stands across the direction, and that of the length is <dy, weight> / weightG', () => {
  const { v, g, dy } = drawn(2);
  const weight = weightNorm(v, g);
  const [dV, dG] = grad([weight], [v, g], { gradOutputs: [dy] });
  rows(dV!, 8).forEach((d, o) => {
    assert.ok(Math.abs(dot(d, rows(v, 8)[o]!)) < 1e-13);
    assert.ok(Math.abs(dG!.data[o]! - dot(rows(dy, 8)[o]!, rows(weight, 8)[o]!) / g.data[o]!) < 1e-13);
  });
});

test('the length of the direction does not matter, its gradient goes with one over it', () => {
  const { v, g, dy } = drawn(3);
  const longer = fromArray(v.data.map((value) => 4 * value), v.shape, { requiresGrad: true });
  assertClose(weightNorm(longer, g), toArray(weightNorm(v, g)), 1e-15);
  const [a] = grad([weightNorm(v, g)], [v], { gradOutputs: [dy] });
  const [b] = grad([weightNorm(longer, g)], [longer], { gradOutputs: [dy] });
  assertClose(fromArray(b!.data.map((value) => 4 * value), v.shape), toArray(a!), 1e-14);
});

test('a step of gradient descent never shortens the direction (Pythagoras)', () => {
  const { v, g, dy } = drawn(4);
  const [d] = grad([weightNorm(v, g)], [v], { gradOutputs: [dy] });
  rows(v, 8).forEach((before, o) => {
    const step = rows(d!, 8)[o]!;
    const after = before.map((value, i) => value - 0.3 * step[i]!);
    assert.ok(Math.abs(dot(after, after) - dot(before, before) - 0.09 * dot(step, step)) < 1e-12);
  });
});

test('it is linear in the lengths, and the sign of both passes through', () => {
  const { v, g } = drawn(5);
  const scaled = (x: Tensor, factor: number): Tensor => fromArray(x.data.map((value) => factor * value), x.shape);
  assertClose(weightNorm(v, scaled(g, 3)), toArray(scaled(weightNorm(v, g), 3)), 1e-14);
  assert.equal(toArray(weightNorm(scaled(v, -1), scaled(g, -1))), toArray(weightNorm(v, g)));
});

test('dim null is one slice, and for one row it is dim 0; negative numbers count from the back', () => {
  const v = tensor([[1, 2, 2]], float64);
  assert.equal(toArray(weightNorm(v, tensor(6, float64), { dim: null })), [[2, 4, 4]]);
  assert.equal(toArray(weightNorm(v, tensor([[6]], float64))), [[2, 4, 4]]);
  assert.equal(toArray(weightNorm(v, tensor([[1, 2, 3]], float64), { dim: -1 })), [[1, 2, 3]]);
});

test('of a vector along its axis the signs are left, with no gradient to the direction', () => {
  const v = tensor([3, -4], { ...float64, requiresGrad: true });
  const weight = weightNorm(v, tensor([2, 5], float64));
  assert.equal(toArray(weight), [2, -5]);
  assertClose(grad([weight], [v], { gradOutputs: [ones([2], float64)] })[0]!, [0, 0], 1e-15);
});

test('a slice of zeros gives zeros, no gradient to its length, and a finite one to its direction', () => {
  for (const norm of [weightNorm, weightNormDefinition]) {
    const v = zeros([1, 2], { ...float64, requiresGrad: true });
    const g = tensor([[2]], { ...float64, requiresGrad: true });
    const weight = norm(v, g, { eps: 1e-3 });
    assert.equal(toArray(weight), [[0, 0]]);
    const [dV, dG] = grad([weight], [v, g], { gradOutputs: [tensor([[1, 3]], float64)] });
    assertClose(dV!, [[2000, 6000]], 1e-12);
    assert.equal(toArray(dG!), [[0]]);
  }
});

test('a length of 0 gives zeros and passes its own gradient', () => {
  const { v, dy } = drawn(6);
  const g = zeros([3, 1, 1], { ...float64, requiresGrad: true });
  const weight = weightNorm(v, g);
  assert.ok(weight.data.every((value: number) => value === 0));
  const [dV, dG] = grad([weight], [v, g], { gradOutputs: [dy] });
  assert.ok(dV!.data.every((value: number) => value === 0));
  assert.ok(dG!.data.every((value: number) => value !== 0));
});

test('huge and tiny float32 weights keep their length', () => {
  for (const size of [1e25, 1e-25]) {
    assertClose(weightNorm(tensor([[3 * size, 4 * size]]), tensor([[5]]), { eps: 1e-30 }), [[3, 4]], 1e-6);
  }
});

test('a value that is not finite stays within its slice', () => {
  const weight = weightNorm(tensor([[NaN, 1], [3, 4]]), tensor([[1], [5]]));
  assert.equal(toArray(weight), [[NaN, NaN], [3, 4]]);
});

test('bad input is refused with what came', () => {
  for (const norm of [weightNorm, weightNormDefinition]) {
    assertThrows(() => norm(ones([2, 3]), ones([2])), 'ShapeError', /weightG must have shape \[2, 1\].*got \[2\]/);
    assertThrows(() => norm(ones([2, 3]), ones([2, 1]), { dim: null }), 'ShapeError', /weightG must have shape \[\]/);
    assertThrows(() => norm(ones([2, 3]), ones([2, 1]), { dim: 2 }), 'RangeError', /axis must be an integer in \[-2, 1\] for rank 2, got 2/);
    assertThrows(() => norm(zeros([0, 3]), zeros([0, 1])), 'ShapeError', /weightV must not be empty, got shape \[0, 3\]/);
    assertThrows(() => norm(ones([2, 3]), ones([2, 1], float64)), 'TypeError', /weightG must have the dtype of x/);
    for (const eps of [0, -1, NaN]) assertThrows(() => norm(ones([2, 3]), ones([2, 1]), { eps }), 'RangeError', /eps must be finite and above 0/);
  }
  assertThrows(() => new WeightNorm({ eps: 0 }), 'RangeError', /WeightNorm: eps/);
  assertThrows(() => new WeightNorm({ initEps: -1 }), 'RangeError', /initEps must be finite/);
  assertThrows(() => new WeightNorm({ initScale: Infinity }), 'RangeError', /initScale must be finite/);
  assertThrows(() => new WeightNorm().forward(ones([2, 2])), 'Error', /put the module into a layer first/);
});

test('a layer starts as it was, is trained in length and direction, and can be baked', () => {
  const random = new Random(7);
  const plain = new Conv2d(2, 3, { kernelSize: 2, random, dtype: 'float64' });
  const x = normal(random, [2, 2, 4, 4], 0, 1, float64);
  const before = toArray(plain.forward(x));
  const layer = parametrize(plain, new WeightNorm());
  assertClose(layer.forward(x), before as never, 1e-14);
  const names = layer.namedParameters().map(([name]) => name).sort();
  assert.equal(names, ['bias', 'parametrizations.weight.0.weightG', 'parametrizations.weight.original']);
  backward(sum(mul(layer.forward(x), layer.forward(x))));
  assert.ok(layer.parameters().every((parameter) => parameter.grad));
  new SGD(layer.parameters(), { lr: 1e-3 }).step();
  const trained = toArray(layer.forward(x));
  assertClose(bake(layer).forward(x), trained as never, 1e-15);
});

test('the start from data gives the outputs of the batch mean 0 and the spread asked for, whatever the direction', () => {
  for (const scale of [1, 0.5]) {
    const random = new Random(8);
    const norm = new WeightNorm({ initScale: scale });
    const layer = parametrize(new Linear(4, 3, { random, dtype: 'float64' }), norm);
    const x = normal(random, [50, 4], 2, 3, float64);
    norm.initFromData(layer, x);
    const y = layer.forward(x);
    for (let o = 0; o < 3; o++) {
      const column = Array.from(y.data).filter((_, i) => i % 3 === o);
      const mean = column.reduce((a, b) => a + b, 0) / 50;
      const spread = Math.sqrt(column.reduce((a, b) => a + (b - mean) ** 2, 0) / 50);
      assert.ok(Math.abs(mean) < 1e-13 && Math.abs(spread - scale) < 1e-7 * scale, `mean ${mean}, spread ${spread}`);
    }
  }
});

test('the start from data is refused where it cannot be, and changes nothing then', () => {
  const norm = new WeightNorm();
  const layer = parametrize(new Linear(2, 2, { random: new Random(9) }), norm);
  const before = toArray(norm.weightG!);
  assertThrows(() => norm.initFromData(layer, ones([1, 2])), 'ShapeError', /two values or more, got outputs \[1, 2\]/);
  assert.equal(toArray(norm.weightG!), before);
  assert.ok(layer.bias!.data.some((value: number) => value !== 0));
  const bare = new WeightNorm();
  assertThrows(() => bare.initFromData(parametrize(new Linear(2, 2, { random: new Random(9), bias: false }), bare), ones([2, 2])), 'ShapeError', /and no bias/);
});

test.run();
