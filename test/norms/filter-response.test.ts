import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { relu } from '../../src/autograd/relu.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { FilterResponseNorm, filterResponseNorm, filterResponseNormDefinition } from '../../src/norms/filter-response.ts';
import { localResponseNorm } from '../../src/norms/local-response.ts';
import { rmsNorm } from '../../src/norms/rms.ts';
import { fromArray, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { gridTensor, tensors } from '../support/tensor-arbitrary.ts';

const test = suite('filter-response');
const float64 = { dtype: 'float64' } as const;
const both = [filterResponseNorm, filterResponseNormDefinition];

standardizedProperties(test, {
  normalize(x, eps) {
    if (x.shape.length > 2) return filterResponseNorm(x, null, null, null, null, { eps });
    return reshape(filterResponseNorm(reshape(x, [1, ...x.shape]), null, null, null, null, { eps }), x.shape);
  },
  shapes: { minRank: 3, maxRank: 4 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))),
  centred: false,
});

/** x of three channels, weights of its shape, and weight, bias and tau. */
const cases = fc
  .tuple(
    tensors({ minRank: 2, maxRank: 4, extents: [undefined, 3], maxSize: 120 }),
    gridTensor([3]),
    gridTensor([3]),
    gridTensor([3]),
    fc.nat(),
  )
  .map(([x, weight, bias, tau, seed]) => [x, fc.sample(gridTensor(x.shape), { seed, numRuns: 1 })[0]!, weight, bias, tau] as const);

test('the result is never below tau, and is relu(y - tau) + tau', () => {
  check(
    fc.property(cases, ([x, , weight, bias, tau]) => {
      const given = [x.tensor(), weight.tensor(), bias.tensor()] as const;
      const t = reshape(tau.tensor(), [3, ...given[0].shape.slice(2).map(() => 1)]);
      const z = filterResponseNorm(...given, tau.tensor());
      assertClose(z, add(relu(sub(filterResponseNorm(...given), t)), t), 1e-14);
      const inner = sizeOf(z.shape.slice(2));
      z.data.forEach((value, i) => assert.ok(value >= t.data[Math.floor(i / inner) % 3]!));
    }),
  );
});

test('raising tau lowers no element', () => {
  check(
    fc.property(cases, fc.integer({ min: 0, max: 40 }), ([x, , weight, bias, tau], rise) => {
      const given = [x.tensor(), weight.tensor(), bias.tensor()] as const;
      const low = filterResponseNorm(...given, tau.tensor()).data;
      const high = filterResponseNorm(...given, add(tau.tensor(), rise / 16)).data;
      high.forEach((value, i) => assert.ok(value >= low[i]!));
    }),
  );
});

test('the gradients of tau and bias add up to the sum of dy over the channel', () => {
  check(
    fc.property(cases, ([x, dy, weight, bias, tau]) => {
      const [b, t] = [bias.tensor('float64', true), tau.tensor('float64', true)];
      const z = filterResponseNorm(x.tensor(), weight.tensor(), b, t);
      const [dBias, dTau] = grad([z], [b, t], { gradOutputs: [dy.tensor()] });
      const rest = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
      assertClose(add(dBias!, dTau!), sum(dy.tensor(), { axis: rest }), 1e-12);
    }),
  );
});

test('a tau below every y does nothing, and gets no gradient', () => {
  const x = normal(new Random(1), [2, 3, 4], 1, 2, float64);
  const tau = tensor([-99, -99, -99], { ...float64, requiresGrad: true });
  const z = filterResponseNorm(x, null, null, tau);
  assert.equal(toArray(z), toArray(filterResponseNorm(x)));
  assert.equal(toArray(grad([z], [tau], { gradOutputs: [ones([2, 3, 4], float64)] })[0]!), [0, 0, 0]);
});

test('with initial parameters it is a rectifier behind the norm', () => {
  const x = normal(new Random(2), [2, 3, 4]);
  assert.equal(toArray(new FilterResponseNorm(3).forward(x)), toArray(relu(filterResponseNorm(x))));
});

