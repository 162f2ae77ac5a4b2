import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { take } from '../../src/autograd/take.ts';
import { CosineNorm, cosineNorm, cosineNormDefinition } from '../../src/norms/cosine.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('cosine');
const float64 = { dtype: 'float64' } as const;
const leaf = { ...float64, requiresGrad: true } as const;
const changed = (x: Tensor, f: (value: number) => number): Tensor => fromArray(x.data.map(f), x.shape);
const linear = (seed: number) => {
  const random = new Random(seed);
  return { x: normal(random, [3, 5], 0, 1, leaf), weight: normal(random, [4, 5], 0, 1, leaf), dy: normal(random, [3, 4], 0, 1, float64) };
};
const image = (seed: number) => {
  const random = new Random(seed);
  return { x: normal(random, [2, 2, 4, 5], 0, 1, leaf), weight: normal(random, [3, 2, 2, 3], 0, 1, leaf), random };
};
const rowsSum = (x: Tensor, length: number, f: (i: number) => number): number[] =>
  Array.from({ length: x.data.length / length }, (_, r) => Array.from({ length }, (_, i) => f(r * length + i)).reduce((a, b) => a + b, 0));

test('the worked examples', () => {
  const x = tensor([[3, 4]], leaf);
  const weight = tensor([[1, 0], [0, -2]], leaf);
  const y = cosineNorm(x, weight);
  assertClose(y, [[0.6, -0.8]], 1e-15);
  const [dx, dWeight] = grad([y], [x, weight], { gradOutputs: [tensor([[1, 0]], float64)] });
  assertClose(dx!, [[0.128, -0.096]], 1e-15);
  assertClose(dWeight!, [[0, 0.8], [0, 0]], 1e-15);
  const a = tensor([[1, 2, 3]], leaf);
  const b = tensor([[1, 3, 2]], leaf);
  const r = cosineNorm(a, b, null, { centered: true });
  assertClose(r, [[0.5]], 1e-15);
  const [da, db] = grad([r], [a, b], { gradOutputs: [ones([1, 1], float64)] });
  assertClose(da!, [[-0.25, 0.5, -0.25]], 1e-15);
  assertClose(db!, [[-0.25, -0.25, 0.5]], 1e-15);
});

