import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arange, copy, fromArray, full, type Nested, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('create');

test('tensor reads the shape off nested arrays and is float32 without a gradient', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]);
  assert.equal(x.shape, [2, 3]);
  assert.is(x.dtype, 'float32');
  assert.is(x.requiresGrad, false);
  assert.is(x.grad, null);
  assert.equal([...x.data], [1, 2, 3, 4, 5, 6]);
});

test('a bare number is a scalar, of shape []', () => {
  assert.equal(tensor(7).shape, []);
  assert.equal([...tensor(7).data], [7]);
});

test('tensor takes a dtype and requiresGrad', () => {
  const x = tensor([0.1], { dtype: 'float64', requiresGrad: true });
  assert.ok(x.data instanceof Float64Array);
  assert.is(x.data[0], 0.1);
  assert.is(x.requiresGrad, true);
  assert.is(tensor([0.1]).data[0], Math.fround(0.1));
});

test('empty arrays give an extent of 0', () => {
  assert.equal(tensor([]).shape, [0]);
  assert.equal(tensor([[], []]).shape, [2, 0]);
});

test('non-finite numbers are stored as they are', () => {
  assert.equal(toArray(tensor([NaN, Infinity, -Infinity])), [NaN, Infinity, -Infinity]);
  assert.ok(Object.is(tensor([-0]).data[0], -0));
});

test('ragged rows are a ShapeError that says which length was expected', () => {
  assertThrows(() => tensor([[1, 2], [3]]), 'ShapeError', /^tensor: .*depth 1 .*length 2, got length 1/);
  assertThrows(() => tensor([[1], [2, 3]]), 'ShapeError', /^tensor: .*length 1, got length 2/);
  assertThrows(() => tensor([[1], 2]), 'ShapeError', /^tensor: .*got number/);
  assertThrows(() => tensor([1, [2]]), 'ShapeError', /^tensor: .*deeper row/);
  assertThrows(() => tensor([[], [1]]), 'ShapeError', /^tensor: .*length 0, got length 1/);
});

test('anything but numbers is a TypeError', () => {
  assertThrows(() => tensor(['1'] as unknown as Nested), 'TypeError', /^tensor: .*got string; convert/);
  assertThrows(() => tensor([[1, undefined]] as unknown as Nested), 'TypeError', /^tensor: .*got undefined/);
  assertThrows(() => tensor(null as unknown as Nested), 'TypeError', /^tensor: .*got object/);
});

test('fromArray uses an array of the wanted dtype as it is, and copies any other', () => {
  const single = new Float32Array([1, 2]);
  const double = new Float64Array([1, 2]);
  assert.is(fromArray(single, [2]).data, single);
  assert.is(fromArray(double, [2]).data, double);
  assert.is(fromArray(double, [2]).dtype, 'float64');
  assert.is(fromArray(double, [2], { dtype: 'float32' }).dtype, 'float32');
  assert.is.not(fromArray(single, [2], { dtype: 'float64' }).data, single as unknown);
  assert.is(fromArray([1, 2], [2]).dtype, 'float32');
  assert.equal([...fromArray([1, 2, 3, 4], [2, 2], { dtype: 'float64' }).data], [1, 2, 3, 4]);
  assert.equal([...fromArray(new Uint8Array([3, 255]), [2]).data], [3, 255]);
});

test('fromArray keeps its own copy of the shape', () => {
  const shape = [2];
  const x = fromArray([1, 2], shape);
  shape[0] = 9;
  assert.equal(x.shape, [2]);
});

test('data and shape must fit', () => {
  assertThrows(() => fromArray([1, 2, 3], [2]), 'ShapeError', /shape \[2\] holds 2 elements, got data of length 3/);
  assertThrows(() => fromArray([1, 2], [-2]), 'RangeError', /non-negative integers, got \[-2\]/);
  assertThrows(() => new Tensor(new Float32Array(2), [1.5]), 'RangeError', /non-negative integers, got \[1\.5\]/);
});

test('zeros, ones and full fill their shape', () => {
  assert.equal(toArray(zeros([2, 2])), [[0, 0], [0, 0]]);
  assert.equal(toArray(ones([3], { dtype: 'float64' })), [1, 1, 1]);
  assert.equal(toArray(full([], 5)), 5);
  assert.equal(full([2, 0], 5).data.length, 0);
  assert.is(full([1], 2, { requiresGrad: true }).requiresGrad, true);
  assertThrows(() => zeros([2, -1]), 'RangeError', /^zeros: .*got \[2, -1\]/);
  assertThrows(() => zeros([NaN]), 'RangeError', /^zeros: /);
});

test('arange counts up, down, in fractions, and not at all', () => {
  assert.equal(toArray(arange(0, 3)), [0, 1, 2]);
  assert.equal(toArray(arange(0, 5, 2)), [0, 2, 4]);
  assert.equal(toArray(arange(3, 0, -1)), [3, 2, 1]);
  assert.equal(toArray(arange(0, 1, 0.25)), [0, 0.25, 0.5, 0.75]);
  assert.equal(toArray(arange(5, 0)), []);
  assert.equal(toArray(arange(2, 2)), []);
});

test('arange refuses a step of 0 and bounds that are not finite', () => {
  assertThrows(() => arange(0, 5, 0), 'RangeError', /^arange: .*step not 0, got 0, 5, 0/);
  assertThrows(() => arange(0, Infinity), 'RangeError', /^arange: /);
  assertThrows(() => arange(0, NaN), 'RangeError', /^arange: /);
});

test('copy has memory of its own, and converts if asked', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const y = copy(x);
  y.data[0] = 9;
  assert.equal(toArray(x), [1, 2]);
  assert.is(y.requiresGrad, false);
  assert.is(copy(x, { dtype: 'float64' }).dtype, 'float64');
  assert.is(copy(copy(x, { dtype: 'float64' })).dtype, 'float64');
});

test.run();