test('at a tie of y and tau the whole gradient goes to y', () => {
  for (const norm of both) {
    const x = zeros([1, 2, 2], { ...float64, requiresGrad: true });
    const bias = tensor([0.5, 0], { ...float64, requiresGrad: true });
    const tau = tensor([0.5, 0.25], { ...float64, requiresGrad: true });
    const z = norm(x, tensor([2, 3], float64), bias, tau, null, { eps: 1e-6 });
    assert.equal(toArray(z), [[[0.5, 0.5], [0.25, 0.25]]]);
    const dy = tensor([[[1, -2], [5, 7]]], float64);
    const [dx, dBias, dTau] = grad([z], [x, bias, tau], { gradOutputs: [dy] });
    assertClose(dx!, [[[2000, -4000], [0, 0]]], 1e-12);
    assert.equal([dBias!, dTau!].map((g) => toArray(g)), [[-1, 0], [0, 12]]);
  }
});

test('an eps that is learned adds its size to the constant one, whatever its sign', () => {
  const x = normal(new Random(3), [2, 3, 4], 0, 1, float64);
  const dy = normal(new Random(4), [2, 3, 4], 0, 1, float64);
  const gradients: number[] = [];
  for (const sign of [1, -1]) {
    const epsLearned = tensor([sign * 0.25], { ...float64, requiresGrad: true });
    const z = filterResponseNorm(x, null, null, null, epsLearned, { eps: 0.5 });
    assert.equal(toArray(z), toArray(filterResponseNorm(x, null, null, null, null, { eps: 0.75 })));
    gradients.push(grad([z], [epsLearned], { gradOutputs: [dy] })[0]!.data[0]!);
  }
  assert.is.not(gradients[0], 0);
  assert.is(gradients[1], -gradients[0]!);
});

test('an eps that is learned and 0 gets no gradient, and the constant one keeps a slice of zeros finite', () => {
  for (const norm of both) {
    const epsLearned = tensor([0], { ...float64, requiresGrad: true });
    const z = norm(tensor([[[0, 0], [1, 2]]], float64), null, null, null, epsLearned, { eps: 1e-6 });
    assert.ok(z.data.every(Number.isFinite));
    assert.is(Math.abs(grad([z], [epsLearned], { gradOutputs: [ones([1, 2, 2], float64)] })[0]!.data[0]!), 0);
  }
});

test('a single position gives the soft sign x / sqrt(x^2 + eps), of slope 1 / sqrt(eps) at 0', () => {
  const x = tensor([[-30, -3, 0, 0.5, 4]], { ...float64, requiresGrad: true });
  const z = filterResponseNorm(x, null, null, null, null, { eps: 9 });
  assertClose(z, [[-30 / Math.sqrt(909), -3 / Math.sqrt(18), 0, 0.5 / Math.sqrt(9.25), 0.8]], 1e-15);
  z.data.forEach((value, i) => assert.ok(Math.abs(value) < 1 && (i === 0 || value > z.data[i - 1]!)));
  assertClose(slice(grad([z], [x], { gradOutputs: [ones([1, 5], float64)] })[0]!, 1, 2, 3), [[1 / 3]], 1e-15);
});

test('a constant channel of c gives c / sqrt(c^2 + eps); at 1e-4 the constant eps dominates', () => {
  assertClose(filterResponseNorm(tensor([[[1e-4, 1e-4], [3, 3]]], float64)), [[
    [1e-4 / Math.sqrt(1.01e-6), 1e-4 / Math.sqrt(1.01e-6)],
    [3 / Math.sqrt(9.000001), 3 / Math.sqrt(9.000001)],
  ]], 1e-15);
});

test('with eps 0 a slice of zeros is 0 / 0', () => {
  assert.equal(toArray(filterResponseNorm(zeros([1, 1, 2]), null, null, null, null, { eps: 0 })), [[[NaN, NaN]]]);
});

test('the maximum keeps a NaN of y, and one of tau', () => {
  for (const norm of both) {
    const x = tensor([[[NaN, 1], [2, 3]]]);
    assert.equal(toArray(norm(x, null, null, tensor([0, 5]))), [[[NaN, NaN], [5, 5]]]);
    assert.equal(toArray(norm(tensor([[[1], [1]]]), null, null, tensor([NaN, 0.5]))).toString(), 'NaN,0.9999995231628418');
  }
});

test('a gradient that is not finite is stopped where tau is passed on', () => {
  const x = tensor([[[1, -1]]], { ...float64, requiresGrad: true });
  const z = filterResponseNorm(x, null, null, tensor([0], float64), null, { eps: 0 });
  assertClose(grad([z], [x], { gradOutputs: [tensor([[[0, Infinity]]], float64)] })[0]!, [[[0, 0]]], 0);
});

