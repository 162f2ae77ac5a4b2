import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { GroupNorm, groupNorm, groupNormDefinition } from '../../src/norms/group.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { standardizedProperties } from '../support/standardized.ts';

const test = suite('group');
const float64 = { dtype: 'float64' } as const;

for (const groups of [(channels: number) => channels, (channels: number) => (channels % 2 === 0 ? channels / 2 : 1)]) {
  standardizedProperties(test, {
    normalize: (x, eps) => groupNorm(x, null, null, { numGroups: groups(x.shape[1]!), eps }),
    shapes: { minRank: 2, maxRank: 4 },
    sliceOf: (shape) => (i) => Math.floor(i / (sizeOf(shape.slice(1)) / groups(shape[1]!))),
  });
}

test('neighbouring channels form a group', () => {
  assertClose(groupNorm(tensor([[1, 3, 10, 50]]), null, null, { numGroups: 2, eps: 0 }), [[-1, 1, -1, 1]], 1e-7);
});

test('weight and bias are per channel, not per group', () => {
  const y = groupNorm(tensor([[1, 3, 10, 50]]), tensor([1, 2, 3, 4]), tensor([0, 0, 10, 20]), { numGroups: 2, eps: 0 });
  assertClose(y, [[-1, 2, 7, 24]], 1e-7);
});

test('a group of one value gives the bias exactly, and no gradient', () => {
  const x = fromArray(Float32Array.of(2000.1, 3, -5e7, 8), [2, 2], { requiresGrad: true });
  const weight = tensor([3, 4], { requiresGrad: true });
  const y = groupNorm(x, weight, tensor([0.7, -1]), { numGroups: 2 });
  assert.equal(toArray(y), toArray(tensor([[0.7, -1], [0.7, -1]])));
  backward(sum(y));
  assert.equal(toArray(x.grad!), [[0, 0], [0, 0]]);
  assert.equal(toArray(weight.grad!), [0, 0]);
});

test('scaling one channel of a group changes the others', () => {
  const second = (first: number): number => groupNorm(tensor([[first, 3, 5]]), null, null, { numGroups: 1 }).data[1]!;
  assert.ok(Math.abs(second(1) - second(2)) > 0.01);
});

test('with one group and no affine step it equals layer norm over channels and space', () => {
  const x = normal(new Random(1), [2, 4, 3], 1, 2, float64);
  assertClose(groupNorm(x, null, null, { numGroups: 1 }), toArray(layerNorm(x, null, null, { normalizedShape: [4, 3] })), 1e-14);
});

test('on rows it equals layer norm of each group of columns', () => {
  const x = normal(new Random(2), [3, 6], 1, 2, float64);
  const rows = layerNorm(reshape(x, [3, 2, 3]), null, null, { normalizedShape: 3 });
  assertClose(groupNorm(x, null, null, { numGroups: 2 }), toArray(reshape(rows, [3, 6])), 1e-15);
});

test('a batch in two halves gives what the whole gives, bit by bit', () => {
  const x = normal(new Random(3), [4, 4, 3]);
  const norm = new GroupNorm(2, 4);
  const halves = concat([norm.forward(slice(x, 0, 0, 2)), norm.forward(slice(x, 0, 2, 4))]);
  assert.equal(toArray(halves), toArray(norm.forward(x)));
});

test('channels that move inside a group, and groups that move whole, move the result; across groups they do not', () => {
  const x = [1, 5, -2, 8];
  const moved = (order: readonly number[], values: ArrayLike<number>): number[] => order.map((i) => values[i]!);
  const norm = (values: readonly number[]): Float64Array =>
    groupNorm(tensor([values], float64), null, null, { numGroups: 2 }).data as Float64Array;
  for (const order of [[1, 0, 2, 3], [2, 3, 0, 1]]) assert.equal([...norm(moved(order, x))], moved(order, norm(x)));
  assert.is.not(String([...norm(moved([0, 2, 1, 3], x))]), String(moved([0, 2, 1, 3], norm(x))));
});

test('bad input is refused with the numbers in the message', () => {
  for (const norm of [groupNorm, groupNormDefinition]) {
    const x = zeros([2, 6, 3]);
    assertThrows(() => norm(x, null, null, { numGroups: 4 }), 'ShapeError', /numGroups must divide the number of channels, got 4 for 6/);
    for (const numGroups of [0, -1, 1.5, NaN]) {
      assertThrows(() => norm(x, null, null, { numGroups }), 'RangeError', /numGroups must be a positive integer/);
    }
    assertThrows(() => norm(zeros([6]), null, null, { numGroups: 2 }), 'ShapeError', /rank 2 to 5, got shape \[6\]/);
    assertThrows(() => norm(x, ones([2]), null, { numGroups: 2 }), 'ShapeError', /weight must have shape \[6\].*got \[2\]/);
    assertThrows(() => norm(x, null, ones([3]), { numGroups: 2 }), 'ShapeError', /bias must have shape \[6\].*got \[3\]/);
    assertThrows(() => norm(x, null, null, { numGroups: 2, eps: -1 }), 'RangeError', /eps must be finite and at least 0/);
  }
  assertThrows(() => new GroupNorm(4, 6), 'ShapeError', /GroupNorm: numGroups must divide/);
  assertThrows(() => new GroupNorm(2, 6).forward(zeros([1, 4, 2])), 'ShapeError', /x must have 6 channels at axis 1, got shape \[1, 4, 2\]/);
});

test('the class holds what its options ask for', () => {
  assert.equal(Object.keys(new GroupNorm(2, 4).stateDict()), ['weight', 'bias']);
  assert.equal(Object.keys(new GroupNorm(2, 4, { affine: false }).stateDict()), []);
});

test.run();
