import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { permute } from '../../src/autograd/permute.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import {
  DecorrelatedBatchNorm,
  decorrelatedBatchNorm,
  decorrelatedBatchNormDefinition,
  type DecorrelatedBatchNormOptions,
  decorrelatedBatchNormState,
} from '../../src/norms/decorrelated-batch.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { product, transposed } from '../../src/tensor/small-matrix.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { directions } from '../support/decompositions.ts';
import { check } from '../support/property.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('decorrelated-batch');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const draw = (seed: number, shape: number[], mean = 0, std = 1): Tensor => normal(new Random(seed), shape, mean, std, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const norm = (x: Tensor, options: DecorrelatedBatchNormOptions = {}): Tensor => decorrelatedBatchNorm(x, null, null, null, options);
const methods = [{ method: 'zca' }, { method: 'iterative', numIterations: 3 }] as const;

/** Batches of any rank with at least two positions, in float64. */
const batches = tensors({ minRank: 2, maxRank: 4, maxExtent: 5, among: ['benign', 'outlier'], fits: (shape) => sizeOf(shape) / shape[1]! >= 2 });

/** Channels as columns, a row for each position. */
function rowsOf(x: Tensor): Float64Array {
  const order = [0, ...x.shape.slice(2).map((_, axis) => axis + 2), 1];
  return permute(x, order).data as Float64Array;
}

/** `aᵀ b` of two lists of rows of n. */
function across(a: Float64Array, b: Float64Array, n: number): Float64Array {
  return product(transposed(a, a.length / n, n), b, n, a.length / n, n);
}

/** Rows less their mean. */
function centred(rows: Float64Array, n: number): Float64Array {
  const count = rows.length / n;
  const mean = new Float64Array(n);
  rows.forEach((value, i) => (mean[i % n]! += value / count));
  return rows.map((value, i) => value - mean[i % n]!);
}

function gradient(x: Tensor, dy: Tensor, options: DecorrelatedBatchNormOptions): { y: Tensor; dx: Tensor } {
  const own = leaf(x);
  const y = norm(own, options);
  return { y, dx: grad([y], [own], { gradOutputs: [dy] })[0]! };
}

