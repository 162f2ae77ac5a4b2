import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { matrixOf, weightOf } from '../../src/norms/_matrix.ts';
import { arange, zeros } from '../../src/tensor/create.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { permute } from '../../src/autograd/permute.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('a weight as a matrix');

test('the axis is in front, the others follow in their order, and it can be undone', () => {
  for (const shape of [[5], [2, 3], [2, 3, 4], [2, 3, 4, 5], [2, 3, 1, 2, 2]]) {
    const weight = reshape(arange(0, sizeOf(shape)), shape);
    for (let dim = -shape.length; dim < shape.length; dim++) {
      const axis = dim < 0 ? dim + shape.length : dim;
      const matrix = matrixOf('test', weight, dim);
      assert.equal(matrix.shape, [shape[axis], sizeOf(shape) / shape[axis]!]);
      const others = shape.map((_, at) => at).filter((at) => at !== axis);
      assert.equal(Array.from(matrix.data), Array.from(permute(weight, [axis, ...others]).data));
      const back = weightOf(matrix, shape, dim);
      assert.equal(back.shape, shape);
      assert.equal(toArray(back), toArray(weight));
    }
  }
});

test('nothing is copied for the first axis', () => {
  const weight = zeros([3, 2, 2]);
  assert.is(matrixOf('test', weight, 0).data, weight.data);
  assert.is(weightOf(matrixOf('test', weight, 0), [3, 2, 2], 0).data, weight.data);
});

test('a weight without elements is an empty matrix', () => {
  assert.equal(matrixOf('test', zeros([0, 3]), 0).shape, [0, 0]);
  assert.equal(matrixOf('test', zeros([2, 0]), 0).shape, [2, 0]);
});

test('a scalar and an axis outside the rank are refused', () => {
  assertThrows(() => matrixOf('spectralNorm', zeros([]), 0), 'ShapeError', /^spectralNorm: weight must have an axis, got \[\]/);
  assertThrows(() => matrixOf('spectralNorm', zeros([2, 3]), 2), 'RangeError', /^spectralNorm: axis must be an integer in \[-2, 1\]/);
});

test.run();
