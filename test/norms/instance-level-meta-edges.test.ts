/** Instance-level meta norm: its options, edge cases, bad input, and the class. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import { groupNorm } from '../../src/norms/group.ts';
import {
  InstanceLevelMetaNorm,
  instanceLevelMetaNorm,
  instanceLevelMetaNormDefinition,
  type InstanceLevelMetaNormOptions,
  type InstanceLevelMetaNormParameters,
} from '../../src/norms/instance-level-meta.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';

const test = suite('instance-level meta, edges');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const forms = [instanceLevelMetaNorm, instanceLevelMetaNormDefinition];

/** Weight 1 and bias 0; matrices `[embedSize, keyGroups]` and its like, each with one number throughout. */
function parametersOf(
  channels: number,
  keyGroups: number,
  { encoder = 0.5, weightDecoder = 0.5, biasDecoder = 0.5, embedSize = 2, dtype = 'float64' as DType } = {},
): InstanceLevelMetaNormParameters {
  return {
    weight: ones([channels], { dtype }),
    bias: zeros([channels], { dtype }),
    encoderWeight: full([embedSize, keyGroups], encoder, { dtype }),
    weightDecoder: full([keyGroups, embedSize], weightDecoder, { dtype }),
    biasDecoder: full([keyGroups, embedSize], biasDecoder, { dtype }),
  };
}

test('unbiased divides the variances of both kinds of groups by their count less 1', () => {
  // mean 2 and sum of squares 8 for the key group; numbers of one channel for each normalization group
  const x = double([[[0, 4], [2, 2]]]);
  const parameters = { ...parametersOf(2, 1, { encoder: 1, embedSize: 1, biasDecoder: 0 }), weightDecoder: double([[0.75]]) };
  for (const norm of forms) {
    for (const [unbiased, keyVar, variance] of [[true, 8 / 3, 8], [false, 2, 4]] as const) {
      const y = norm(x, parameters, { numGroups: 2, keyGroupSize: 2, eps: 1, unbiased });
      const far = (1 + 1 / (1 + Math.exp(-0.75 * keyVar))) * (2 / Math.sqrt(variance + 1));
      assertClose(y, [[[-far, far], [0, 0]]], 1e-15);
    }
  }
});

test('eps enters the variance of the normalization groups only', () => {
  const x = double([[3, 3, 5, 7]]);
  const parameters = parametersOf(4, 2);
  const y = instanceLevelMetaNorm(x, { ...parameters, biasDecoder: zeros([2, 2], float64) }, { numGroups: 2, keyGroupSize: 2, eps: 3 });
  // key variances 0 and 1: hidden units of 1/2, a logit of 1/2; xHat of the second group is (x - 6) / 2
  const far = (1 + 1 / (1 + Math.exp(-0.5))) / 2;
  assertClose(y, [[0, 0, -far, far]], 1e-15);
});

test('a constant group gives bias and shift exactly, and a gradient that is finite', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const x = full([2, 4, 3], 0.1, { dtype, requiresGrad: true });
    const y = instanceLevelMetaNorm(x, parametersOf(4, 2, { dtype }), { numGroups: 2, keyGroupSize: 2 });
    const shift = tensor([Math.tanh(x.data[0]!)], { dtype }).data[0]!;
    y.data.forEach((value) => assert.ok(Math.abs(value - shift) < 1e-7 && value === y.data[0]));
    backward(y, fromArray(y.data.map((_, i) => (i % 5) - 2), y.shape));
    assert.ok(x.grad!.data.every((value) => Math.abs(value) < 2000));
    assert.ok(x.grad!.data.some((value) => Math.abs(value) > 100), 'it is large: rstd is 316');
  }
});

test('key groups of a single value have variance 0: their scale is 1/2', () => {
  const x = double([[1, 3, 5, 9]]);
  const options = { numGroups: 2, keyGroupSize: 1 };
  const y = instanceLevelMetaNorm(x, parametersOf(4, 4, { biasDecoder: 0 }), options);
  assertClose(y, groupNorm(x, full([4], 1.5, float64), null, options), 1e-15);
});

