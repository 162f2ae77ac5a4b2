/** Decorrelated batch norm where covariances are hard: equal, tiny and vanishing eigenvalues, few steps, values that are not finite. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { identity, newtonSchulz, newtonSchulzBackward, newtonSchulzDefinition } from '../../src/norms/_newton-schulz.ts';
import {
  decorrelatedBatchNorm,
  decorrelatedBatchNormDefinition,
  type DecorrelatedBatchNormOptions,
  decorrelatedBatchNormState,
} from '../../src/norms/decorrelated-batch.ts';
import { copy, fromArray, full, tensor, zeros } from '../../src/tensor/create.ts';
import { symmetricEigen } from '../../src/tensor/eigen.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { product, transposed } from '../../src/tensor/small-matrix.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { assembled, directions, distance, graded, symmetric } from '../support/decompositions.ts';

const test = suite('decorrelated-batch, spectra');
const float64 = { dtype: 'float64' } as const;
const draw = (seed: number, shape: number[], mean = 0, std = 1): Tensor => normal(new Random(seed), shape, mean, std, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const forms = [decorrelatedBatchNorm, decorrelatedBatchNormDefinition];
const zca = { method: 'zca' } as const;
const steps = (numIterations: number) => ({ method: 'iterative', numIterations }) as const;

function run(call: typeof decorrelatedBatchNorm, x: Tensor, dy: Tensor, options: DecorrelatedBatchNormOptions): { y: Tensor; dx: Tensor } {
  const own = leaf(x);
  const y = call(own, null, null, null, options);
  return { y, dx: grad([y], [own], { gradOutputs: [dy] })[0]! };
}

/** The largest difference, in units of the largest element of `want`. */
function off(got: Tensor, want: ArrayLike<number>): number {
  return distance(got.data, want) / Math.max(...Array.from(want, Math.abs));
}

const M = 16;
const d = 4;

/** Orthonormal columns with mean 0, as rows: row k of a Hadamard matrix of order 16, from the second on. */
const hadamard = Float64Array.from({ length: d * M }, (_, at) => {
  const both = (Math.floor(at / M) + 1) & (at % M);
  return ([0, 1, 2, 3, 4].filter((bit) => both & (1 << bit)).length % 2 === 0 ? 1 : -1) / 4;
});

/** What float64 may lose, relative to the largest element, at a condition of the covariance. */
const limit = (condition: number): number => 1e-15 * (8 + condition / 8);

/** `[16, 4]` with these singular values, mean 0, and `v` as right singular vectors. */
const withSpectrum = (s: readonly number[], v: Float64Array): Tensor => fromArray(assembled(hadamard, s, v), [M, d]);

/**
 * The gradient by another way, without a covariance: the result is `f(s) = s / sqrt(s^2 / M + eps)` of the singular
 * values of x, u diag(s) v. In their basis the part of the gradient that is symmetric is multiplied by the divided
 * differences of f, the part that is not by those of -f, and what is outside of u by f(s) / s; nothing cancels in the
 * forms below.
 */
function gradientBySingularValues(s: readonly number[], v: Float64Array, dy: Tensor, eps: number): Float64Array {
  const p = s.map((value) => Math.sqrt((value * value) / M + eps));
  const h = product(dy.data as Float64Array, transposed(v, d, d), M, d, d);
  for (let c = 0; c < d; c++) {
    let mean = 0;
    for (let m = 0; m < M; m++) mean += h[m * d + c]! / M;
    for (let m = 0; m < M; m++) h[m * d + c]! -= mean;
  }
  const columns = transposed(hadamard, d, M);
  const inside = product(hadamard, h, d, M, d);
  const projected = product(columns, inside, M, d, d);
  const turned = inside.map((value, at) => {
    const [i, j] = [Math.floor(at / d), at % d] as const;
    const [si, sj, pi, pj] = [s[i]!, s[j]!, p[i]!, p[j]!];
    const other = inside[j * d + i]!;
    if (si + sj === 0) return value / pi;
    const even = (eps * (si + sj)) / (pi * pj * (si * pj + sj * pi));
    const odd = (si / pi + sj / pj) / (si + sj);
    return (even * (value + other)) / 2 + (odd * (value - other)) / 2;
  });
  const back = product(columns, turned, M, d, d);
  for (let i = 0; i < back.length; i++) back[i]! += (h[i]! - projected[i]!) / p[i % d]!;
  return product(back, v, M, d, d);
}

