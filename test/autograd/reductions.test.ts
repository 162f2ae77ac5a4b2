import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { amax } from '../../src/autograd/amax.ts';
import { amin } from '../../src/autograd/amin.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { cumsum } from '../../src/autograd/cumsum.ts';
import { dot } from '../../src/autograd/dot.ts';
import { logSoftmax } from '../../src/autograd/log-softmax.ts';
import { mean } from '../../src/autograd/mean.ts';
import { norm } from '../../src/autograd/norm.ts';
import { outer } from '../../src/autograd/outer.ts';
import { softmax } from '../../src/autograd/softmax.ts';
import { sum, sumTo } from '../../src/autograd/sum.ts';
import { variance } from '../../src/autograd/variance.ts';
import { full, type Nested, tensor, zeros } from '../../src/tensor/create.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('reductions');

const double = (values: Nested): Tensor => tensor(values, { dtype: 'float64', requiresGrad: true });

/** The gradient of f at x, weighted by dy. */
function pulled(f: (x: Tensor) => Tensor, values: Nested, dy: Nested): Nested {
  const x = double(values);
  return toArray(grad([f(x)], [x], { gradOutputs: [tensor(dy, { dtype: 'float64' })] })[0]!);
}

const table = [[1, 4, 4], [3, 4, 2]];

test('sum reduces all axes, one, or several, and keeps them if asked', () => {
  const x = tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]);
  assert.is(item(sum(x)), 36);
  assert.equal(toArray(sum(x, { axis: 0 })), [[6, 8], [10, 12]]);
  assert.equal(toArray(sum(x, { axis: -1 })), [[3, 7], [11, 15]]);
  assert.equal(toArray(sum(x, { axis: [0, 2] })), [14, 22]);
  assert.equal(sum(x, { axis: [0, 2], keepDims: true }).shape, [1, 2, 1]);
  assert.equal(toArray(sum(x, { axis: [] })), toArray(x));
});

test('the gradient of sum is repeated over what was summed', () => {
  assert.equal(pulled((x) => sum(x, { axis: 1 }), [[1, 2], [3, 4]], [5, 7]), [[5, 5], [7, 7]]);
});

test('sum accumulates in double', () => {
  const x = tensor([2 ** 24, 1, 1, -(2 ** 24)]);
  assert.is(item(sum(x)), 2);
});

test('the sum of nothing is 0, and its mean NaN', () => {
  assert.is(item(sum(zeros([0]))), 0);
  assert.equal(toArray(sum(zeros([2, 0]), { axis: 1 })), [0, 0]);
  assert.ok(Number.isNaN(item(mean(zeros([0])))));
});

test('sumTo is the adjoint of broadcasting', () => {
  const x = tensor([[1, 2], [3, 4]]);
  assert.equal(toArray(sumTo(x, [1, 2])), [[4, 6]]);
  assert.equal(toArray(sumTo(x, [2, 1])), [[3], [7]]);
  assert.equal(toArray(sumTo(x, [2])), [4, 6]);
  assert.equal(toArray(sumTo(x, [])), 10);
  assert.is(sumTo(x, [2, 2]), x);
});

test('mean and variance are biased unless asked otherwise', () => {
  const x = double([[1, 3], [2, 8]]);
  assert.equal(toArray(mean(x, { axis: 1 })), [2, 5]);
  assert.equal(toArray(variance(x, { axis: 1 })), [1, 9]);
  assert.equal(toArray(variance(x, { axis: 1, unbiased: true })), [2, 18]);
  assert.equal(variance(x, { axis: 0, keepDims: true }).shape, [1, 2]);
  assert.is(item(variance(x)), (2.5 ** 2 + 0.5 ** 2 + 1.5 ** 2 + 4.5 ** 2) / 4);
});

test('variance does not cancel when the mean is large', () => {
  assert.is(item(variance(double([1e9, 1e9 + 1, 1e9 + 2]), { unbiased: true })), 1);
});

test('amax and amin reduce over axes', () => {
  const x = tensor(table);
  assert.is(item(amax(x)), 4);
  assert.is(item(amin(x)), 1);
  assert.equal(toArray(amax(x, { axis: 0 })), [3, 4, 4]);
  assert.equal(toArray(amin(x, { axis: -1 })), [1, 2]);
  assert.equal(toArray(amax(x, { axis: -1, keepDims: true })), [[4], [4]]);
  assert.equal(toArray(amax(tensor([[[1, 9], [5, 2]], [[7, 3], [4, 6]]]), { axis: [0, 2] })), [9, 6]);
});

test('equal extremes share the gradient equally', () => {
  assert.equal(pulled((x) => amax(x, { axis: 1 }), table, [8, 5]), [[0, 4, 4], [0, 5, 0]]);
  assert.equal(pulled((x) => amax(x), table, 9), [[0, 3, 3], [0, 3, 0]]);
  assert.equal(pulled((x) => amin(x, { axis: 0, keepDims: true }), table, [[1, 6, 3]]), [[1, 3, 0], [0, 3, 3]]);
});