test('with a mean far above, the shift is 1 and passes no gradient on', () => {
  const x = leaf(double([[1000, 1001, 1003, 999]]));
  const parameters = parametersOf(4, 2, { weightDecoder: 0 });
  const biasDecoder = leaf(parameters.biasDecoder);
  const encoderWeight = leaf(parameters.encoderWeight);
  const y = instanceLevelMetaNorm(x, { ...parameters, biasDecoder, encoderWeight }, { numGroups: 2, keyGroupSize: 2, eps: 0 });
  assertClose(y, [[-0.5, 2.5, 2.5, -0.5]], 1e-13);
  for (const found of grad([y], [biasDecoder, encoderWeight], { gradOutputs: [double([[1, -2, 3, 4]])] })) {
    assert.ok(found.data.every((value) => value === 0));
  }
});

test('the slopes of sigmoid and tanh keep their digits where the values are next to 1', () => {
  // variance 64 and mean 32, so logits of 64 and 32
  const x = double([[24, 40]]);
  const parameters = parametersOf(2, 1, { encoder: 1, weightDecoder: 1, biasDecoder: 1, embedSize: 1 });
  const [weightDecoder, biasDecoder] = [leaf(parameters.weightDecoder), leaf(parameters.biasDecoder)];
  for (const norm of forms) {
    const y = norm(x, { ...parameters, weightDecoder, biasDecoder }, { numGroups: 1, keyGroupSize: 2, eps: 0 });
    const [dScale, dShift] = grad([y], [weightDecoder, biasDecoder], { gradOutputs: [double([[0, 1]])] });
    assert.ok(Math.abs(dScale!.data[0]! / (64 * Math.exp(-64)) - 1) < 1e-14);
    assert.ok(Math.abs(dShift!.data[0]! / (32 * 4 * Math.exp(-64)) - 1) < 1e-14);
  }
});

test('an encoder of negative numbers is dead for variances: scale 1/2, and no gradient but that of the means', () => {
  const x = leaf(double([[[1, 3], [-2, -8]]]));
  const parameters = parametersOf(2, 1, { encoder: -1 });
  const [encoderWeight, weightDecoder, biasDecoder] = [leaf(parameters.encoderWeight), leaf(parameters.weightDecoder), leaf(parameters.biasDecoder)];
  const all = { ...parameters, encoderWeight, weightDecoder, biasDecoder };
  const options = { numGroups: 2, keyGroupSize: 2 };
  // the mean is -1.5: two hidden units of 1.5, a shift of tanh(1.5)
  const y = instanceLevelMetaNorm(x, all, options);
  const want = groupNorm(x, full([2], 1.5, float64), full([2], Math.tanh(1.5), float64), options);
  assertClose(y, want, 1e-15);
  const [dEncoder, dScale, dShift] = grad([y], [encoderWeight, weightDecoder, biasDecoder], { gradOutputs: [ones([1, 2, 2], float64)] });
  assert.equal(toArray(dScale!), [[0, 0]]);
  const slope = 4 * (1 - Math.tanh(1.5) ** 2);
  assertClose(dShift!, [[1.5 * slope, 1.5 * slope]], 1e-14);
  assertClose(dEncoder!, [[-0.75 * slope], [-0.75 * slope]], 1e-14);
});

test('a value that is not finite stays in its sample, and spoils the gradients of what all samples share', () => {
  for (const bad of [NaN, Infinity]) {
    const x = normal(new Random(1), [3, 4, 2], 0, 1, float64);
    const parameters = parametersOf(4, 2);
    const weight = leaf(parameters.weight);
    const options = { numGroups: 2, keyGroupSize: 2 };
    const before = instanceLevelMetaNorm(x, parameters, options).data;
    x.data[8] = bad;
    const y = instanceLevelMetaNorm(x, { ...parameters, weight }, options);
    y.data.forEach((value, i) => {
      if (i >> 3 === 1) assert.ok(Number.isNaN(value));
      else assert.is(value, before[i]);
    });
    backward(sum(y));
    assert.ok(weight.grad!.data.slice(0, 2).every(Number.isNaN));
  }
});

