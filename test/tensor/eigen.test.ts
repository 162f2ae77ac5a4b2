import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { symmetricEigen } from '../../src/tensor/eigen.ts';
import { Random } from '../../src/tensor/random.ts';
import { assembled, distance, graded, skewness, symmetric } from '../support/decompositions.ts';
import { check } from '../support/property.ts';

const test = suite('symmetricEigen');

/** Asserts that the parts make up the matrix, are orthonormal and sorted, all to a few units in the last place. */
function assertDecomposed(a: Float64Array, n: number, wanted?: readonly number[]): void {
  const { values, vectors } = symmetricEigen(a, n);
  const scale = Math.max(Math.abs(values[0] ?? 0), Math.abs(values[n - 1] ?? 0));
  const bound = 2 ** -52 * Math.max(4, n);
  const residual = distance(assembled(vectors, values, vectors), a);
  assert.ok(residual <= 4 * bound * scale, `residual ${residual} of ${scale}`);
  assert.ok(skewness(vectors, n) <= 4 * bound, `skewness ${skewness(vectors, n)}`);
  for (let k = 1; k < n; k++) assert.ok(values[k - 1]! >= values[k]!);
  if (wanted) assert.ok(distance(values, [...wanted].sort((p, q) => q - p)) <= 4 * bound * scale);
}

test('gives back the matrix: random, definite or not', () => {
  check(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 9 }), (seed, n) => {
      const random = new Random(seed);
      const a = new Float64Array(n * n);
      for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = random.normal();
      assertDecomposed(a, n);
    }),
    { runs: 100 },
  );
  const values = Array.from({ length: 40 }, (_, k) => (k % 2 === 0 ? 1 : -1) * k);
  assertDecomposed(symmetric(new Random(1), values), 40, values);
});

test('repeated and clustered eigenvalues are no special case', () => {
  const random = new Random(2);
  for (const values of [
    [1, 1, 1, 1],
    [2, 2, 2, -1, -1],
    [1, 1 + 1e-15, 1 - 1e-15, 0.5],
    [3, 3 + 1e-9, 1e-9, 0],
    [1, -1, 1, -1, 1, -1],
  ]) assertDecomposed(symmetric(random, values), values.length, values);
});

test('low rank and zero matrices have eigenvalues of 0 and a whole basis', () => {
  assertDecomposed(new Float64Array(16), 4, [0, 0, 0, 0]);
  assertDecomposed(new Float64Array(25).fill(1), 5, [5, 0, 0, 0, 0]);
  assertDecomposed(symmetric(new Random(3), [4, 0, 0, 0, 0, 0, 0]), 7, [4, 0, 0, 0, 0, 0, 0]);
});

test('a condition of 1e12 leaves the large eigenvalues exact, and the small ones exact in units of the largest', () => {
  for (const n of [2, 5, 20]) assertDecomposed(symmetric(new Random(n), graded(n, 1e12)), n, graded(n, 1e12));
});

test('each eigenvalue of a scaled definite matrix is right to its own last places', () => {
  const scales = [1, 1e-6, 1e-12];
  const core = [2, 1, 0.5, 1, 3, 1, 0.5, 1, 2];
  const a = Float64Array.from(core, (value, at) => value * scales[Math.floor(at / 3)]! * scales[at % 3]!);
  const { values } = symmetricEigen(a, 3);
  const determinant = values[0]! * values[1]! * values[2]!;
  assert.ok(Math.abs(determinant / 8.25e-36 - 1) < 1e-14, String(determinant));
});

test('one by one, none by none, and diagonal matrices are exact', () => {
  assert.equal(symmetricEigen([-3], 1), { values: Float64Array.of(-3), vectors: Float64Array.of(1) });
  assert.equal(symmetricEigen([], 0), { values: new Float64Array(0), vectors: new Float64Array(0) });
  const { values, vectors } = symmetricEigen([1, 0, 0, 0, 5, 0, 0, 0, -2], 3);
  assert.equal(Array.from(values), [5, 1, -2]);
  assert.equal(Array.from(vectors), [0, 1, 0, 1, 0, 0, 0, 0, 1]);
});

test('huge and tiny matrices neither overflow nor vanish', () => {
  for (const scale of [1e200, 1e300, 1e-200, 1e-290]) {
    const a = symmetric(new Random(4), [3, 1, -2]).map((value) => value * scale);
    assertDecomposed(a, 3, [3 * scale, scale, -2 * scale]);
  }
});

test('an element that is not finite makes everything NaN, and ends', () => {
  for (const wrong of [NaN, Infinity, -Infinity]) {
    const { values, vectors } = symmetricEigen([1, wrong, 0, wrong, 1, 0, 0, 0, 1], 3);
    assert.ok(values.every(Number.isNaN));
    assert.ok(vectors.every(Number.isNaN));
    assert.is(values.length, 3);
    assert.is(vectors.length, 9);
  }
});

test('the symmetric part counts, and the argument is not changed', () => {
  const a = Float64Array.of(1, 4, 2, 5);
  assert.equal(symmetricEigen(a, 2), symmetricEigen([1, 3, 3, 5], 2));
  assert.equal(Array.from(a), [1, 4, 2, 5]);
});

test('a wrong number of elements is refused', () => {
  assert.throws(() => symmetricEigen([1, 2, 3], 2), /symmetricEigen: data must have n \* n = 4 elements, got 3/);
});

test.run();