test('the extreme of numbers that include NaN is NaN, and the NaN takes the gradient', () => {
  for (const f of [amax, amin]) {
    assert.equal(toArray(f(tensor([[1, NaN, 2], [3, 1, 2]]), { axis: 1 })).toString().split(',')[0], 'NaN');
    assert.ok(Number.isNaN(item(f(tensor([NaN, 1])))));
    assert.ok(Number.isNaN(item(f(tensor([1, NaN])))));
    assert.equal(pulled((x) => f(x), [1, NaN, 2, NaN], 6), [0, 3, 0, 3]);
  }
});

test('infinities are extremes, also where there is nothing else', () => {
  assert.is(item(amax(tensor([-Infinity, -Infinity]))), -Infinity);
  assert.is(item(amin(tensor([Infinity]))), Infinity);
  assert.equal(pulled((x) => amax(x), [-Infinity, -Infinity], 1), [0.5, 0.5]);
});

test('nothing has no extreme, but no extremes of nothing are fine', () => {
  assertThrows(() => amax(zeros([2, 0]), { axis: 1 }), 'ShapeError', /^amax: there must be an element to choose, got shape \[2, 0\], axes \[1\]/);
  assertThrows(() => amin(zeros([0])), 'ShapeError', /^amin: /);
  assert.equal(amax(zeros([0, 3]), { axis: 1 }).shape, [0]);
  assert.equal(amax(zeros([2, 0]), { axis: 0 }).shape, [0]);
});

test('reductions refuse axes outside the rank, by name', () => {
  for (const [name, f] of Object.entries({ sum, mean, variance, amax, amin, norm })) {
    assertThrows(() => f(zeros([2]), { axis: 1 }), 'RangeError', new RegExp(`^${name}: axis must be an integer in \\[-1, 0\\]`));
  }
  assertThrows(() => softmax(zeros([2]), 1), 'RangeError', /^softmax: /);
  assertThrows(() => logSoftmax(zeros([2]), -2), 'RangeError', /^logSoftmax: /);
  assertThrows(() => cumsum(zeros([2]), 1), 'RangeError', /^cumsum: /);
});

test('softmax sums to 1 along its axis', () => {
  assertClose(softmax(double([1, 2, 4])), [0.042010066134066051, 0.114195199384594479, 0.84379473448133947], 1e-15);
  assert.equal(toArray(softmax(double([[0, 5], [0, 5]]), 0)), [[0.5, 0.5], [0.5, 0.5]]);
  assert.equal(toArray(softmax(double([[[3], [3]]]), -2)), [[[0.5], [0.5]]]);
});

test('softmax neither overflows nor minds -Infinity, and NaN flows', () => {
  assert.equal(toArray(softmax(tensor([1000, 1000, -Infinity]))), [0.5, 0.5, 0]);
  assert.equal(toArray(softmax(tensor([[1, NaN], [2, 2]]))), [[NaN, NaN], [0.5, 0.5]]);
  assert.equal(toArray(softmax(tensor([-Infinity, -Infinity]))), [NaN, NaN]);
  assert.equal(toArray(softmax(tensor([Infinity, 1]))), [NaN, NaN]);
});

test('the gradient of softmax keeps its digits where y is near 1', () => {
  // dx = y0 y1 (dy0 - dy1), and minus that
  const small = Math.exp(-40);
  const [dx, other] = pulled((x) => softmax(x), [0, -40], [1, 3]) as [number, number];
  assert.ok(Math.abs(dx + 2 * small) < 1e-15 * small, `got ${dx}`);
  assert.ok(Math.abs(other - 2 * small) < 1e-15 * small, `got ${other}`);
});

test('the gradient of softmax is y * (dy - sum of y * dy)', () => {
  assert.equal(pulled((x) => softmax(x), [0, 0], [1, 3]), [-0.5, 0.5]);
});

test('logSoftmax is finite where softmax underflows', () => {
  assertClose(logSoftmax(double([1, 2, 4])), [-3.16984601955628565, -2.16984601955628565, -0.169846019556285649], 1e-15);
  assert.equal(toArray(logSoftmax(tensor([0, -1000, 1000]))), [-1000, -2000, 0]);
  assert.equal(toArray(logSoftmax(double([[0, 7], [0, 7]]), 0)), [[-Math.LN2, -Math.LN2], [-Math.LN2, -Math.LN2]]);
  assert.equal(pulled((x) => logSoftmax(x), [0, 0], [1, 3]), [-1, 1]);
  assert.equal(toArray(logSoftmax(tensor([1, NaN]))), [NaN, NaN]);
});

test('softmax of an empty tensor or axis is empty, and of a scalar has no axis', () => {
  assert.equal(softmax(zeros([2, 0])).shape, [2, 0]);
  assert.equal(logSoftmax(zeros([0, 2])).shape, [0, 2]);
  assertThrows(() => softmax(zeros([])), 'RangeError', /rank 0/);
});