for (const centered of [false, true]) {
  const name = centered ? 'centered' : 'plain';

  test(`${name}: results lie in [-1, 1], and a vector along its weight gives 1`, () => {
    const { x, weight } = linear(1);
    assert.ok(cosineNorm(x, weight, null, { centered }).data.every((c: number) => Math.abs(c) <= 1 + 1e-15));
    assertClose(cosineNorm(changed(weight, (w) => 3 * w), weight, null, { centered }), changed(cosineNorm(weight, weight, null, { centered }), (c) => c), 1e-14);
    const self = cosineNorm(weight, weight, null, { centered }).data;
    for (let o = 0; o < 4; o++) assert.ok(Math.abs(self[5 * o]! - 1) < 1e-14);
  });

  test(`${name}: the scale of a vector or a weight does not matter, its sign does`, () => {
    const { x, weight } = linear(2);
    const want = cosineNorm(x, weight, null, { centered });
    assertClose(cosineNorm(changed(x, (v) => 5 * v), changed(weight, (w) => w / 3), null, { centered }), toArray(want), 1e-14);
    assertClose(cosineNorm(changed(x, (v) => -v), weight, null, { centered }), toArray(changed(want, (c) => -c)), 1e-15);
  });

  test(`${name}: gradients stand across the vectors, and go with one over their length`, () => {
    const { x, weight, dy } = linear(3);
    const [dx, dWeight] = grad([cosineNorm(x, weight, null, { centered })], [x, weight], { gradOutputs: [dy] });
    for (const total of rowsSum(x, 5, (i) => x.data[i]! * dx!.data[i]!)) assert.ok(Math.abs(total) < 1e-14);
    for (const total of rowsSum(weight, 5, (i) => weight.data[i]! * dWeight!.data[i]!)) assert.ok(Math.abs(total) < 1e-14);
    const longer = fromArray(x.data.map((v) => 4 * v), x.shape, { requiresGrad: true });
    const [dLonger] = grad([cosineNorm(longer, weight, null, { centered })], [longer], { gradOutputs: [dy] });
    assertClose(changed(dLonger!, (v) => 4 * v), toArray(dx!), 1e-14);
  });

  test(`${name}: of an image, the gradient times the image sums to 0 where no patch is padded`, () => {
    const { x, weight, random } = image(4);
    const y = cosineNorm(x, weight, null, { centered });
    const [dx] = grad([y], [x], { gradOutputs: [normal(random, y.shape, 0, 1, float64)] });
    for (const total of rowsSum(x, 40, (i) => x.data[i]! * dx!.data[i]!)) assert.ok(Math.abs(total) < 1e-13);
  });

  test(`${name}: a kernel of one pixel is the linear form at every pixel, one as large as the image that of the whole`, () => {
    const { x } = image(5);
    const weight = normal(new Random(6), [3, 2], 0, 1, float64);
    const y = cosineNorm(x, reshape(weight, [3, 2, 1, 1]), null, { centered });
    const pixel = tensor([[x.data[7]!, x.data[27]!]], float64);
    const at = cosineNorm(pixel, weight, null, { centered }).data;
    for (let o = 0; o < 3; o++) assert.ok(Math.abs(y.data[o * 20 + 7]! - at[o]!) < 1e-15);
    const whole = normal(new Random(7), [3, 2, 4, 5], 0, 1, float64);
    const flat = cosineNorm(reshape(x, [2, 40]), reshape(whole, [3, 40]), null, { centered });
    assertClose(reshape(cosineNorm(x, whole, null, { centered }), [2, 3]), toArray(flat), 1e-14);
  });
}

test('centered: constants added to vectors and weights change nothing, and gradients sum to 0', () => {
  const { x, weight, dy } = linear(8);
  const y = cosineNorm(x, weight, null, { centered: true });
  assertClose(cosineNorm(changed(x, (v) => v + 7), changed(weight, (w) => w - 3), null, { centered: true }), toArray(y), 1e-13);
  const [dx, dWeight] = grad([y], [x, weight], { gradOutputs: [dy] });
  for (const total of [...rowsSum(x, 5, (i) => dx!.data[i]!), ...rowsSum(weight, 5, (i) => dWeight!.data[i]!)]) assert.ok(Math.abs(total) < 1e-14);
});

test('plain: features that move together in x and weight change nothing', () => {
  const { x, weight } = linear(9);
  const order = [3, 0, 4, 1, 2];
  assertClose(cosineNorm(take(x, order, 1), take(weight, order, 1)), toArray(cosineNorm(x, weight)), 1e-15);
});

test('rows are independent, bit by bit, also where one is not finite', () => {
  const { x, weight } = linear(10);
  const before = [...cosineNorm(x, weight).data].slice(0, 8);
  x.data[14] = NaN;
  const y = cosineNorm(x, weight).data;
  assert.equal([...y].slice(0, 8), before);
  assert.ok([...y].slice(8).every(Number.isNaN));
});

test('of one feature the signs are left, without gradient; centered there is nothing left', () => {
  const x = tensor([[3], [-5]], leaf);
  const weight = tensor([[-2]], leaf);
  const y = cosineNorm(x, weight);
  assert.equal(toArray(y), [[-1], [1]]);
  assertClose(grad([y], [x], { gradOutputs: [ones([2, 1], float64)] })[0]!, [[0], [0]], 1e-15);
  assert.equal(Array.from(cosineNorm(x, weight, null, { centered: true }).data, Math.abs), [0, 0]);
});