const axes = identity(d, 'float64').data as Float64Array;
const slanted = directions(new Random(1), d, d);

test('equal eigenvalues, all or some, have the gradient that singular values give, also along the axes', () => {
  const dy = draw(2, [M, d]);
  for (const v of [axes, slanted]) {
    for (const s of [[4, 4, 4, 4], [4, 4, 1, 1], [4, 2, 2, 2], [4, 4 * (1 + 1e-9), 1, 1 + 1e-14], [3, 3, 0, 0]]) {
      for (const eps of [1e-2, 1]) {
        const want = gradientBySingularValues(s, v, dy, eps);
        const x = withSpectrum(s, v);
        for (const call of forms) {
          assert.ok(off(run(call, x, dy, { ...zca, eps }).dx, want) < 1e-14);
          assert.ok(off(run(call, x, dy, { ...steps(40), eps }).dx, want) < 2e-14);
        }
      }
    }
  }
});

test('in float64 the gradient loses no more digits than the condition of the covariance has, up to 1e6 and beyond', () => {
  const dy = draw(3, [M, d]);
  for (const condition of [1, 1e2, 1e4, 1e6, 1e8]) {
    const s = graded(d, Math.sqrt(condition)).map((value) => 4 * value);
    for (const eps of [0, 1e-8]) {
      const want = gradientBySingularValues(s, slanted, dy, eps);
      for (const call of forms) {
        for (const method of [zca, steps(60)]) {
          assert.ok(off(run(call, withSpectrum(s, slanted), dy, { ...method, eps }).dx, want) < limit(condition));
        }
      }
    }
  }
});

test('channels of very different size without correlation lose no digit at all', () => {
  const dy = draw(4, [M, d]);
  for (const condition of [1e6, 1e12]) {
    const s = graded(d, Math.sqrt(condition)).map((value) => 4 * value);
    const want = gradientBySingularValues(s, axes, dy, 0);
    assert.ok(off(run(decorrelatedBatchNorm, withSpectrum(s, axes), dy, { eps: 0 }).dx, want) < 2e-15);
  }
});

test('float32 data of condition up to 1e6, also far from 0, come out right to the last digits of float32', () => {
  const dy = normal(new Random(5), [64, 8]);
  const wide = fromArray(Float64Array.from(dy.data), [64, 8]);
  for (const offset of [0, 100]) {
    for (const condition of [1, 1e2, 1e4, 1e6]) {
      const made = assembled(draw(6, [8, 64]).data, graded(8, Math.sqrt(condition)), directions(new Random(7), 8, 8));
      const x = fromArray(Float32Array.from(made, (value) => value + offset), [64, 8]);
      for (const method of [zca, steps(5), steps(30)]) {
        const got = run(decorrelatedBatchNorm, x, dy, { ...method, eps: 1e-10 });
        const want = run(decorrelatedBatchNorm, fromArray(Float64Array.from(x.data), [64, 8]), wide, { ...method, eps: 1e-10 });
        assert.ok(off(got.y, want.y.data) < 1e-7);
        assert.ok(off(got.dx, want.dx.data) < 1e-7);
      }
    }
  }
});

test('gradcheck passes for equal eigenvalues, too few positions and constant channels, by either method', () => {
  const constant = draw(8, [6, 3]);
  for (let i = 1; i < 18; i += 3) constant.data[i] = 0.5;
  const cases: [Tensor, number][] = [
    [withSpectrum([4, 4, 4, 4], axes), 1e-5],
    [withSpectrum([4, 4, 2, 2], slanted), 1e-2],
    [draw(9, [3, 4]), 1e-2],
    [draw(10, [2, 5, 1]), 1e-3],
    [constant, 1e-3],
    [full([4, 3], 2, float64), 0.1],
  ];
  for (const [x, eps] of cases) {
    for (const method of [zca, steps(1), steps(5)]) {
      for (const call of forms) {
        const f = (own: Tensor): Tensor => call(own, null, null, null, { ...method, eps });
        const result = gradcheck(f, [leaf(x)], { spread: [Math.sqrt(1 + eps)], directions: 1 });
        assert.ok(result.passed, result.message);
        assert.not.ok(result.inconclusive);
      }
    }
  }
});