test('it equals RMS norm over the flattened positions', () => {
  const x = normal(new Random(5), [2, 3, 4, 2], 1, 2, float64);
  const rows = rmsNorm(reshape(x, [2, 3, 8]), null, { normalizedShape: 8, eps: 1e-3 });
  assert.equal(toArray(filterResponseNorm(x, null, null, null, null, { eps: 1e-3 })), toArray(reshape(rows, x.shape)));
});

test('it equals local response norm within channels, with a window over everything and the exponent 1/2', () => {
  const x = normal(new Random(7), [2, 3, 4, 2], 1, 2, float64);
  const wide = localResponseNorm(x, { size: 7, alpha: 1 / 8, beta: 0.5, k: 0.25, normRegion: 'withinChannel', divideBySize: false });
  assertClose(filterResponseNorm(x, null, null, null, null, { eps: 0.25 }), wide, 1e-14);
});

test('a batch in two parts gives what the whole gives, bit by bit', () => {
  const norm = new FilterResponseNorm(3);
  norm.bias.data.set([0.5, -0.5, 0]);
  const x = normal(new Random(6), [4, 3, 5]);
  assert.equal(toArray(concat([norm.forward(slice(x, 0, 0, 1)), norm.forward(slice(x, 0, 1, 4))])), toArray(norm.forward(x)));
});

test('no samples give no result, and no gradient', () => {
  const norm = new FilterResponseNorm(3, { learnableEps: true });
  const y = norm.forward(zeros([0, 3, 2]));
  assert.equal(y.shape, [0, 3, 2]);
  backward(sum(y));
  assert.equal(norm.parameters().map((p) => Array.from(p.grad!.data, Math.abs)), [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0]]);
});

test('bad input is refused with the shapes in the message', () => {
  for (const norm of both) {
    const x = zeros([2, 3, 4]);
    const attempt = (parameters: (Tensor | null)[], name: string, message: RegExp): void =>
      assertThrows(() => norm(x, ...(parameters as [])), name, message);
    attempt([ones([2])], 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    attempt([null, ones([4])], 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
    attempt([null, null, ones([1])], 'ShapeError', /tau must have shape \[3\].*got \[1\]/);
    attempt([null, null, null, ones([3])], 'ShapeError', /epsLearned must have shape \[1\].*got \[3\]/);
    attempt([null, null, null, ones([])], 'ShapeError', /epsLearned must have shape \[1\].*got \[\]/);
    attempt([null, null, ones([3], float64)], 'TypeError', /tau must have the dtype of x, float32, got float64/);
    assertThrows(() => norm(zeros([3])), 'ShapeError', /rank 2 to 5, got shape \[3\]/);
    assertThrows(() => norm(zeros([1, 3, 1, 1, 1, 1])), 'ShapeError', /rank 2 to 5/);
    for (const eps of [-1e-6, NaN, Infinity]) {
      assertThrows(() => norm(x, null, null, null, null, { eps }), 'RangeError', /eps must be finite and at least 0/);
    }
  }
  assertThrows(() => new FilterResponseNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new FilterResponseNorm(3, { eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => new FilterResponseNorm(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1/);
});

test('the class holds what its options ask for, and calls the function', () => {
  assert.equal(Object.keys(new FilterResponseNorm(3).stateDict()), ['weight', 'bias', 'tau']);
  assert.equal(Object.keys(new FilterResponseNorm(3, { tlu: false }).stateDict()), ['weight', 'bias']);
  const norm = new FilterResponseNorm(2, { eps: 0.5, learnableEps: true, ...float64 });
  assert.equal(toArray(norm.epsLearned!), [1e-4]);
  norm.weight.data.set([2, -1]);
  norm.bias.data.set([0.25, 0.5]);
  norm.tau!.data.set([0, -0.25]);
  const x = fromArray(Float64Array.of(1, -2, 3, 4), [1, 2, 2]);
  const want = toArray(filterResponseNorm(x, norm.weight, norm.bias, norm.tau, norm.epsLearned, { eps: 0.5 }));
  assert.equal(toArray(norm.forward(x)), want);
  assert.equal(toArray(norm.eval().forward(x)), want);
  assert.is(new FilterResponseNorm(3).eps, 1e-6);
});

test.run();
