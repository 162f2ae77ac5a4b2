import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arange, fromArray, full, tensor, zeros } from '../../src/tensor/create.ts';
import { format, item, toArray } from '../../src/tensor/read.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('read');

test('item is the only element, whatever the rank', () => {
  assert.is(item(tensor(3)), 3);
  assert.is(item(full([1, 1, 1], 4)), 4);
});

test('item refuses several elements and none', () => {
  assertThrows(() => item(tensor([1, 2])), 'ShapeError', /^item: .*one element, got shape \[2\]; reduce it first/);
  assertThrows(() => item(zeros([0])), 'ShapeError', /^item: /);
});

test('toArray nests as deep as the rank', () => {
  assert.is(toArray(tensor(2)), 2);
  assert.equal(toArray(fromArray(arange(0, 12).data, [2, 3, 2])), [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]);
  assert.equal(toArray(zeros([2, 0])), [[], []]);
  assert.equal(toArray(zeros([0, 2])), []);
});

test('format shows dtype, shape and aligned columns', () => {
  assert.is(format(tensor([[1, 2.5], [-3, 4]])), 'float32 [2, 2]\n[[  1, 2.5],\n [ -3,   4]]');
});

test('format shows a scalar, an empty tensor, and what is not finite', () => {
  assert.is(format(tensor(1.5, { dtype: 'float64' })), 'float64 []\n1.5');
  assert.is(format(zeros([0])), 'float32 [0]\n[]');
  assert.is(format(tensor([NaN, -Infinity, -0])), 'float32 [3]\n[      NaN, -Infinity,        -0]');
});

test('format rounds to significant digits', () => {
  assert.is(format(tensor([1 / 3], { dtype: 'float64' })), 'float64 [1]\n[0.3333]');
  assert.is(format(tensor([1 / 3], { dtype: 'float64' }), { digits: 2 }), 'float64 [1]\n[0.33]');
});

test('format cuts long axes in the middle', () => {
  assert.is(format(arange(0, 9), { limit: 4 }), 'float32 [9]\n[0, 1, …, 7, 8]');
  assert.is(format(arange(0, 4), { limit: 4 }), 'float32 [4]\n[0, 1, 2, 3]');
  assert.is(format(fromArray(arange(0, 10).data, [5, 2]), { limit: 3 }), 'float32 [5, 2]\n[[0, 1],\n [2, 3],\n …,\n [8, 9]]');
});

test.run();
