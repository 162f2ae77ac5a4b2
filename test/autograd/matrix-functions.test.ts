import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { inverseSqrt } from '../../src/autograd/inverse-sqrt.ts';
import { lowRank } from '../../src/autograd/low-rank.ts';
import { lyapunov } from '../../src/autograd/lyapunov.ts';
import { matmul } from '../../src/autograd/matmul.ts';
import { matrixSign } from '../../src/autograd/matrix-sign.ts';
import { maxSingularValue } from '../../src/autograd/max-singular-value.ts';
import { sub } from '../../src/autograd/sub.ts';
import { sum } from '../../src/autograd/sum.ts';
import { transpose } from '../../src/autograd/transpose.ts';
import { copy, fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { symmetric, withSingular } from '../support/decompositions.ts';
import { vjp } from '../support/vjp.ts';

const test = suite('functions of matrices');
const float64 = { dtype: 'float64' } as const;
const withEigen = (seed: number, values: readonly number[]): Tensor =>
  fromArray(symmetric(new Random(seed), values), [values.length, values.length]);
const identity = (n: number): Tensor =>
  fromArray(Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0)), [n, n]);

/** Asserts first and second derivatives at x. */
function assertDerivatives(f: (x: Tensor) => Tensor, x: Tensor): void {
  const leaf = copy(x, { requiresGrad: true });
  const dy = normal(new Random(5), f(x).shape, 0, 1, { ...float64, requiresGrad: true });
  for (const result of [gradcheck(f, [leaf]), gradcheck(vjp((a) => f(a!)), [leaf, dy])]) {
    assert.ok(result.passed, result.message);
    assert.not.ok(result.inconclusive);
  }
}

test('inverseSqrt: w (a + eps I) w = I, and w is symmetric', () => {
  for (const [eps, values] of [
    [0, [4, 1, 0.25]],
    [0.5, [3, 3, 1, 0]],
    [1e-3, [0, 0, 0, 0, 0]],
  ] as const) {
    const a = withEigen(1, values);
    const w = inverseSqrt(a, eps);
    const n = values.length;
    const shifted = add(a, fromArray(identity(n).data.map((x) => eps * x), [n, n]));
    assertClose(matmul(matmul(w, shifted), w), identity(n), 1e-14);
    assertClose(w, transpose(w), 1e-14);
  }
});

test('inverseSqrt: repeated, clustered and vanishing eigenvalues have their derivatives', () => {
  for (const values of [[2, 2, 2], [2, 2, 1], [1, 1 + 1e-9, 1 - 1e-9], [1, 1 + 1e-14], [0, 0, 1]]) {
    assertDerivatives((a) => inverseSqrt(a, 0.5), withEigen(2, values));
  }
});

test('inverseSqrt: the gradient of the identity is exact: -1/2 of the symmetric part', () => {
  const a = copy(identity(2), { requiresGrad: true });
  backward(inverseSqrt(a), tensor([[1, 4], [2, 8]], float64));
  assert.equal(toArray(a.grad!), [[-0.5, -1.5], [-1.5, -4]]);
});

test('inverseSqrt: a condition of 1e12 keeps the gradient of the large eigenvalues', () => {
  const a = tensor([[1, 0], [0, 1e-12]], { ...float64, requiresGrad: true });
  backward(inverseSqrt(a), tensor([[1, 1], [1, 0]], float64));
  const off = -1 / (1 * 1e-6 * (1 + 1e-6));
  assertClose(a.grad!, [[-0.5, off], [off, 0]], 1e-12);
});

test('inverseSqrt and its relatives take stacks, matrix by matrix, and NaN stays in its own', () => {
  const stack = tensor([[[4, 0], [0, 1]], [[NaN, 0], [0, 1]], [[0.25, 0], [0, 16]]]);
  const parts = toArray(inverseSqrt(stack)) as number[][][];
  assert.equal([parts[0], parts[2]], [[[0.5, 0], [0, 1]], [[2, 0], [0, 0.25]]]);
  assert.ok(parts[1]!.flat().every(Number.isNaN));
  assert.equal(toArray(matrixSign(tensor([[[-2]], [[3]], [[0]]]))), [[[-1]], [[1]], [[0]]]);
  assert.equal(toArray(lyapunov(tensor([[[1]], [[2]]]), tensor([[[4]], [[4]]]))), [[[2]], [[1]]]);
  assert.equal(inverseSqrt(zeros([0, 3, 3])).shape, [0, 3, 3]);
  assert.equal(inverseSqrt(zeros([2, 0, 0])).shape, [2, 0, 0]);
});

test('inverseSqrt: a matrix that is not positive definite gives what is not finite', () => {
  assert.ok(inverseSqrt(tensor([[-1]])).data.every(Number.isNaN));
  assert.equal(toArray(inverseSqrt(tensor([[0]]))), [[Infinity]]);
});

test('lyapunov: a x + x a = b, for b of any kind', () => {
  const a = withEigen(3, [3, 1, 1, 0.1]);
  const b = normal(new Random(4), [4, 4], 0, 1, float64);
  const x = lyapunov(a, b);
  assertClose(add(matmul(a, x), matmul(x, a)), b, 1e-13);
});