test('cumsum runs along its axis, either way', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]);
  assert.equal(toArray(cumsum(x, 0)), [[1, 2, 3], [5, 7, 9]]);
  assert.equal(toArray(cumsum(x, -1)), [[1, 3, 6], [4, 9, 15]]);
  assert.equal(toArray(cumsum(x, 1, { reverse: true })), [[6, 5, 3], [15, 11, 6]]);
  assert.equal(cumsum(zeros([2, 0]), 1).shape, [2, 0]);
  assert.equal(toArray(cumsum(tensor([1, NaN, 1]), 0)), [1, NaN, NaN]);
});

test('the gradient of cumsum runs the other way', () => {
  assert.equal(pulled((x) => cumsum(x, 0), [1, 1, 1], [1, 10, 100]), [111, 110, 100]);
  assert.equal(pulled((x) => cumsum(x, 0, { reverse: true }), [1, 1, 1], [1, 10, 100]), [1, 11, 111]);
});

test('cumsum accumulates in double', () => {
  assert.equal(toArray(cumsum(tensor([2 ** 24, 1, 1]), 0)), [2 ** 24, 2 ** 24, 2 ** 24 + 2]);
});

test('dot and outer are the products of vectors', () => {
  const x = double([1, 2]);
  const y = double([3, 5]);
  assert.is(item(dot(x, y)), 13);
  assert.equal(toArray(outer(x, double([3, 4, 5]))), [[3, 4, 5], [6, 8, 10]]);
  assert.equal(grad([dot(x, y)], [x, y]).map(toArray), [[3, 5], [1, 2]]);
  assert.equal(outer(zeros([0]), zeros([2])).shape, [0, 2]);
});

test('dot and outer refuse anything but vectors', () => {
  assertThrows(() => dot(zeros([2]), zeros([3])), 'ShapeError', /^dot: .*got \[2\] and \[3\]; use matmul/);
  assertThrows(() => dot(zeros([2, 2]), zeros([2, 2])), 'ShapeError', /^dot: /);
  assertThrows(() => dot(zeros([2]), zeros([1])), 'ShapeError', /^dot: /);
  assertThrows(() => outer(zeros([2, 1]), zeros([2])), 'ShapeError', /^outer: both tensors must be vectors, got \[2, 1\] and \[2\]/);
});

test('norm is the Euclidean length along axes', () => {
  const x = double([[3, 4], [5, 12]]);
  assert.equal(toArray(norm(x, { axis: 1 })), [5, 13]);
  assert.equal(norm(x, { axis: 1, keepDims: true }).shape, [2, 1]);
  assert.is(item(norm(x)), Math.sqrt(194));
  assert.equal(pulled((v) => norm(v, { axis: 1 }), [[3, 4], [5, 12]], [5, 26]), [[3, 4], [10, 24]]);
});

test('norm takes ord 1 and Infinity', () => {
  const x = double([[3, -4], [5, -12]]);
  assert.equal(toArray(norm(x, { ord: 1, axis: 0 })), [8, 16]);
  assert.equal(toArray(norm(x, { ord: Infinity, axis: 1 })), [4, 12]);
  assert.equal(pulled((v) => norm(v, { ord: Infinity }), [3, -4], 2), [0, -2]);
  assertThrows(() => norm(x, { ord: 3 } as object), 'RangeError', /^norm: ord must be 1, 2 or Infinity, got 3/);
});

test('the gradient of norm at a zero vector is 0, and other vectors do not notice', () => {
  assert.equal(pulled((v) => norm(v, { axis: 1 }), [[0, 0], [3, 4]], [7, 5]), [[0, 0], [3, 4]]);
});

test('the second derivative of norm away from zero is the projection over the length', () => {
  const x = double([3, 4]);
  const [dx] = grad([norm(x)], [x], { createGraph: true });
  backward(dx!, tensor([1, 0], { dtype: 'float64' }));
  assertClose(x.grad!, [16 / 125, -12 / 125], 1e-16);
});

test('norm neither overflows nor underflows in its squares', () => {
  for (const scale of [1e200, 1e-200, 1e-310]) {
    assertClose(norm(double([[3 * scale, 4 * scale], [3, 4]]), { axis: 1 }), [5 * scale, 5], 1e-15);
    const ratio = item(norm(double([3 * scale, 4 * scale]))) / scale;
    assert.ok(Math.abs(ratio - 5) < 1e-12, `${scale}: ${ratio}`);
  }
  assert.is(item(norm(tensor([3e30, 4e30]))), Math.fround(Math.hypot(Math.fround(3e30), Math.fround(4e30))));
  assert.is(item(norm(tensor([3e-30, 4e-30]))), Math.fround(Math.hypot(Math.fround(3e-30), Math.fround(4e-30))));
});

test('norm lets NaN and infinities through, and the length of nothing is 0', () => {
  assert.equal(toArray(norm(double([[NaN, 1], [Infinity, 1], [1e-300, 0]]), { axis: 1 })), [NaN, Infinity, 1e-300]);
  assert.is(item(norm(zeros([0], { dtype: 'float64' }))), 0);
  assert.equal(toArray(norm(full([2, 0], 1), { axis: 1 })), [0, 0]);
});

test.run();
