import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bilinear, powerIteration } from '../../src/tensor/power-iteration.ts';
import { Random } from '../../src/tensor/random.ts';
import { svd } from '../../src/tensor/svd.ts';
import { distance, directions, withSingular } from '../support/decompositions.ts';

const test = suite('powerIteration');

test('v comes first, from the old u, and u from the new v: one step by hand', () => {
  const u = Float64Array.of(0.6, 0.8);
  const v = Float64Array.of(9, 9);
  powerIteration(Float64Array.of(3, 0, 0, 1), u, v, 1, 1e-12);
  const first = Math.sqrt(1.8 ** 2 + 0.8 ** 2);
  assert.ok(distance(v, [1.8 / first, 0.8 / first]) < 1e-15);
  const second = Math.sqrt((3 * v[0]!) ** 2 + v[1]! ** 2);
  assert.ok(distance(u, [(3 * v[0]!) / second, v[1]! / second]) < 1e-15);
});

test('several iterations in one call are several calls', () => {
  const random = new Random(1);
  const m = withSingular(random, 4, 6, [3, 2, 1, 0.5]);
  const [u, v] = [directions(random, 1, 4), directions(random, 1, 6)];
  const [p, q] = [u.slice(), v.slice()];
  powerIteration(m, u, v, 3, 1e-12);
  for (let n = 0; n < 3; n++) powerIteration(m, p, q, 1, 1e-12);
  assert.equal([u, v], [p, q]);
});

test('the estimate never falls, never passes the largest singular value, and reaches it', () => {
  for (const [rows, columns] of [[4, 6], [6, 4], [5, 5]] as const) {
    const random = new Random(rows);
    const m = withSingular(random, rows, columns, [3, 2, 1, 0.5]);
    const u = directions(random, 1, rows);
    const v = directions(random, 1, columns);
    let last = 0;
    for (let n = 0; n < 60; n++) {
      powerIteration(m, u, v, 1, 1e-12);
      const estimate = bilinear(m, u, v);
      assert.ok(estimate >= last - 1e-14 && estimate <= 3 + 1e-14);
      last = estimate;
    }
    const exact = svd(m, rows, columns);
    assert.ok(Math.abs(last - 3) < 1e-14);
    const sign = Math.sign(u[0]! * exact.u[0]!);
    assert.ok(distance(u, exact.u.slice(0, rows).map((x) => sign * x)) < 1e-12);
    assert.ok(distance(v, exact.v.slice(0, columns).map((x) => sign * x)) < 1e-12);
  }
});

test('a matrix of rank one, one row or one column needs one iteration', () => {
  for (const [rows, columns] of [[3, 4], [1, 4], [4, 1], [1, 1]] as const) {
    const random = new Random(7);
    const m = withSingular(random, rows, columns, [5]);
    const u = directions(random, 1, rows);
    const v = directions(random, 1, columns);
    powerIteration(m, u, v, 1, 1e-12);
    assert.ok(Math.abs(bilinear(m, u, v) - 5) < 1e-14);
  }
});

test('a product that is not longer than eps, or not finite, leaves the vector alone', () => {
  const start = (): [Float64Array, Float64Array] => [Float64Array.of(0.6, 0.8), Float64Array.of(1, 0)];
  for (const m of [[0, 0, 0, 0], [1e-13, 0, 0, 1e-13], [NaN, 0, 0, 1], [Infinity, 0, 0, 1], [1e200, 0, 0, 1e200]]) {
    const [u, v] = start();
    powerIteration(Float64Array.from(m), u, v, 2, 1e-12);
    assert.equal([u, v], start(), m.join());
  }
  const [u, v] = start();
  powerIteration(Float64Array.of(1e-13, 0, 0, 1e-13), u, v, 1, 0);
  assert.ok(distance(v, [0.6, 0.8]) < 1e-15);
});

test('the matrix is not changed, and one of another size is refused', () => {
  const m = Float64Array.of(1, 2, 3, 4, 5, 6);
  powerIteration(m, Float64Array.of(1, 0), Float64Array.of(1, 0, 0), 1, 1e-12);
  assert.equal(Array.from(m), [1, 2, 3, 4, 5, 6]);
  assert.throws(() => powerIteration(m, new Float64Array(2), new Float64Array(2), 1, 0), /powerIteration: matrix must have .* = 4 elements, got 6/);
  assert.throws(() => bilinear(m, new Float64Array(2), new Float64Array(2)), /bilinear: matrix must have .* = 4 elements, got 6/);
});

test.run();