test('a large common offset costs no digits', () => {
  const small = normal(new Random(2), [2, 6, 8]);
  const near = Float32Array.from(small.data, (value) => Math.fround(value * 1024) / 1024);
  const x = fromArray(Float32Array.from(near, (value) => value + 4096), [2, 6, 8]);
  const options = { numGroups: 2, keyGroupSize: 2 };
  const parameters = (dtype: DType): InstanceLevelMetaNormParameters => parametersOf(6, 3, { biasDecoder: 0, dtype });
  const exact = fromArray(Float64Array.from(x.data, (value) => value - 4096), [2, 6, 8]);
  assertClose(instanceLevelMetaNorm(x, parameters('float32'), options), instanceLevelMetaNorm(exact, parameters('float64'), options), 1e-6);
});

test('a batch without samples gives a result without samples', () => {
  for (const norm of forms) assert.equal(norm(zeros([0, 4, 3], float64), parametersOf(4, 2), { numGroups: 2, keyGroupSize: 2 }).shape, [0, 4, 3]);
});

test('bad input is refused with the numbers in the message', () => {
  for (const norm of forms) {
    const good = parametersOf(6, 3, { dtype: 'float32' });
    const attempt = (
      name: string,
      message: RegExp,
      { options = {}, x = zeros([2, 6, 3]), parameters = good }: { options?: InstanceLevelMetaNormOptions; x?: Tensor; parameters?: object },
    ): void => {
      const all = { ...good, ...parameters };
      assertThrows(() => norm(x, all, { numGroups: 2, keyGroupSize: 2, ...options }), name, message);
    };
    attempt('ShapeError', /numGroups must divide the number of channels, got 4 for 6/, { options: { numGroups: 4 } });
    attempt('ShapeError', /keyGroupSize must divide the number of channels, got 4 for 6/, { options: { keyGroupSize: 4 } });
    assertThrows(() => norm(zeros([2, 6]), good), 'ShapeError', /numGroups must divide the number of channels, got 32 for 6/);
    assertThrows(() => norm(zeros([2, 40]), good, { numGroups: 2 }), 'ShapeError', /keyGroupSize must divide the number of channels, got 16 for 40/);
    for (const bad of [0, -2, 1.5, NaN]) {
      attempt('RangeError', /numGroups must be a positive integer, got/, { options: { numGroups: bad } });
      attempt('RangeError', /keyGroupSize must be a positive integer, got/, { options: { keyGroupSize: bad } });
    }
    for (const eps of [-1e-5, NaN, Infinity]) attempt('RangeError', /eps must be finite and at least 0, got/, { options: { eps } });
    attempt('ShapeError', /rank 2 to 5, got shape \[6\]/, { x: zeros([6]) });
    attempt('ShapeError', /rank 2 to 5, got shape \[1, 6, 1, 1, 1, 1\]/, { x: zeros([1, 6, 1, 1, 1, 1]) });
    attempt('ShapeError', /weight must have shape \[6\].*got \[3\]/, { parameters: { weight: ones([3]) } });
    attempt('ShapeError', /bias must have shape \[6\].*got \[6, 1\]/, { parameters: { bias: ones([6, 1]) } });
    const encoder = /encoderWeight must be \[embedSize, 3\] for 6 channels in key groups of 2, got/;
    for (const shape of [[2, 6], [3], [2, 3, 1]]) attempt('ShapeError', encoder, { parameters: { encoderWeight: zeros(shape) } });
    attempt('ShapeError', /weightDecoder must have shape \[3, 2\].*got \[2, 3\]/, { parameters: { weightDecoder: zeros([2, 3]) } });
    attempt('ShapeError', /biasDecoder must have shape \[3, 2\].*got \[3, 1\]/, { parameters: { biasDecoder: zeros([3, 1]) } });
    for (const name of ['weight', 'bias', 'encoderWeight', 'weightDecoder', 'biasDecoder'] as const) {
      const wide = { [name]: zeros(good[name].shape, float64) };
      attempt('TypeError', new RegExp(`${name} must have the dtype of x, float32, got float64`), { parameters: wide });
    }
    attempt('ShapeError', /a normalization group of a single value is 0, got x of shape \[2, 6\] with numGroups 6; use fewer/, {
      x: zeros([2, 6]),
      options: { numGroups: 6 },
    });
    attempt('ShapeError', /single value is 0, got x of shape \[2, 6, 1, 1\]/, { x: zeros([2, 6, 1, 1]), options: { numGroups: 6 } });
    const single = parametersOf(6, 6, { dtype: 'float32' });
    attempt('ShapeError', /unbiased variance needs more than one value, got x of shape \[2, 6\] with keyGroupSize 1/, {
      x: zeros([2, 6]),
      options: { keyGroupSize: 1, unbiased: true },
      parameters: single,
    });
  }
});