test('a vector of zeros, and one shorter than eps, are divided by eps, and so is their gradient', () => {
  for (const norm of [cosineNorm, cosineNormDefinition]) {
    const x = tensor([[0, 0], [0.003, 0.004]], leaf);
    const y = norm(x, tensor([[0, 2]], float64), null, { eps: 0.01 });
    assertClose(y, [[0], [0.4]], 1e-15);
    assertClose(grad([y], [x], { gradOutputs: [ones([2, 1], float64)] })[0]!, [[0, 100], [0, 100]], 1e-13);
  }
});

test('centered float32 data with mean 1000 keep their digits', () => {
  const random = new Random(11);
  const x = normal(random, [4, 16], 1000, 1);
  const weight = normal(random, [3, 16], 1000, 1);
  const exact = cosineNorm(fromArray(Float64Array.from(x.data), x.shape), fromArray(Float64Array.from(weight.data), weight.shape), null, { centered: true });
  assertClose(cosineNorm(x, weight, null, { centered: true }), toArray(exact), 1e-7);
});

test('huge float32 values do not overflow', () => {
  assertClose(cosineNorm(tensor([[3e25, 4e25]]), tensor([[0, 1e30]])), [[0.8]], 1e-6);
});

test('the bias is added last, and any number of leading axes will do', () => {
  const x = tensor([[[3, 4]], [[0, 1]]], float64);
  assertClose(cosineNorm(x, tensor([[0, 1]], float64), tensor([10], float64)), [[[10.8]], [[11]]], 1e-15);
  assertClose(cosineNorm(tensor([3, 4], float64), tensor([[0, 1]], float64)), [0.8], 1e-15);
});

test('bad input is refused with the shapes', () => {
  for (const norm of [cosineNorm, cosineNormDefinition]) {
    assertThrows(() => norm(ones([2, 3]), ones([4, 2])), 'ShapeError', /x must be \[\.\.\., D\] for a weight \[O, D\].*got \[2, 3\] and \[4, 2\]/);
    assertThrows(() => norm(ones([1, 3, 4, 4]), ones([2, 2, 2, 2])), 'ShapeError', /got \[1, 3, 4, 4\] and \[2, 2, 2, 2\]/);
    assertThrows(() => norm(ones([2, 3]), ones([4, 3]), ones([3])), 'ShapeError', /bias must have shape \[4\]/);
    assertThrows(() => norm(ones([2, 0]), zeros([4, 0])), 'ShapeError', /got \[2, 0\] and \[4, 0\]/);
    assertThrows(() => norm(ones([1, 1, 2, 2]), ones([1, 1, 3, 3])), 'ShapeError', /the kernel \[3, 3\] must fit/);
    assertThrows(() => norm(ones([2, 3]), ones([4, 3]), null, { eps: 0 }), 'RangeError', /eps must be finite and above 0/);
    assertThrows(() => norm(ones([2, 3]), ones([4, 3]), null, { stride: 0 }), 'RangeError', /stride must be a positive integer/);
    assertThrows(() => norm(ones([2, 3]), ones([4, 3]), null, { padding: -1 }), 'RangeError', /padding must be an integer of at least 0/);
    assertThrows(() => norm(ones([2, 3]), ones([4, 3], float64)), 'TypeError', /weight must have the dtype of x/);
  }
  assertThrows(() => new CosineNorm(2, 3, { eps: -1, random: new Random(1) }), 'RangeError', /CosineNorm: eps/);
});

test('the layer holds weight and bias, for vectors and for images', () => {
  const random = new Random(12);
  const flat = new CosineNorm(3, 2, { random });
  assert.equal(Object.keys(flat.stateDict()), ['weight', 'bias']);
  assert.equal(flat.forward(ones([5, 3])).shape, [5, 2]);
  const conv = new CosineNorm(2, 3, { kernelSize: 3, padding: 1, stride: 2, bias: false, random });
  assert.equal(Object.keys(conv.stateDict()), ['weight']);
  assert.equal(conv.forward(ones([1, 2, 5, 5])).shape, [1, 3, 3, 3]);
});

test.run();
