import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import { RMSNorm, rmsNorm, rmsNormDefinition } from '../../src/norms/rms.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { standardizedProperties } from '../support/standardized.ts';

const test = suite('rms');
const float64 = { dtype: 'float64' } as const;

standardizedProperties(test, {
  normalize: (x, eps) => rmsNorm(x, null, { normalizedShape: x.shape.slice(-1), eps }),
  shapes: { minRank: 1 },
  sliceOf: (shape) => (i) => Math.floor(i / shape[shape.length - 1]!),
  centred: false,
});

test('a slice of one value gives the soft sign x / sqrt(x^2 + eps), with derivative rstd eps / (x^2 + eps)', () => {
  const x = tensor([[3], [-4]], { ...float64, requiresGrad: true });
  const y = rmsNorm(x, null, { normalizedShape: 1, eps: 9 });
  assertClose(y, [[3 / Math.sqrt(18)], [-0.8]], 1e-15);
  const [dx] = grad([y], [x], { gradOutputs: [ones([2, 1], float64)] });
  assertClose(dx!, [[9 / 18 / Math.sqrt(18)], [9 / 25 / 5]], 1e-15);
});

test('a slice of zeros gives zeros, and its gradient passes on over sqrt(eps)', () => {
  const x = zeros([1, 3], { ...float64, requiresGrad: true });
  const y = rmsNorm(x, null, { normalizedShape: 3, eps: 1e-6 });
  assert.equal(toArray(y), [[0, 0, 0]]);
  assertClose(grad([y], [x], { gradOutputs: [tensor([[1, -2, 3]], float64)] })[0]!, [[1e3, -2e3, 3e3]], 1e-12);
});

test('with eps 0 a slice of zeros is 0 / 0', () => {
  assert.ok(rmsNorm(zeros([1, 3]), null, { normalizedShape: 3, eps: 0 }).data.every(Number.isNaN));
});

test('a large mean is harmless: the result is near the sign of the mean', () => {
  const y = rmsNorm(tensor([[1001, 999, 1000.5]]), null, { normalizedShape: 3 });
  assertClose(y, [[1.000832833, 0.998833167, 1.000332917]], 1e-6);
});

test('it equals layer norm without bias when the slice is centred', () => {
  const x = tensor([[-3, 1, 2], [5, -5, 0]], float64);
  const weight = tensor([2, -1, 0.5], float64);
  assertClose(rmsNorm(x, weight, { eps: 0.25 }), toArray(layerNorm(x, weight, null, { eps: 0.25 })), 1e-15);
});

test('an infinite value leaves NaN at its place and zeros beside it', () => {
  const y = rmsNorm(fromArray(Float64Array.of(Infinity, 1, -2), [1, 3]), null, { normalizedShape: 3 });
  assert.equal(toArray(y), [[NaN, 0, -0]]);
});

test('no slices give no result', () => {
  assert.equal(rmsNorm(zeros([0, 3]), ones([3])).shape, [0, 3]);
});

test('bad input is refused with the shapes in the message', () => {
  for (const norm of [rmsNorm, rmsNormDefinition]) {
    const x = zeros([2, 3]);
    assertThrows(() => norm(x, ones([2])), 'ShapeError', /trailing axes of x must be normalizedShape \[2\], got x of shape \[2, 3\]/);
    assertThrows(() => norm(x), 'ShapeError', /normalizedShape must name at least one axis/);
    assertThrows(() => norm(x, ones([3]), { normalizedShape: [2, 3] }), 'ShapeError', /weight must have shape \[2, 3\]/);
    assertThrows(() => norm(x, ones([3], float64)), 'TypeError', /weight must have the dtype of x/);
    for (const eps of [-1e-5, NaN, Infinity]) {
      assertThrows(() => norm(x, ones([3]), { eps }), 'RangeError', /eps must be finite and at least 0/);
    }
  }
  assertThrows(() => new RMSNorm([3, 0]), 'RangeError', /positive integer, got 0/);
  assertThrows(() => new RMSNorm(3, { eps: NaN }), 'RangeError', /eps/);
});

test('the class holds what its options ask for, and calls the function', () => {
  assert.equal(Object.keys(new RMSNorm([2, 3]).stateDict()), ['weight']);
  assert.equal(Object.keys(new RMSNorm(3, { elementwiseAffine: false }).stateDict()), []);
  const norm = new RMSNorm(3, { eps: 0.5, ...float64 });
  norm.weight!.data.set([1, 2, 3]);
  const x = tensor([[1, 2, 6]], float64);
  assert.equal(toArray(norm.forward(x)), toArray(rmsNorm(x, norm.weight, { eps: 0.5 })));
  assert.is(new RMSNorm(3).eps, 1e-6);
});

test.run();
