import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/tensor/random.ts';
import { svd } from '../../src/tensor/svd.ts';
import { assembled, distance, graded, skewness, withSingular } from '../support/decompositions.ts';
import { check } from '../support/property.ts';

const test = suite('svd');

/** Asserts that the parts make up the matrix, are orthonormal, not negative and sorted, to a few last places. */
function assertDecomposed(m: Float64Array, rows: number, columns: number, wanted?: readonly number[]): void {
  const { u, values, v } = svd(m, rows, columns);
  const count = Math.min(rows, columns);
  assert.is(values.length, count);
  const scale = values[0] ?? 0;
  const bound = 2 ** -50 * Math.max(4, rows, columns);
  const residual = distance(assembled(u, values, v), m);
  assert.ok(residual <= bound * scale, `residual ${residual} of ${scale}`);
  assert.ok(skewness(u, count) <= bound, `skewness of u ${skewness(u, count)}`);
  assert.ok(skewness(v, count) <= bound, `skewness of v ${skewness(v, count)}`);
  for (let k = 0; k < count; k++) assert.ok(values[k]! >= (values[k + 1] ?? 0));
  if (wanted) assert.ok(distance(values, wanted) <= bound * scale, `values ${values}`);
}

test('gives back the matrix: tall, wide and square', () => {
  const extent = fc.integer({ min: 1, max: 9 });
  check(
    fc.property(fc.nat(), extent, extent, (seed, rows, columns) => {
      const random = new Random(seed);
      assertDecomposed(Float64Array.from({ length: rows * columns }, () => random.normal()), rows, columns);
    }),
    { runs: 100 },
  );
  const random = new Random(1);
  assertDecomposed(Float64Array.from({ length: 16 * 200 }, () => random.normal()), 16, 200);
});

test('repeated and clustered singular values are no special case', () => {
  const random = new Random(2);
  for (const values of [
    [1, 1, 1, 1],
    [2, 2, 2, 1, 1],
    [1 + 1e-15, 1, 1 - 1e-15, 0.5],
    [3 + 1e-9, 3, 1e-9, 0],
  ]) {
    const count = values.length;
    for (const [rows, columns] of [[count, count], [count, 9], [8, count]] as const) {
      assertDecomposed(withSingular(random, rows, columns, values), rows, columns, values);
    }
  }
});

test('low rank and zero matrices still have orthonormal vectors on both sides', () => {
  assertDecomposed(new Float64Array(12), 3, 4, [0, 0, 0]);
  assertDecomposed(new Float64Array(12), 4, 3, [0, 0, 0]);
  assertDecomposed(new Float64Array(12).fill(2), 3, 4, [2 * Math.sqrt(12), 0, 0]);
  assertDecomposed(Float64Array.of(0, 0, 0, 0, 0, 7), 3, 2, [7, 0]);
  assertDecomposed(withSingular(new Random(3), 7, 5, [4]), 7, 5, [4, 0, 0, 0, 0]);
  assertDecomposed(withSingular(new Random(4), 5, 9, [4, 1]), 5, 9, [4, 1, 0, 0, 0]);
});

test('a condition of 1e12 leaves every singular value right in units of the largest', () => {
  for (const [rows, columns] of [[8, 8], [20, 6], [6, 20]] as const) {
    const wanted = graded(Math.min(rows, columns), 1e12);
    const m = withSingular(new Random(rows), rows, columns, wanted);
    assertDecomposed(m, rows, columns, wanted);
    const smallest = svd(m, rows, columns).values[wanted.length - 1]!;
    assert.ok(Math.abs(smallest - 1e-12) < 1e-15, `what squares would have lost: ${smallest}`);
  }
});

test('columns of very different lengths keep all digits of the small ones', () => {
  const { values } = svd([1, 1e-10, 1, -1e-10, 0, 1e-10], 3, 2);
  assert.ok(Math.abs(values[1]! / (Math.sqrt(3) * 1e-10) - 1) < 1e-14);
});

test('one row, one column, one element and none', () => {
  assertDecomposed(Float64Array.of(3, 0, -4), 1, 3, [5]);
  assertDecomposed(Float64Array.of(3, 0, -4), 3, 1, [5]);
  assert.equal(svd([-2], 1, 1), { u: Float64Array.of(-1), values: Float64Array.of(2), v: Float64Array.of(1) });
  assert.equal(svd([], 0, 3), { u: new Float64Array(0), values: new Float64Array(0), v: new Float64Array(0) });
  assert.is(svd([], 3, 0).values.length, 0);
});

test('huge and tiny matrices neither overflow nor vanish', () => {
  for (const scale of [1e200, 1e300, 1e-200, 1e-290]) {
    const m = withSingular(new Random(5), 3, 4, [3, 2, 1]).map((value) => value * scale);
    assertDecomposed(m, 3, 4, [3 * scale, 2 * scale, scale]);
  }
});

test('an element that is not finite makes everything NaN, and ends', () => {
  for (const wrong of [NaN, Infinity]) {
    for (const [rows, columns] of [[2, 3], [3, 2]] as const) {
      const { u, values, v } = svd([1, 2, wrong, 0, 1, 1], rows, columns);
      assert.ok([...u, ...values, ...v].every(Number.isNaN));
      assert.equal([u.length, values.length, v.length], [2 * rows, 2, 2 * columns]);
    }
  }
});

test('a wrong number of elements is refused', () => {
  assert.throws(() => svd([1, 2, 3], 2, 2), /svd: data must have rows \* columns = 4 elements, got 3/);
});

test.run();