test('directions without spread have a gradient that is not large, though w is: what is large in it cancels', () => {
  const s = [4, 2, 0, 0];
  const dy = draw(11, [M, d]);
  const want = gradientBySingularValues(s, slanted, dy, 1e-5);
  assert.ok(off(run(decorrelatedBatchNorm, withSpectrum(s, slanted), dy, {}).dx, want) < 1e-10);
});

test('a constant input gives 0 and w = I / sqrt(eps); a constant channel gives 0 beside others', () => {
  const state = decorrelatedBatchNormState(2, float64);
  const y = decorrelatedBatchNorm(full([3, 2], 0.1, float64), null, null, state, { eps: 1 / 16, momentum: 1 });
  assert.equal([toArray(y), toArray(state.runningWhitening)], [[[0, 0], [0, 0], [0, 0]], [[[4, 0], [0, 4]]]]);
  const x = tensor([[3, 0.1], [-3, 0.1]], float64);
  for (const method of [zca, steps(60)]) assertClose(decorrelatedBatchNorm(x, null, null, null, { ...method, eps: 0.25 }), [[3 / Math.sqrt(9.25), 0], [-3 / Math.sqrt(9.25), 0]], 1e-15);
});

test('with fewer positions than channels eps bounds the running matrix, which evaluation meets and training does not', () => {
  const x = draw(12, [3, 5], 0, 1);
  for (const eps of [1e-4, 0.01]) {
    const state = decorrelatedBatchNormState(5, float64);
    const y = decorrelatedBatchNorm(x, null, null, state, { eps, momentum: 1 });
    assert.ok(y.data.every((value) => Math.abs(value) < 2));
    const { values } = symmetricEigen(state.runningWhitening.data, 5);
    for (let k = 0; k < 3; k++) assert.ok(Math.abs(values[k]! * Math.sqrt(eps) - 1) < 1e-9);
    const unseen = decorrelatedBatchNorm(draw(13, [4, 5]), null, null, state, { training: false });
    assert.ok(Math.max(...unseen.data) > 0.5 / Math.sqrt(eps));
  }
});

test('data far smaller than eps are divided by its root, and a smaller eps whitens them', () => {
  const x = draw(14, [9, 2], 0, 1e-4);
  const centred = decorrelatedBatchNorm(x, null, null, null, { eps: 1 });
  assertClose(decorrelatedBatchNorm(x, null, null, null, { eps: 1e-2 }), fromArray(centred.data.map((value) => 10 * value), [9, 2]), 1e-6);
  assert.ok(Math.max(...decorrelatedBatchNorm(x, null, null, null, { eps: 1e-14 }).data) > 1);
});

test('float32 data as large as 1e30 are whitened as those of size 1 are', () => {
  const small = normal(new Random(15), [9, 3]);
  const large = fromArray(small.data.map((value) => value * 2 ** 100), [9, 3]);
  for (const method of [zca, steps(5)]) {
    const options = { ...method, eps: 0 };
    assert.equal([...decorrelatedBatchNorm(large, null, null, null, options).data], [...decorrelatedBatchNorm(small, null, null, null, options).data]);
  }
});

test('NaN or an infinite value ends the solver, spoils its group and its running matrix, and nothing else', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    for (const method of [zca, steps(5)]) {
      for (const call of forms) {
        const x = normal(new Random(16), [5, 4]);
        x.data[1] = value;
        const state = decorrelatedBatchNormState(4, { numGroups: 2 });
        const own = leaf(x);
        const y = call(own, null, null, state, { ...method, numGroups: 2 });
        const [dx] = grad([y], [own], { gradOutputs: [full([5, 4], 1)] });
        for (const found of [y, dx!]) found.data.forEach((one, i) => assert.is(Number.isNaN(one), i % 4 < 2));
        state.runningWhitening.data.forEach((one, i) => assert.is(Number.isNaN(one), i < 4));
      }
    }
  }
});

