import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { LayerNorm, layerNorm, layerNormDefinition } from '../../src/norms/layer.ts';
import { rmsNorm } from '../../src/norms/rms.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { standardizedProperties } from '../support/standardized.ts';

const test = suite('layer');
const float64 = { dtype: 'float64' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => layerNorm(x, null, null, { normalizedShape: x.shape.slice(-1), eps }),
  shapes: { minRank: 1 },
  sliceOf: (shape) => (i) => Math.floor(i / shape[shape.length - 1]!),
});

test('a slice of one value gives the bias exactly, and no gradient', () => {
  const x = fromArray(Float32Array.of(2000.1, 3, -5e7), [3, 1], { requiresGrad: true });
  const y = layerNorm(x, tensor([3]), tensor([0.7]));
  assert.equal(toArray(y), toArray(tensor([[0.7], [0.7], [0.7]])));
  backward(sum(y));
  assert.equal(toArray(x.grad!), [[0], [0], [0]]);
});

test('a slice of two values gives plus and minus d / sqrt(d^2 + eps), d half their difference', () => {
  const y = layerNorm(tensor([[1, 7]], float64), null, null, { normalizedShape: 2, eps: 7 });
  assertClose(y, [[-3 / 4, 3 / 4]], 1e-15);
});

test('with eps 0 a constant slice is 0 / 0', () => {
  assert.ok(layerNorm(tensor([[5, 5]]), null, null, { normalizedShape: 2, eps: 0 }).data.every(Number.isNaN));
});

test('float32 data with mean 1e4 and spread 0.1 lose nothing but their own rounding', () => {
  const x = normal(new Random(3), [4, 64], 1e4, 0.1);
  const exact = layerNorm(fromArray(Float64Array.from(x.data), x.shape), null, null, { normalizedShape: 64 });
  assertClose(layerNorm(x, null, null, { normalizedShape: 64 }), toArray(exact), 3e-7);
});

test('it normalizes twice to xHat / sqrt(s + eps), s the mean square after the first time', () => {
  const x = tensor([[0, 2, 4, 10]], float64);
  const once = layerNorm(x, null, null, { normalizedShape: 4, eps: 0.5 });
  const s = Array.from(once.data).reduce((total, v) => total + v * v, 0) / 4;
  const want = Array.from(once.data, (v) => v / Math.sqrt(s + 0.5));
  assertClose(layerNorm(once, null, null, { normalizedShape: 4, eps: 0.5 }), [want], 1e-14);
});

test('positions that move together with weight and bias move the result', () => {
  const order = [2, 0, 3, 1];
  const moved = (values: readonly number[]): number[] => order.map((i) => values[i]!);
  const x = [1, 5, -2, 8];
  const weight = [1, -2, 0.5, 3];
  const bias = [0, 1, 2, 3];
  const plain = layerNorm(tensor([x], float64), tensor(weight, float64), tensor(bias, float64));
  const other = layerNorm(tensor([moved(x)], float64), tensor(moved(weight), float64), tensor(moved(bias), float64));
  assertClose(other, [moved(Array.from(plain.data))], 1e-14);
});

test('it equals group norm with one group', () => {
  const x = normal(new Random(1), [3, 4, 2], 1, 2, float64);
  const grouped = groupNorm(x, null, null, { numGroups: 1, eps: 1e-3 });
  assertClose(layerNorm(x, null, null, { normalizedShape: [4, 2], eps: 1e-3 }), toArray(grouped), 1e-14);
});

test('it equals RMS norm when the slice is centred', () => {
  const x = tensor([[-3, 1, 2], [5, -5, 0]], float64);
  const weight = tensor([2, -1, 0.5], float64);
  assertClose(layerNorm(x, weight, null, { eps: 0.25 }), toArray(rmsNorm(x, weight, { eps: 0.25 })), 1e-15);
});

test('no slices give no result', () => {
  assert.equal(layerNorm(zeros([0, 3]), ones([3]), null).shape, [0, 3]);
});

test('bad input is refused with the shapes in the message', () => {
  for (const norm of [layerNorm, layerNormDefinition]) {
    const x = zeros([2, 3]);
    assertThrows(() => norm(x, ones([2])), 'ShapeError', /trailing axes of x must be normalizedShape \[2\], got x of shape \[2, 3\]/);
    assertThrows(() => norm(x), 'ShapeError', /normalizedShape must name at least one axis/);
    assertThrows(() => norm(x, null, null, { normalizedShape: [0] }), 'RangeError', /positive integer, got 0/);
    assertThrows(() => norm(x, ones([3]), ones([2])), 'ShapeError', /bias must have shape \[3\].*got \[2\]/);
    assertThrows(() => norm(x, ones([3], float64)), 'TypeError', /weight must have the dtype of x, float32, got float64/);
    for (const eps of [-1e-5, NaN, Infinity]) {
      assertThrows(() => norm(x, ones([3]), null, { eps }), 'RangeError', /eps must be finite and at least 0/);
    }
  }
  assertThrows(() => new LayerNorm([]), 'ShapeError', /normalizedShape/);
  assertThrows(() => new LayerNorm(3, { eps: -1 }), 'RangeError', /eps/);
});

test('the class holds what its options ask for, and calls the function', () => {
  assert.equal(Object.keys(new LayerNorm([2, 3]).stateDict()), ['weight', 'bias']);
  assert.equal(Object.keys(new LayerNorm(3, { bias: false }).stateDict()), ['weight']);
  assert.equal(Object.keys(new LayerNorm(3, { elementwiseAffine: false }).stateDict()), []);
  const norm = new LayerNorm(3, { eps: 0.5, ...float64 });
  norm.weight!.data.set([1, 2, 3]);
  norm.bias!.data.set([4, 5, 6]);
  const x = tensor([[1, 2, 6]], float64);
  assert.equal(toArray(norm.forward(x)), toArray(layerNorm(x, norm.weight, norm.bias, { eps: 0.5 })));
});

test.run();
