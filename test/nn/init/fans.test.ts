import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fans } from '../../../src/nn/init/fans.ts';
import { ShapeError } from '../../../src/tensor/errors.ts';

const test = suite('fans');

test('are the extents of a matrix, inputs in the second', () => {
  assert.equal(fans([5, 3]), { fanIn: 3, fanOut: 5 });
});

test('count the elements of the kernel', () => {
  assert.equal(fans([8, 4, 3, 2]), { fanIn: 24, fanOut: 48 });
  assert.equal(fans([8, 4, 5]), { fanIn: 20, fanOut: 40 });
});

test('do not exist below rank 2', () => {
  for (const shape of [[], [3]]) {
    assert.throws(() => fans(shape), (error: Error) => error instanceof ShapeError && /fans: the shape must be \[out, in/.test(error.message));
  }
});

test.run();