test('the class refuses sizes that do not fit and a missing generator', () => {
  const random = new Random(1);
  const make = (numFeatures: number, options: object = {}): InstanceLevelMetaNorm =>
    new InstanceLevelMetaNorm(numFeatures, { random, numGroups: 2, keyGroupSize: 2, ...options });
  assertThrows(() => make(0), 'RangeError', /InstanceLevelMetaNorm: numFeatures must be a positive integer, got 0/);
  assertThrows(() => make(5), 'ShapeError', /numGroups must divide the number of channels, got 2 for 5/);
  assertThrows(() => make(6, { keyGroupSize: 4 }), 'ShapeError', /keyGroupSize must divide the number of channels, got 4 for 6/);
  assertThrows(() => make(6, { reduction: 0 }), 'RangeError', /reduction must be a positive integer, got 0/);
  assertThrows(() => make(6, { embedSize: 1.5 }), 'RangeError', /embedSize must be a positive integer, got 1.5/);
  assertThrows(() => make(6, { eps: -1 }), 'RangeError', /eps must be finite/);
  assertThrows(() => make(6, { random: undefined }), 'TypeError', /random must be a generator/);
  assertThrows(() => make(6).forward(zeros([2, 4])), 'ShapeError', /x must have 6 channels at axis 1, got shape \[2, 4\]/);
});

test('the size of the embedding is the number of key groups over the reduction, or 2 when there are fewer', () => {
  const size = (numFeatures: number, options: object): number =>
    new InstanceLevelMetaNorm(numFeatures, { random: new Random(1), numGroups: 1, keyGroupSize: 1, ...options }).embedSize;
  assert.is(size(15, {}), 2);
  assert.is(size(16, {}), 1);
  assert.is(size(47, {}), 2);
  assert.is(size(48, {}), 3);
  assert.is(size(6, { reduction: 2 }), 3);
  assert.is(size(6, { reduction: 2, embedSize: 5 }), 5);
  assert.is(new InstanceLevelMetaNorm(32, { random: new Random(1) }).encoderWeight.shape[1], 2, 'key groups of 16');
});

test('the class holds its parameters, begins as PyTorch does, and computes what the function does', () => {
  const options = { numGroups: 4, keyGroupSize: 2, eps: 0.5, unbiased: true };
  const norm = new InstanceLevelMetaNorm(8, { ...options, embedSize: 9, random: new Random(3), ...float64 });
  assert.equal(Object.keys(norm.stateDict()), ['weight', 'bias', 'encoderWeight', 'weightDecoder', 'biasDecoder']);
  assert.equal(toArray(norm.weight), new Array(8).fill(1));
  assert.equal(toArray(norm.bias), new Array(8).fill(0));
  for (const [matrix, shape] of [[norm.encoderWeight, [9, 4]], [norm.weightDecoder, [4, 9]], [norm.biasDecoder, [4, 9]]] as const) {
    assert.equal(matrix.shape, shape);
    const most = Math.max(...Array.from(matrix.data, Math.abs)) * Math.sqrt(shape[1]);
    assert.ok(most <= 1 && most > 0.8, `uniform in 1 / sqrt(in): ${most}`);
  }
  assert.is.not(norm.weightDecoder.data[0], norm.biasDecoder.data[0]);
  const x = normal(new Random(4), [3, 8, 2], 1, 2, float64);
  const want = instanceLevelMetaNormDefinition(x, norm, options);
  assertClose(norm.forward(x), want, 1e-14);
  assertClose(norm.eval().forward(x), want, 1e-14);
  const other = new InstanceLevelMetaNorm(8, { ...options, embedSize: 9, random: new Random(5), ...float64 });
  other.loadStateDict(norm.stateDict());
  assert.equal(toArray(other.forward(x)), toArray(norm.forward(x)));
  backward(norm.forward(x), normal(new Random(6), x.shape, 0, 1, float64));
  for (const parameter of norm.parameters()) assert.ok(parameter.grad!.data.some((value) => value !== 0));
});

test.run();