test('with momentum 0 even a value that is not finite leaves the state alone', () => {
  const state = decorrelatedBatchNormState(2);
  decorrelatedBatchNorm(tensor([[NaN, 1], [2, 3]]), null, null, state, { momentum: 0 });
  assert.equal([toArray(state.runningMean), toArray(state.runningWhitening)], [[0, 0], [[[1, 0], [0, 1]]]]);
});

test('more steps whiten more: the eigenvalues of the covariance of the result rise with every step, up to 1', () => {
  const x = draw(17, [30, 4]);
  for (let i = 0; i < 120; i++) x.data[i]! *= [1, 0.5, 0.2, 0.05][i % 4]!;
  let before = [0, 0, 0, 0];
  for (let numIterations = 1; numIterations <= 20; numIterations++) {
    const y = decorrelatedBatchNorm(x, null, null, null, { ...steps(numIterations), eps: 0 }).data as Float64Array;
    const { values } = symmetricEigen(product(transposed(y, 30, 4), y, 4, 30, 4).map((value) => value / 30), 4);
    values.forEach((value, k) => assert.ok(value >= before[k]! - 1e-14 && value <= 1 + 1e-14, `${value} after ${before[k]}`));
    before = [...values];
  }
  assert.ok(before.every((value) => value > 1 - 1e-12));
});

test('twenty steps are zca where the covariance is well conditioned, sixty also elsewhere', () => {
  const dy = draw(18, [M, d]);
  for (const [s, numIterations] of [[[4, 3, 2, 2], 20], [[4, 1, 0.1, 0.02], 60]] as const) {
    const want = run(decorrelatedBatchNorm, withSpectrum(s, slanted), dy, zca);
    const got = run(decorrelatedBatchNorm, withSpectrum(s, slanted), dy, steps(numIterations));
    for (const part of ['y', 'dx'] as const) assert.ok(off(got[part], want[part].data) < limit((s[0] / s[3]) ** 2));
  }
});

test('five steps reach p(s) sqrt(s) as the recursion on one number does', () => {
  for (const s of [0.3, 0.1, 0.03, 0.01]) {
    let p = 1;
    for (let k = 0; k < 5; k++) p = (p * (3 - s * p * p)) / 2;
    const w = newtonSchulz(Float64Array.from([1 - s, 0, 0, s]), 2, 5);
    assert.ok(Math.abs(w[3]! - p) < 1e-14);
  }
});

test('the steps stay where they have arrived: a hundred are as good as thirty at a condition of 1e4', () => {
  const sigma = symmetric(new Random(19), graded(8, 1e4));
  const { values, vectors } = symmetricEigen(sigma, 8);
  const want = assembled(vectors, values.map((value) => 1 / Math.sqrt(value)), vectors);
  for (const numIterations of [30, 100]) assert.ok(distance(newtonSchulz(sigma, 8, numIterations), want) < 1e-10 * Math.max(...want));
});

test('the steps and their backward are those of the definition, for gradients that are not symmetric', () => {
  for (const numIterations of [1, 2, 7]) {
    const sigma = leaf(fromArray(symmetric(new Random(20), [3, 1, 0.5, 0.1]), [4, 4]));
    const dw = draw(21, [4, 4]);
    const w = newtonSchulzDefinition(sigma, numIterations);
    assertClose(fromArray(newtonSchulz(sigma.data as Float64Array, 4, numIterations), [4, 4]), w, 1e-14);
    const [want] = grad([w], [sigma], { gradOutputs: [dw] });
    const got = newtonSchulzBackward(dw.data as Float64Array, sigma.data as Float64Array, 4, numIterations);
    assertClose(fromArray(got, [4, 4]), want!, 1e-13);
  }
});

test('without spread and without eps the result is not finite', () => {
  for (const method of [zca, steps(5)]) {
    assert.ok(decorrelatedBatchNorm(zeros([3, 2]), null, null, null, { ...method, eps: 0 }).data.every(Number.isNaN));
  }
});

test.run();