test('the covariance of the result is I - eps sigma^-1, and w is the symmetric inverse root of sigma', () => {
  const x = draw(1, [40, 3, 2], 5, 2);
  const state = decorrelatedBatchNormState(3, float64);
  const y = decorrelatedBatchNorm(x, null, null, state, { eps: 0.5, momentum: 1 });
  const w = state.runningWhitening.data as Float64Array;
  const sigma = across(centred(rowsOf(x), 3), centred(rowsOf(x), 3), 3).map((value, i) => value / 80 + (i % 4 === 0 ? 0.5 : 0));
  const one = double([[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
  const square = product(w, w, 3, 3, 3);
  assertClose(fromArray(product(square, sigma, 3, 3, 3), [3, 3]), one, 1e-13);
  assertClose(fromArray(transposed(w, 3, 3), [3, 3]), fromArray(w, [3, 3]), 1e-15);
  for (let i = 0; i < 3; i++) assert.ok(w[4 * i]! > 0);
  const covariance = across(rowsOf(y), rowsOf(y), 3).map((value) => value / 80);
  assertClose(fromArray(covariance, [3, 3]), fromArray(one.data.map((value, i) => value - 0.5 * square[i]!), [3, 3]), 1e-13);
});

test('the result and the gradient of x have mean 0 in every channel, by either method', () => {
  check(
    fc.property(batches, fc.constantFrom(...methods), (made, method) => {
      const x = made.tensor();
      const channels = x.shape[1]!;
      const dy = fromArray(x.data.map((_, i) => ((i * 7) % 5) - 2), x.shape);
      const { y, dx } = gradient(x, dy, { ...method, eps: 0.125 });
      for (const found of [y, dx]) {
        const rows = rowsOf(found);
        for (let c = 0; c < channels; c++) {
          let total = 0;
          let size = 1;
          for (let i = c; i < rows.length; i += channels) {
            total += rows[i]!;
            size += Math.abs(rows[i]!);
          }
          assert.ok(Math.abs(total) <= 1e-12 * size, `channel ${c} sums to ${total}`);
        }
      }
    }),
  );
});

test('a number added to a channel changes nothing', () => {
  check(
    fc.property(batches, fc.constantFrom(...methods), fc.integer({ min: -64, max: 64 }), (made, method, shift) => {
      const x = made.tensor();
      const inner = sizeOf(x.shape.slice(2));
      const moved = fromArray(x.data.map((value, i) => value + shift * (1 + (Math.floor(i / inner) % x.shape[1]!))), x.shape);
      assertClose(norm(moved, { ...method, eps: 0.125 }), norm(x, { ...method, eps: 0.125 }), 1e-10);
    }),
  );
});

test('channels of a group that are rotated are rotated in the result, by either method and for any eps', () => {
  const x = draw(2, [7, 4, 3], 3, 2);
  const turn = fromArray(directions(new Random(3), 4, 4), [4, 4]);
  const rotated = (from: Tensor): Tensor => {
    const rows = product(rowsOf(from), transposed(turn.data as Float64Array, 4, 4), 21, 4, 4);
    return permute(fromArray(rows, [7, 3, 4]), [0, 2, 1]);
  };
  for (const method of methods) for (const eps of [0, 1e-5, 1]) assertClose(norm(rotated(x), { ...method, eps }), rotated(norm(x, { ...method, eps })), 1e-12);
  assertClose(norm(take(x, [2, 0, 3, 1], 1)), take(norm(x), [2, 0, 3, 1], 1), 1e-13);
});

test('by that symmetry dxᵀ (x - mean) - hᵀ y is a symmetric matrix, and not without reason', () => {
  const x = draw(4, [6, 3, 2], -1, 2);
  const dy = draw(5, [6, 3, 2]);
  for (const method of methods) {
    for (const eps of [0, 1e-5, 1]) {
      const { y, dx } = gradient(x, dy, { ...method, eps });
      const first = across(rowsOf(dx), centred(rowsOf(x), 3), 3);
      const found = across(rowsOf(dy), rowsOf(y), 3).map((value, i) => first[i]! - value);
      assertClose(fromArray(transposed(found, 3, 3), [3, 3]), fromArray(found, [3, 3]), 1e-12);
      assert.ok(found.some((value) => Math.abs(value) > 0.1));
    }
  }
});

test('without eps a factor changes nothing, so that the gradient of x is orthogonal to x less its mean', () => {
  const x = draw(6, [9, 3]);
  for (const method of methods) {
    const { y, dx } = gradient(x, draw(7, [9, 3]), { ...method, eps: 0 });
    const rows = centred(rowsOf(x), 3);
    assert.ok(Math.abs(rows.reduce((total, value, i) => total + value * dx.data[i]!, 0)) < 1e-12);
    assert.equal([...norm(fromArray(x.data.map((value) => 4 * value), [9, 3]), { ...method, eps: 0 }).data], [...y.data]);
  }
});

test('groups of one channel are batch norm, with its gradients', () => {
  const x = leaf(draw(8, [6, 3, 2], 2, 3));
  const dy = draw(9, [6, 3, 2]);
  const [weight, bias] = [leaf(double([2, -1, 0.5])), leaf(double([1, 0, -3]))];
  const y = decorrelatedBatchNorm(x, weight, bias, null, { numGroups: 3 });
  const want = batchNorm(x, weight, bias);
  assertClose(y, want, 1e-14);
  const got = grad([y], [x, weight, bias], { gradOutputs: [dy] });
  grad([want], [x, weight, bias], { gradOutputs: [dy] }).forEach((found, i) => assertClose(got[i]!, found, 1e-13));
});

test('channels without correlation are batch norm too, however they are grouped', () => {
  const x = double([[3, 1], [3, -1], [-3, 1], [-3, -1]]);
  assertClose(norm(x), batchNorm(x), 1e-15);
});

test('a group of the channels is whitened as if the others were not there', () => {
  const x = draw(10, [5, 4, 3], 1, 2);
  const y = norm(x, { numGroups: 2 });
  for (const pair of [[0, 1], [2, 3]]) assertClose(take(y, pair, 1), norm(take(x, pair, 1)), 1e-14);
});

test('what is white stays as it is when eps is small', () => {
  const y = norm(draw(11, [12, 4], 3, 2), { eps: 0 });
  assertClose(norm(y, { eps: 1e-14 }), y, 1e-12);
});

test('samples and positions that change places change places in the result', () => {
  const x = draw(12, [4, 3, 5]);
  for (const method of methods) {
    assertClose(norm(take(x, [2, 0, 3, 1], 0), method), take(norm(x, method), [2, 0, 3, 1], 0), 1e-12);
    assertClose(norm(take(x, [4, 1, 0, 2, 3], 2), method), take(norm(x, method), [4, 1, 0, 2, 3], 2), 1e-12);
  }
});

test('long batches are taken block by block and give what the definition gives, whatever lies in a block', () => {
  for (const shape of [[700, 4], [3, 4, 350], [40, 4, 3, 7], [1, 4, 256], [257, 4, 1]]) {
    const x = leaf(draw(13, shape, 1, 2));
    const [weight, bias] = [leaf(double([2, -1, 0.5, 1])), leaf(double([1, 0, -3, 2]))];
    const dy = draw(14, shape);
    const fresh = () => ({ runningMean: double([1, 0, -1, 2]), runningWhitening: draw(22, [2, 2, 2]) });
    for (const training of [true, false]) {
      const options = { numGroups: 2, training };
      const y = decorrelatedBatchNorm(x, weight, bias, fresh(), options);
      const want = decorrelatedBatchNormDefinition(x, weight, bias, fresh(), options);
      assertClose(y, want, 1e-12);
      const got = grad([y], [x, weight, bias], { gradOutputs: [dy] });
      grad([want], [x, weight, bias], { gradOutputs: [dy] }).forEach((found, i) => assertClose(got[i]!, found, 1e-11));
    }
  }
});

test('between forward and backward it keeps x, its mean and a few matrices for each group, and no copy of x', () => {
  const x = leaf(normal(new Random(15), [8, 6, 10, 10]));
  const bytes = (method: 'zca' | 'iterative'): number => savedBytes(norm(x, { numGroups: 2, method }), { except: [x] });
  assert.is(bytes('zca'), 8 * (6 + 6 + 2 * 2 * 9));
  assert.is(bytes('iterative'), 8 * (6 + 2 * 2 * 9));
});

test('one training call with momentum 1, then evaluation of the same batch, gives the same', () => {
  const x = draw(16, [4, 4, 2], 1, 2);
  for (const method of methods) {
    const layer = new DecorrelatedBatchNorm(4, { ...method, numGroups: 2, momentum: 1, ...float64 });
    const trained = layer.forward(x);
    assertClose(layer.eval().forward(x), trained, 1e-13);
  }
});

test('in evaluation y = w (x - mean), and the gradient of x is wᵀ h, for a matrix that need not be symmetric', () => {
  const state = { runningMean: double([1, -1]), runningWhitening: double([[[1, 2], [0, 3]]]) };
  const x = leaf(double([[2, 1]]));
  const weight = leaf(double([1, 10]));
  const y = decorrelatedBatchNorm(x, weight, double([0, 7]), state, { training: false });
  assert.equal(toArray(y), [[5, 67]]);
  const [dx, dWeight] = grad([y], [x, weight], { gradOutputs: [double([[1, 1]])] });
  assert.equal([toArray(dx!), toArray(dWeight!)], [[[1, 32]], [5, 6]]);
});

test('in evaluation samples do not know of each other, also where a gradient is not finite', () => {
  const layer = new DecorrelatedBatchNorm(3).eval();
  const x = leaf(normal(new Random(17), [4, 3, 2]));
  assert.equal(toArray(layer.forward(take(x, [2]))), toArray(take(layer.forward(x), [2])));
  const dy = full([4, 3, 2], 1);
  dy.data[0] = NaN;
  const [dx] = grad([layer.forward(x)], [x], { gradOutputs: [dy] });
  dx!.data.forEach((value, i) => assert.is(Number.isNaN(value), i === 0 || i === 2 || i === 4));
});

/** Whitening matrix of two channels in closed form: the inverse of `(s + sqrt(det) I) / sqrt(trace + 2 sqrt(det))`. */
function inverseRoot([a, b, c]: [number, number, number]): number[] {
  const root = Math.sqrt(a * c - b * b);
  const scale = Math.sqrt(a + c + 2 * root) / ((a + root) * (c + root) - b * b);
  return [(c + root) * scale, -b * scale, -b * scale, (a + root) * scale];
}

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const variants = [{}, { momentum: 1 }, { momentum: 0 }, { numGroups: 2 }, { method: 'iterative', numIterations: 1 }] as const;
  const step = (state: PlainState, x: Tensor, variant: number): PlainState => {
    const rows = rowsOf(x);
    const v = centred(rows, 2);
    const mean = [rows[0]! - v[0]!, rows[1]! - v[1]!];
    const total = across(v, v, 2).map((value) => value / (rows.length / 2));
    const [a, b, c] = [total[0]! + 0.5, total[1]!, total[3]! + 0.5];
    const first = [3 - a / (a + c), -b / (a + c), -b / (a + c), 3 - c / (a + c)].map((value) => value / 2 / Math.sqrt(a + c));
    const w = variant === 4 ? first : variant === 3 ? [1 / Math.sqrt(a), 1 / Math.sqrt(c)] : inverseRoot([a, b, c]);
    const f = [0.1, 1, 0, 0.1, 0.1][variant]!;
    const blended = (held: readonly number[], value: number[]): number[] => value.map((one, i) => (1 - f) * held[i]! + f * one);
    return { runningMean: blended(state.runningMean!, mean), runningWhitening: blended(state.runningWhitening!, w) };
  };
  for (const [variant, options] of variants.entries()) {
    checkStateful({
      make: () => new DecorrelatedBatchNorm(2, { eps: 0.5, ...options, ...float64 }),
      variants: 1,
      initial: { runningMean: [0, 0], runningWhitening: variant === 3 ? [1, 1] : [1, 0, 0, 1] },
      step: (state, x) => step(state, x, variant),
      shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
    });
  }
});

test('higher derivatives see the running statistics as they were, and leave the state alone', () => {
  for (const training of [true, false]) {
    const state = { runningMean: double([1, 2]), runningWhitening: double([[[2, 0.5], [0, 1]]]) };
    const x = leaf(draw(18, [3, 2, 2]));
    const dy = draw(19, [3, 2, 2]);
    const y = decorrelatedBatchNorm(x, null, null, state, { training, momentum: 0.5 });
    const before = Object.values(state).map((held) => toArray(held));
    const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
    const kept = state.runningWhitening.data[0]!;
    state.runningWhitening.data[0] = 77;
    assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-12);
    state.runningWhitening.data[0] = kept;
    assert.equal(Object.values(state).map((held) => toArray(held)), before);
  }
});

