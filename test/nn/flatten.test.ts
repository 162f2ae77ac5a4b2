import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flatten } from '../../src/nn/flatten.ts';
import { ones, tensor, zeros } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('Flatten');

test('joins all axes but the first, in row-major order', () => {
  assert.equal(toArray(new Flatten().forward(tensor([[[1, 2], [3, 4]]]))), [[1, 2, 3, 4]]);
});

test('joins the axes asked for, counted from either end', () => {
  assert.equal(new Flatten({ startAxis: 0, endAxis: 1 }).forward(ones([2, 3, 4])).shape, [6, 4]);
  assert.equal(new Flatten({ startAxis: -2 }).forward(ones([2, 3, 4])).shape, [2, 12]);
  assert.equal(new Flatten({ startAxis: 0 }).forward(ones([2, 3, 4])).shape, [24]);
});

test('keeps the extents of an empty batch', () => {
  assert.equal(new Flatten().forward(zeros([0, 3, 4])).shape, [0, 12]);
});

test('refuses axes outside the rank or in the wrong order', () => {
  assert.throws(() => new Flatten().forward(ones([2])), /Flatten: axis must be an integer in \[-1, 0\] for rank 1, got 1/);
  assert.throws(
    () => new Flatten({ startAxis: 2, endAxis: 1 }).forward(ones([2, 3, 4])),
    (error: Error) =>
      error instanceof ShapeError && /startAxis must not be after endAxis, got 2 and 1 of \[2, 3, 4\]/.test(error.message),
  );
});

test.run();
