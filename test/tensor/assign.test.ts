import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assign, touch } from '../../src/tensor/assign.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import { like } from '../../src/tensor/like.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('assign');

test('assign copies the values and keeps the memory of the target', () => {
  const target = tensor([1, 2]);
  const { data } = target;
  const values = tensor([3, 4]);
  assign(target, values);
  assert.is(target.data, data);
  values.data[0] = 9;
  assert.equal(toArray(target), [3, 4]);
});

test('assign converts to the dtype of the target', () => {
  const target = zeros([1]);
  assign(target, tensor([0.1], { dtype: 'float64' }));
  assert.is(target.data[0], Math.fround(0.1));
});

test('assign refuses another shape of the same size, and changes nothing', () => {
  const target = tensor([[1, 2]]);
  assertThrows(() => assign(target, tensor([3, 4])), 'ShapeError', /^assign: .*got \[1, 2\] and \[2\]/);
  assert.equal(toArray(target), [[1, 2]]);
  assert.is(target.storage.version, 0);
});

test('each write is counted', () => {
  const target = tensor([1]);
  assign(target, tensor([2]));
  touch(target);
  assert.is(target.storage.version, 2);
});

test('like is zeros of the same shape and dtype in memory of its own', () => {
  const x = tensor([[1, 2]], { dtype: 'float64', requiresGrad: true });
  const y = like(x);
  assert.equal(toArray(y), [[0, 0]]);
  assert.is(y.dtype, 'float64');
  assert.is(y.requiresGrad, false);
  assert.is.not(y.data, x.data);
});

test.run();
