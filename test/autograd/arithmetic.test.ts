import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { broadcastTo } from '../../src/autograd/broadcast-to.ts';
import { clone } from '../../src/autograd/clone.ts';
import { equal, greater, less } from '../../src/autograd/compare.ts';
import { div } from '../../src/autograd/div.ts';
import { mul } from '../../src/autograd/mul.ts';
import { neg } from '../../src/autograd/neg.ts';
import { rsqrt } from '../../src/autograd/rsqrt.ts';
import { square } from '../../src/autograd/square.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('arithmetic');
const leaf = { requiresGrad: true };

test('two operands are combined element by element', () => {
  const x = tensor([6, -8]);
  const y = tensor([3, 2]);
  assert.equal(toArray(add(x, y)), [9, -6]);
  assert.equal(toArray(sub(x, y)), [3, -10]);
  assert.equal(toArray(mul(x, y)), [18, -16]);
  assert.equal(toArray(div(x, y)), [2, -4]);
});

test('a number takes the dtype of the other operand, and two numbers are float32', () => {
  const x = tensor([1], { dtype: 'float64' });
  assert.is(add(x, 0.1).data[0], 1.1);
  assert.is(sub(0.1, x).data[0], 0.1 - 1);
  assert.is(mul(2, 3).dtype, 'float32');
  assert.equal(mul(2, 3).shape, []);
});

test('different dtypes are a TypeError that names cast', () => {
  const x = tensor([1]);
  const y = tensor([1], { dtype: 'float64' });
  for (const [name, f] of Object.entries({ add, sub, mul, div })) {
    assertThrows(() => f(x, y), 'TypeError', new RegExp(`^${name}: .*got float32 and float64; use cast`));
  }
});

test('shapes that do not broadcast are a ShapeError', () => {
  assertThrows(() => mul(zeros([2, 3]), zeros([2])), 'ShapeError', /^mul: shapes \[2, 3\] and \[2\]/);
});

test('the gradient of a stretched operand is summed back to its shape', () => {
  const x = tensor([[1, 2], [3, 4]], leaf);
  const y = tensor([10, 20], leaf);
  const z = tensor([[2], [3]], leaf);
  backward(sum(mul(mul(x, y), z)));
  assert.equal(toArray(x.grad!), [[20, 40], [30, 60]]);
  assert.equal(toArray(y.grad!), [1 * 2 + 3 * 3, 2 * 2 + 4 * 3]);
  assert.equal(toArray(z.grad!), [[1 * 10 + 2 * 20], [3 * 10 + 4 * 20]]);
});

test('both sides of a difference and of a quotient get their gradients', () => {
  const x = tensor([6], leaf);
  const y = tensor([2], leaf);
  backward(sub(x, y), tensor([5]));
  assert.equal([x.grad!.data[0], y.grad!.data[0]], [5, -5]);
  assert.equal(grad([sum(div(x, y))], [x, y]).map(toArray), [[0.5], [-1.5]]);
});

test('a number operand needs no gradient', () => {
  const x = tensor([6], leaf);
  assert.equal(grad([sum(sub(1, x))], [x]).map(toArray), [[-1]]);
  assert.equal(grad([sum(div(12, x))], [x]).map(toArray), [[-12 / 36].map(Math.fround)]);
});

test('negation, square and reciprocal root have their slopes', () => {
  const x = tensor([4], { dtype: 'float64', requiresGrad: true });
  assert.equal(toArray(neg(x)), [-4]);
  assert.equal(toArray(square(x)), [16]);
  assert.equal(toArray(rsqrt(x)), [0.5]);
  assert.equal(grad([sum(neg(x)), sum(square(x)), sum(rsqrt(x))], [x]).map(toArray), [[-1 + 8 - 1 / 16]]);
  assert.equal(toArray(rsqrt(tensor([0, -1]))), [Infinity, NaN]);
});

test('clone has memory of its own and passes the gradient', () => {
  const x = tensor([1, 2], leaf);
  const y = clone(x);
  assert.is.not(y.data, x.data);
  backward(y, tensor([3, 4]));
  assert.equal(toArray(x.grad!), [3, 4]);
});

test('broadcastTo repeats along stretched and new axes, and its gradient is the sum', () => {
  const x = tensor([[1], [2]], leaf);
  const y = broadcastTo(x, [2, 2, 3]);
  assert.equal(toArray(y), [[[1, 1, 1], [2, 2, 2]], [[1, 1, 1], [2, 2, 2]]]);
  backward(sum(y));
  assert.equal(toArray(x.grad!), [[6], [6]]);
  assert.is(broadcastTo(x, [2, 1]), x);
});

test('broadcastTo does not shrink', () => {
  assertThrows(() => broadcastTo(zeros([2, 3]), [1, 3]), 'ShapeError', /^broadcastTo: shape \[2, 3\] does not stretch to \[1, 3\]/);
  assertThrows(() => broadcastTo(zeros([2, 3]), [3]), 'ShapeError', /^broadcastTo: /);
  assertThrows(() => broadcastTo(zeros([2]), [3]), 'ShapeError', /^broadcastTo: /);
});

test('empty tensors go through, also stretched ones', () => {
  assert.equal(add(zeros([0, 3]), zeros([1, 3])).shape, [0, 3]);
  const x = tensor([[1, 2, 3]], leaf);
  backward(sum(mul(x, zeros([0, 3]))));
  assert.equal(toArray(x.grad!), [[0, 0, 0]]);
});

test('comparisons are 0 or 1, broadcast, and are false for NaN', () => {
  const x = tensor([[1, 2, NaN]]);
  const y = tensor([[2], [1]]);
  assert.equal(toArray(greater(x, y)), [[0, 0, 0], [0, 1, 0]]);
  assert.equal(toArray(less(x, y)), [[1, 0, 0], [0, 0, 0]]);
  assert.equal(toArray(equal(x, y)), [[0, 1, 0], [1, 0, 0]]);
  assert.equal(toArray(equal(tensor([NaN]), NaN)), [0]);
});

test('comparisons give constants, of the dtype of their operands', () => {
  const x = tensor([[1, 2]], { dtype: 'float64', requiresGrad: true });
  for (const compare of [greater, less, equal]) {
    const result = compare(broadcastTo(x, [2, 2]), 1);
    assert.is(result.requiresGrad, false);
    assert.is(result.source, null);
    assert.is(result.dtype, 'float64');
  }
  assertThrows(() => greater(tensor([1]), x), 'TypeError', /^greater: /);
});

test.run();