test('bad input is refused, and the state stays as it was', () => {
  for (const call of [decorrelatedBatchNorm, decorrelatedBatchNormDefinition]) {
    const state = decorrelatedBatchNormState(4, { numGroups: 2 });
    const attempt = (name: string, message: RegExp, options: object, x = zeros([3, 4]), held: object | null = state, weight: Tensor | null = null): void => {
      assertThrows(() => call(x, weight, null, held as typeof state, { numGroups: 2, ...options }), name, message);
      assert.equal(toArray(state.runningWhitening), [[[1, 0], [0, 1]], [[1, 0], [0, 1]]]);
      assert.equal(toArray(state.runningMean), [0, 0, 0, 0]);
    };
    attempt('ShapeError', /more than one value per channel, got x of shape \[1, 4\]; use a larger batch/, {}, zeros([1, 4]));
    attempt('ShapeError', /more than one value per channel/, {}, zeros([0, 4]));
    attempt('ShapeError', /more than one value per channel/, { training: false }, zeros([1, 4]), null);
    attempt('ShapeError', /x must be \[N, C, \.\.\.spatial\], of rank at least 2, got shape \[4\]/, {}, zeros([4]));
    attempt('ShapeError', /numGroups must divide the number of channels, got 3 for 4/, { numGroups: 3 });
    for (const numGroups of [0, -1, 1.5, NaN]) attempt('RangeError', /numGroups must be a positive integer/, { numGroups });
    for (const numIterations of [0, 2.5, NaN]) attempt('RangeError', /numIterations must be a positive integer/, { numIterations });
    attempt('RangeError', /method must be 'zca' or 'iterative', got pca/, { method: 'pca' });
    for (const eps of [-1e-5, NaN, Infinity]) attempt('RangeError', /eps must be finite and at least 0/, { eps });
    for (const momentum of [-0.1, 1.1, NaN, null]) attempt('RangeError', /momentum must be in \[0, 1\]/, { momentum });
    attempt('ShapeError', /runningMean must have shape \[6\].*got \[4\]/, {}, zeros([3, 6]));
    attempt('ShapeError', /runningWhitening must have shape \[1, 4, 4\].*got \[2, 2, 2\]/, { numGroups: 1 });
    attempt('TypeError', /runningMean must have the dtype of x, float64, got float32/, {}, zeros([3, 4], float64));
    attempt('ShapeError', /weight must have shape \[4\].*got \[3\]/, {}, zeros([3, 4]), state, ones([3]));
    assertThrows(() => call(zeros([3, 4]), null, ones([5])), 'ShapeError', /bias must have shape \[4\].*got \[5\]/);
  }
  assertThrows(() => new DecorrelatedBatchNorm(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new DecorrelatedBatchNorm(4, { numGroups: 3 }), 'ShapeError', /DecorrelatedBatchNorm: numGroups must divide/);
  assertThrows(() => new DecorrelatedBatchNorm(4, { momentum: 2 }), 'RangeError', /momentum/);
  assertThrows(() => new DecorrelatedBatchNorm(4, { eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => new DecorrelatedBatchNorm(4, { numIterations: 0 }), 'RangeError', /numIterations/);
  assertThrows(() => new DecorrelatedBatchNorm(4).forward(zeros([2, 3])), 'ShapeError', /x must have 4 channels at axis 1, got shape \[2, 3\]/);
  assertThrows(() => decorrelatedBatchNormState(4, { numGroups: 3 }), 'ShapeError', /numGroups must divide/);
  assertThrows(() => decorrelatedBatchNormState(0), 'RangeError', /numFeatures/);
});

test('evaluation takes a single position, and none', () => {
  const layer = new DecorrelatedBatchNorm(2).eval();
  assert.equal(toArray(layer.forward(tensor([[5, 3]]))), [[5, 3]]);
  assert.equal(layer.forward(zeros([0, 2, 3])).shape, [0, 2, 3]);
});

test('no channels give no numbers', () => {
  for (const call of [decorrelatedBatchNorm, decorrelatedBatchNormDefinition]) {
    for (const method of methods) assert.equal(call(zeros([3, 0, 2]), null, null, null, method).shape, [3, 0, 2]);
  }
});

test('the class holds what its options ask for', () => {
  const names = ['weight', 'bias', 'runningMean', 'runningWhitening'];
  const layer = new DecorrelatedBatchNorm(4, { numGroups: 2 });
  assert.equal(Object.keys(layer.stateDict()), names);
  assert.equal(layer.state.runningWhitening.shape, [2, 2, 2]);
  assert.equal(Object.keys(new DecorrelatedBatchNorm(4, { affine: false }).stateDict()), names.slice(2));
  backward(sum(layer.forward(normal(new Random(20), [5, 4]))));
  assert.equal(toArray(layer.bias!.grad!), [5, 5, 5, 5]);
  const options = { numGroups: 2, eps: 0.25, momentum: 0.5, method: 'iterative', numIterations: 2 } as const;
  const other = new DecorrelatedBatchNorm(4, options);
  const state = decorrelatedBatchNormState(4, { numGroups: 2 });
  const x = normal(new Random(21), [5, 4, 2]);
  assert.equal(toArray(other.forward(x)), toArray(decorrelatedBatchNorm(x, null, null, state, options)));
  assert.equal(toArray(other.state.runningWhitening), toArray(state.runningWhitening));
});

test.run();
