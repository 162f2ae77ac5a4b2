import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { expandDims } from '../../src/autograd/expand-dims.ts';
import { flip } from '../../src/autograd/flip.ts';
import { mul } from '../../src/autograd/mul.ts';
import { pad } from '../../src/autograd/pad.ts';
import { permute } from '../../src/autograd/permute.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { scatterAdd } from '../../src/autograd/scatter-add.ts';
import { slice } from '../../src/autograd/slice.ts';
import { split } from '../../src/autograd/split.ts';
import { squeeze } from '../../src/autograd/squeeze.ts';
import { stack } from '../../src/autograd/stack.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { transpose } from '../../src/autograd/transpose.ts';
import { arange, fromArray, type Nested, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';

const test = suite('moves');

/** 1, 2, 3, … in this shape. */
const counted = (shape: Shape): Tensor => fromArray(arange(1, sizeOf(shape) + 1).data, shape, { requiresGrad: true });

/** The gradient of a move of 1, 2, 3, …, weighted by dy. */
function pulled(f: (x: Tensor) => Tensor, shape: Shape, dy: Nested): Nested {
  const x = counted(shape);
  return toArray(grad([f(x)], [x], { gradOutputs: [tensor(dy)] })[0]!);
}

test('reshape keeps the order and the memory, and fills in one extent', () => {
  const x = counted([2, 3]);
  const y = reshape(x, [3, -1]);
  assert.equal(toArray(y), [[1, 2], [3, 4], [5, 6]]);
  assert.is(y.data, x.data);
  assert.is(reshape(x, [2, 3]), x);
  assert.equal(reshape(zeros([0, 3]), [-1, 3]).shape, [0, 3]);
  assert.equal(reshape(tensor(5), [1, 1]).shape, [1, 1]);
  assert.equal(pulled((v) => reshape(v, [3, 2]), [2, 3], [[1, 2], [3, 4], [5, 6]]), [[1, 2, 3], [4, 5, 6]]);
});

test('reshape refuses another number of elements, two open extents, and negative ones', () => {
  const x = zeros([2, 3]);
  for (const shape of [[4], [-1, 4], [-1, -1], [-2, -3], [6, -1, -1], [1.5, 4], [-1, 0]]) {
    assertThrows(() => reshape(x, shape), 'ShapeError', /^reshape: the number of elements must stay, got \[2, 3\] \(6\) to /);
  }
  assertThrows(() => reshape(zeros([0]), [0, -1]), 'ShapeError', /^reshape: /);
});

test('permute puts axis axes[k] at k', () => {
  const x = counted([2, 3, 2]);
  const y = permute(x, [2, 0, 1]);
  assert.equal(toArray(y), [[[1, 3, 5], [7, 9, 11]], [[2, 4, 6], [8, 10, 12]]]);
  assert.equal(toArray(permute(x, [-1, 0, -2])), toArray(y));
  assert.is(permute(x, [0, 1, 2]), x);
  assert.equal(permute(zeros([]), []).shape, []);
  assert.equal(permute(zeros([0, 2]), [1, 0]).shape, [2, 0]);
});

test('the gradient of permute is the inverse permutation', () => {
  assert.equal(pulled((x) => permute(x, [2, 0, 1]), [1, 2, 3], [[[1, 2]], [[3, 4]], [[5, 6]]]), [[[1, 3, 5], [2, 4, 6]]]);
});

test('permute refuses lists that are no permutation', () => {
  const x = zeros([2, 3]);
  for (const axes of [[0], [0, 0], [0, 1, 1], [0, -2]]) {
    assertThrows(() => permute(x, axes), 'RangeError', /^permute: axes must name each axis of shape \[2, 3\] once, got /);
  }
  assertThrows(() => permute(x, [0, 2]), 'RangeError', /^permute: axis must be/);
});

test('transpose exchanges the last two axes, or any two', () => {
  assert.equal(toArray(transpose(counted([2, 3]))), [[1, 4], [2, 5], [3, 6]]);
  assert.equal(transpose(zeros([2, 3, 4, 5])).shape, [2, 3, 5, 4]);
  assert.equal(transpose(zeros([2, 3, 4, 5]), 0, -1).shape, [5, 3, 4, 2]);
  const x = counted([2, 3]);
  assert.is(transpose(x, 1, -1), x);
  assertThrows(() => transpose(zeros([3])), 'RangeError', /^transpose: axis must be an integer in \[-1, 0\] for rank 1, got -2/);
});

test('expandDims adds an axis at a position of the result', () => {
  assert.equal(expandDims(zeros([2, 3]), 0).shape, [1, 2, 3]);
  assert.equal(expandDims(zeros([2, 3]), 1).shape, [2, 1, 3]);
  assert.equal(expandDims(zeros([2, 3]), -1).shape, [2, 3, 1]);
  assert.equal(expandDims(zeros([]), 0).shape, [1]);
  assertThrows(() => expandDims(zeros([2]), 2), 'RangeError', /^expandDims: /);
});

test('squeeze drops axes of extent 1: all, one, or several', () => {
  const x = zeros([1, 3, 1, 2]);
  assert.equal(squeeze(x).shape, [3, 2]);
  assert.equal(squeeze(x, 0).shape, [3, 1, 2]);
  assert.equal(squeeze(x, [0, -2]).shape, [3, 2]);
  assertThrows(() => squeeze(x, 1), 'ShapeError', /^squeeze: .*got axis 1 of shape \[1, 3, 1, 2\]/);
});

test('slice counts as Python does', () => {
  const x = tensor([0, 1, 2, 3, 4]);
  assert.equal(toArray(slice(x, 0, 1, 3)), [1, 2]);
  assert.equal(toArray(slice(x, 0, -2)), [3, 4]);
  assert.equal(toArray(slice(x, 0, 0, -1)), [0, 1, 2, 3]);
  assert.equal(toArray(slice(x, 0, -100, 100)), [0, 1, 2, 3, 4]);
  assert.equal(toArray(slice(x, 0, 1, 5, 2)), [1, 3]);
  assert.equal(toArray(slice(x, 0, 0, Infinity, 3)), [0, 3]);
  assert.equal(toArray(slice(x, 0, 3, 1)), []);
  assert.equal(toArray(slice(x, 0, 7)), []);
  assert.equal(toArray(slice(counted([2, 3]), -1, 1)), [[2, 3], [5, 6]]);
});

test('the gradient of slice lies where the slice was taken, with zeros around it', () => {
  assert.equal(pulled((x) => slice(x, 1, 0, 3, 2), [2, 4], [[1, 2], [3, 4]]), [[1, 0, 2, 0], [3, 0, 4, 0]]);
  assert.equal(pulled((x) => slice(x, 0, 2, 2), [3], []), [0, 0, 0]);
});

test('slice refuses broken positions and steps below 1', () => {
  const x = zeros([3]);
  assertThrows(() => slice(x, 0, 0.5), 'RangeError', /^slice: start and end must be integers, got 0\.5 and 3/);
  assertThrows(() => slice(x, 0, 0, NaN), 'RangeError', /^slice: /);
  assertThrows(() => slice(x, 0, 0, 3, 0), 'RangeError', /^slice: step must be a positive integer, got 0; use flip/);
  assertThrows(() => slice(x, 0, 0, 3, -1), 'RangeError', /^slice: step/);
  assertThrows(() => slice(x, 1, 0), 'RangeError', /^slice: axis/);
});

test('slice agrees with JavaScript, for any positions', () => {
  const place = fc.integer({ min: -7, max: 7 });
  check(
    fc.property(fc.nat(5), place, place, (count, start, end) => {
      const values = Array.from({ length: count }, (_, i) => i);
      assert.equal(toArray(slice(tensor(values), 0, start, end)), values.slice(start, end));
    }),
    { runs: 200 },
  );
});

test('flip reverses an axis, and so does its gradient', () => {
  assert.equal(toArray(flip(counted([2, 3]), 1)), [[3, 2, 1], [6, 5, 4]]);
  assert.equal(toArray(flip(counted([2, 3]), -2)), [[4, 5, 6], [1, 2, 3]]);
  assert.equal(flip(zeros([0, 2]), 0).shape, [0, 2]);
  assert.equal(pulled((x) => flip(x, 0), [3], [1, 2, 3]), [3, 2, 1]);
});

test('pad surrounds with a value, whose gradient is nobody’s', () => {
  assert.equal(toArray(pad(counted([1, 2]), [[0, 1], [2, 0]], 9)), [[9, 9, 1, 2], [9, 9, 9, 9]]);
  assert.equal(toArray(pad(zeros([0]), [[1, 1]], 5)), [5, 5]);
  assert.equal(toArray(pad(tensor(3), [])), 3);
  assert.equal(pulled((x) => pad(x, [[1, 1]], 9), [2], [1, 2, 3, 4]), [2, 3]);
});

test('pad has a memory of its own, also with no width', () => {
  const x = counted([2]);
  assert.is.not(pad(x, [[0, 0]]).data, x.data);
});

test('pad refuses a missing pair and negative widths', () => {
  assertThrows(() => pad(zeros([2, 3]), [[1, 1]]), 'ShapeError', /^pad: .*each axis of shape \[2, 3\], got 1/);
  assertThrows(() => pad(zeros([2]), [[-1, 0]]), 'RangeError', /^pad: .*got \[-1, 0\]; use slice/);
  assertThrows(() => pad(zeros([2]), [[0.5, 0]]), 'RangeError', /^pad: /);
});

test('concat joins along an axis', () => {
  const x = tensor([[1, 2], [3, 4]]);
  assert.equal(toArray(concat([x, tensor([[5, 6]])])), [[1, 2], [3, 4], [5, 6]]);
  assert.equal(toArray(concat([x, tensor([[5], [6]]), x], -1)), [[1, 2, 5, 1, 2], [3, 4, 6, 3, 4]]);
  assert.equal(toArray(concat([zeros([0, 2]), x])), toArray(x));
  assert.is.not(concat([x]).data, x.data);
});

test('each part of a concat gets its own piece of the gradient, twice if it is there twice', () => {
  const x = counted([1, 2]);
  const y = counted([1, 1]);
  const constant = tensor([[7]]);
  backward(concat([x, y, constant, x], 1), tensor([[1, 2, 3, 4, 5, 6]]));
  assert.equal(toArray(x.grad!), [[6, 8]]);
  assert.equal(toArray(y.grad!), [[3]]);
});

test('concat refuses an empty list, other extents, ranks and dtypes', () => {
  assertThrows(() => concat([]), 'RangeError', /^concat: there must be at least one/);
  assertThrows(() => concat([zeros([2, 3]), zeros([2, 4])]), 'ShapeError', /^concat: .*along axis 0, got \[2, 3\] and \[2, 4\]/);
  assertThrows(() => concat([zeros([2]), zeros([2, 1])]), 'ShapeError', /^concat: /);
  assertThrows(() => concat([zeros([2]), zeros([2], { dtype: 'float64' })]), 'TypeError', /^concat: .*use cast/);
  assertThrows(() => concat([zeros([2])], 1), 'RangeError', /^concat: axis/);
});

test('stack joins along a new axis', () => {
  const x = tensor([1, 2]);
  const y = tensor([3, 4]);
  assert.equal(toArray(stack([x, y])), [[1, 2], [3, 4]]);
  assert.equal(toArray(stack([x, y], -1)), [[1, 3], [2, 4]]);
  assert.equal(toArray(stack([tensor(1), tensor(2)])), [1, 2]);
  assertThrows(() => stack([]), 'RangeError', /^stack: /);
  assertThrows(() => stack([x, zeros([3])]), 'ShapeError', /^stack: all shapes must be the same, got \[2\] and \[3\]/);
});

test('split cuts into equal pieces and a rest, or into given ones', () => {
  const x = tensor([1, 2, 3, 4, 5]);
  assert.equal(split(x, 2).map(toArray), [[1, 2], [3, 4], [5]]);
  assert.equal(split(x, [1, 0, 4]).map(toArray), [[1], [], [2, 3, 4, 5]]);
  assert.equal(split(counted([2, 3]), [2, 1], -1).map(toArray), [[[1, 2], [4, 5]], [[3], [6]]]);
  assert.equal(split(zeros([0]), 2), []);
});

test('the pieces of a split send their gradients back together', () => {
  const x = counted([3]);
  const [a, b] = split(x, [2, 1]);
  backward(sum(mul(concat([b!, a!]), tensor([5, 7, 9]))));
  assert.equal(toArray(x.grad!), [7, 9, 5]);
});

test('split refuses pieces that do not add up', () => {
  assertThrows(() => split(zeros([5]), [2, 2]), 'ShapeError', /^split: extents must add up to 5, axis 0 of \[5\], got \[2,2\]/);
  assertThrows(() => split(zeros([5]), 0), 'RangeError', /^split: extents must be integers of at least 1, got 0/);
  assertThrows(() => split(zeros([5]), [6, -1]), 'RangeError', /^split: extents must be integers of at least 0/);
});

test('take picks slices in any order, as often as named', () => {
  const x = tensor([[1, 2], [3, 4], [5, 6]]);
  assert.equal(toArray(take(x, [2, 0, 2])), [[5, 6], [1, 2], [5, 6]]);
  assert.equal(toArray(take(x, [-1], 1)), [[2], [4], [6]]);
  assert.equal(toArray(take(x, tensor([[1, 0]]))), [[[3, 4], [1, 2]]]);
  assert.equal(toArray(take(x, tensor(1))), [3, 4]);
  assert.equal(take(x, []).shape, [0, 2]);
  assert.equal(take(x, tensor([[0, 1, 0]]), 1).shape, [3, 1, 3]);
});

test('the gradients of a slice that was taken twice add up', () => {
  assert.equal(pulled((x) => take(x, [1, 1, 0]), [3, 1], [[1], [10], [100]]), [[100], [11], [0]]);
  assert.equal(pulled((x) => take(x, [-1, 2], 1), [1, 3], [[1, 10]]), [[0, 0, 11]]);
});

test('changing the list of indices afterwards changes nothing', () => {
  const x = counted([3]);
  const indices = [0, 2];
  const y = take(x, indices);
  indices[0] = 1;
  backward(sum(y));
  assert.equal(toArray(x.grad!), [1, 0, 1]);
});

test('take refuses indices outside the axis or broken', () => {
  const x = zeros([3, 2]);
  assertThrows(() => take(x, [0, 3]), 'RangeError', /^take: indices must be integers in \[-3, 2\], got 3 at 1 of \[2\]/);
  assertThrows(() => take(x, [-4]), 'RangeError', /got -4/);
  assertThrows(() => take(x, tensor([0.5])), 'RangeError', /got 0\.5/);
  assertThrows(() => take(x, [NaN]), 'RangeError', /got NaN/);
  assertThrows(() => take(x, [0], 2), 'RangeError', /^take: axis/);
});

test('scatterAdd adds slices at their indices, and its gradient takes them', () => {
  assert.equal(toArray(scatterAdd(tensor([1, 2, 4]), [0, 2, 0], 3)), [5, 0, 2]);
  assert.equal(toArray(scatterAdd(tensor([[1, 2], [3, 4]]), [-1, 0], 3, 1)), [[2, 0, 1], [4, 0, 3]]);
  assert.equal(toArray(scatterAdd(tensor([[1, 2], [4, 8]]), tensor([[0, 1], [1, 1]]), 2)), [1, 14]);
  assert.equal(toArray(scatterAdd(zeros([0, 2]), [], 1)), [[0, 0]]);
  assert.equal(pulled((x) => scatterAdd(x, [1, 0, 1], 3), [3], [1, 10, 100]), [10, 1, 10]);
});

test('scatterAdd accumulates in double', () => {
  assert.equal(toArray(scatterAdd(tensor([2 ** 24, 1, 1]), [0, 0, 0], 1)), [2 ** 24 + 2]);
});

test('scatterAdd refuses what does not fit', () => {
  assertThrows(() => scatterAdd(zeros([3]), [0, 1], 2), 'ShapeError', /^scatterAdd: .*axes of the indices, \[2\], at axis 0, got \[3\]/);
  assertThrows(() => scatterAdd(zeros([3]), zeros([3, 1]), 2), 'ShapeError', /^scatterAdd: /);
  assertThrows(() => scatterAdd(zeros([1]), [2], 2), 'RangeError', /^scatterAdd: indices/);
  assertThrows(() => scatterAdd(zeros([1]), [0], -1), 'RangeError', /^scatterAdd: count/);
  assertThrows(() => scatterAdd(zeros([1]), [0], 1, 1), 'RangeError', /^scatterAdd: axis/);
});

test('moves keep float64', () => {
  const x = tensor([[0.1, 0.2]], { dtype: 'float64' });
  const moved = [
    permute(x, [1, 0]), slice(x, 1, 1), flip(x, 1), pad(x, [[0, 0], [1, 0]]), concat([x, x]), stack([x, x]), take(x, [0]),
    scatterAdd(x, [0], 1),
  ];
  for (const y of moved) {
    assert.is(y.dtype, 'float64');
    assert.ok(y.data.includes(0.2));
  }
});

test.run();