test('matrixSign: its square is the identity, it commutes, and equal eigenvalues of one sign have derivatives', () => {
  const a = withEigen(5, [2, 2, -1, -3]);
  const s = matrixSign(a);
  assertClose(matmul(s, s), identity(4), 1e-14);
  assertClose(sub(matmul(s, a), matmul(a, s)), zeros([4, 4], float64), 1e-14);
  assertDerivatives(matrixSign, a);
  const definite = copy(withEigen(6, [2, 1]), { requiresGrad: true });
  backward(sum(matrixSign(definite)));
  assertClose(definite.grad!, zeros([2, 2], float64), 1e-14);
});

test('lowRank: the singular values of what is dropped are the rest, and nothing else changes', () => {
  for (const [h, w] of [[4, 6], [6, 4], [4, 4]] as const) {
    const m = fromArray(withSingular(new Random(7), h, w, [4, 3, 2, 1]), [h, w]);
    const first = lowRank(m, 2);
    assertClose(maxSingularValue(first), 4, 1e-14);
    assertClose(maxSingularValue(sub(m, first)), 2, 1e-14);
    assertClose(matmul(transpose(first), sub(m, first)), zeros([w, w], float64), 1e-13);
    assertClose(lowRank(first, 2), first, 1e-13);
    assert.equal(lowRank(m, 4), m);
    assert.equal(lowRank(m, 9), m);
  }
});

test('lowRank: derivatives for every shape, with equal values inside and outside of the part, and rank below k', () => {
  const shapes: [number, number, number, number[]][] = [
    [3, 5, 1, [3, 2, 1]],
    [5, 3, 2, [3, 3, 1]],
    [4, 4, 2, [3, 2, 1, 1]],
    [4, 6, 3, [3, 3, 3, 0]],
    [3, 3, 3, [3, 2, 1]],
  ];
  for (const [h, w, k, values] of shapes) {
    assertDerivatives((m) => lowRank(m, k), fromArray(withSingular(new Random(h), h, w, values), [h, w]));
  }
});

test('maxSingularValue: gradient u vᵀ, also second derivatives', () => {
  const m = tensor([[3, 0], [0, 1]], { ...float64, requiresGrad: true });
  const [dm] = grad([maxSingularValue(m)], [m]);
  assertClose(dm!, [[1, 0], [0, 0]], 1e-15);
  for (const [h, w] of [[3, 5], [5, 3], [1, 4], [4, 1]] as const) {
    assertDerivatives(maxSingularValue, fromArray(withSingular(new Random(8), h, w, h === 1 || w === 1 ? [3] : [3, 2, 2]), [h, w]));
  }
});

test('maxSingularValue: of zeros, of nothing, of NaN, and of equal values', () => {
  assert.is(item(maxSingularValue(zeros([2, 3]))), 0);
  assert.is(item(maxSingularValue(zeros([0, 3]))), 0);
  assert.ok(Number.isNaN(item(maxSingularValue(tensor([[NaN, 1]])))));
  const m = tensor([[2, 0], [0, 2]], { requiresGrad: true });
  backward(maxSingularValue(m));
  const { data } = m.grad!;
  assert.is(data[0]! + data[3]!, 1);
});

test('float32 results are the rounded results of float64', () => {
  const a = tensor([[2, 1], [1, 3]], { requiresGrad: true });
  const b = tensor([[2, 1], [1, 3]], { ...float64, requiresGrad: true });
  for (const f of [inverseSqrt, matrixSign, maxSingularValue, (m: Tensor) => lowRank(m, 1), (m: Tensor) => lyapunov(m, m)]) {
    const narrow = f(a);
    const wide = f(b);
    assert.is(narrow.dtype, 'float32');
    assert.equal(Array.from(narrow.data), Array.from(wide.data, Math.fround));
    const [da] = grad([sum(narrow)], [a]);
    const [db] = grad([sum(wide)], [b]);
    assertClose(da!, db!, 1e-6);
  }
});

test('shapes and options that do not fit are refused', () => {
  assertThrows(() => inverseSqrt(zeros([2, 3])), 'ShapeError', /^inverseSqrt: a must be \[\.\.\., n, n\], got \[2, 3\]/);
  assertThrows(() => inverseSqrt(zeros([3])), 'ShapeError', /^inverseSqrt: .*got \[3\]/);
  assertThrows(() => inverseSqrt(zeros([2, 2]), -1), 'RangeError', /^inverseSqrt: eps must be finite and at least 0, got -1/);
  assertThrows(() => inverseSqrt(zeros([2, 2]), NaN), 'RangeError', /eps must be finite/);
  assertThrows(() => matrixSign(zeros([2, 3])), 'ShapeError', /^matrixSign: a must be/);
  assertThrows(() => lyapunov(zeros([2, 3]), zeros([2, 3])), 'ShapeError', /^lyapunov: a must be/);
  assertThrows(() => lyapunov(zeros([2, 2]), zeros([3, 3])), 'ShapeError', /^lyapunov: a and b must have one shape, got \[2, 2\] and \[3, 3\]/);
  assertThrows(() => lyapunov(zeros([2, 2]), zeros([2, 2], float64)), 'TypeError', /one dtype/);
  assertThrows(() => lowRank(zeros([2, 3, 1]), 1), 'ShapeError', /^lowRank: m must be \[h, w\], got \[2, 3, 1\]/);
  for (const k of [0, -1, 1.5, NaN]) assertThrows(() => lowRank(zeros([2, 3]), k), 'RangeError', /^lowRank: k must be a positive integer/);
  assertThrows(() => maxSingularValue(zeros([3])), 'ShapeError', /^maxSingularValue: m must be \[h, w\], got \[3\]/);
});

test.run();
