import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { permute } from '../../src/autograd/permute.ts';
import { sparsemax } from '../../src/autograd/sparsemax.ts';
import { sparsestmax, sparsestmaxDefinition, sparsestmaxRadius } from '../../src/autograd/sparsestmax.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';

const test = suite('sparsestmax');
const float64 = { dtype: 'float64' } as const;

/** Numbers on a grid of 1/64 within [-1, 1]. */
const logits = (minLength: number, maxLength = minLength): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -64, max: 64 }).map((integer) => integer / 64), { minLength, maxLength });
/** Radii on a grid of 1/64, from 0 to below the distance of the corners of a triangle. */
const radii = fc.integer({ min: 0, max: 52 }).map((integer) => integer / 64);

const of = (z: readonly number[], radius: number): number[] => Array.from(sparsestmax(tensor(z, float64), radius).data);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);
const distance = (a: readonly number[], b: readonly number[]): number => Math.sqrt(a.reduce((total, v, i) => total + (v - b[i]!) ** 2, 0));
const centre = (count: number): number[] => new Array<number>(count).fill(1 / count);

function pulled(z: readonly number[], radius: number, g: readonly number[]): number[] {
  const x = tensor(z, { ...float64, requiresGrad: true });
  return Array.from(grad([sparsestmax(x, radius)], [x], { gradOutputs: [tensor(g, float64)] })[0]!.data);
}

test('the result is a distribution, at the radius or where sparsemax has it if that is farther out', () => {
  check(
    fc.property(logits(2, 6), radii, (z, radius) => {
      const p = of(z, radius);
      assert.ok(p.every((v) => v >= 0 && v <= 1));
      assert.ok(Math.abs(p.reduce((a, b) => a + b, 0) - 1) <= 1e-14);
      const corner = Math.sqrt((z.length - 1) / z.length);
      const want = Math.max(Math.min(radius, corner), distance(of(z, 0), centre(z.length)));
      assert.ok(Math.abs(distance(p, centre(z.length)) - want) <= 1e-14);
    }),
  );
});

test('no distribution that is far enough out is nearer', () => {
  check(
    fc.property(logits(3), radii, fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 }), (z, radius, weights) => {
      const total = weights.reduce((a, b) => a + b, 0);
      const q = weights.map((w) => w / total);
      fc.pre(total > 0 && distance(q, centre(3)) >= radius);
      assert.ok(distance(z, of(z, radius)) <= distance(z, q) + 1e-14);
    }),
    { runs: 200 },
  );
});

test('the order of the elements is kept, a number added to all changes nothing', () => {
  check(
    fc.property(logits(2, 5), radii, fc.integer({ min: -100, max: 100 }), (z, radius, shift) => {
      const p = of(z, radius);
      z.forEach((a, i) => z.forEach((b, j) => assert.ok(!(a > b) || p[i]! >= p[j]!)));
      assert.equal(of(z.map((v) => v + shift), radius), p);
    }),
  );
});

test('different elements that change places change places in the result', () => {
  check(
    fc.property(fc.uniqueArray(fc.integer({ min: -64, max: 64 }), { minLength: 2, maxLength: 5 }), radii, (integers, radius) => {
      const z = integers.map((integer) => integer / 64);
      const want = of(z, radius).reverse();
      of(z.slice().reverse(), radius).forEach((v, i) => assert.ok(Math.abs(v - want[i]!) <= 1e-14));
    }),
  );
});

test('a larger radius never makes the largest element smaller', () => {
  check(
    fc.property(logits(2, 5), radii, radii, (z, a, b) => {
      const [near, far] = [Math.min(a, b), Math.max(a, b)].map((radius) => Math.max(...of(z, radius)));
      assert.ok(far! >= near! - 1e-15);
    }),
  );
});

test('radius 0 is sparsemax, in values and gradients, bit by bit', () => {
  check(
    fc.property(logits(1, 5), logits(5), (z, weights) => {
      const g = weights.slice(0, z.length);
      assert.equal(of(z, 0), Array.from(sparsemax(tensor(z, float64)).data));
      const x = tensor(z, { ...float64, requiresGrad: true });
      assert.equal(pulled(z, 0, g), Array.from(grad([sparsemax(x)], [x], { gradOutputs: [tensor(g, float64)] })[0]!.data));
    }),
  );
});

test('from the distance of the corners on, the first largest element gets exactly 1, and no gradient passes', () => {
  for (const radius of [Math.sqrt(2 / 3), 0.9, 1, 50]) {
    assert.equal(of([0.5, 0.75, 0.75], radius), [0, 1, 0]);
    assert.equal(of([0, 0, 0], radius), [1, 0, 0]);
    assert.equal(pulled([0.5, 0.75, 0.75], radius, [1, 2, 4]), [0, 0, 0]);
  }
});

test('of two elements the larger gets 1/2 + r / sqrt(2), without gradient, unless it has more', () => {
  assertClose(tensor(of([0.1, 0.3], 0.5), float64), [0.5 - Math.SQRT1_2 / 2, 0.5 + Math.SQRT1_2 / 2], 1e-15);
  assert.equal(pulled([0.1, 0.3], 0.5, [1, 5]), [0, 0]);
  assert.equal(of([0.25, 1], 0.5), [0.125, 0.875]);
  assert.equal(pulled([0.25, 1], 0.5, [1, 5]), [-2, 2]);
});

test('within the simplex the point goes straight out to the sphere', () => {
  const z = [0.5, 0.4, 0.1];
  const v = z.map((value) => value - 1 / 3);
  const length = Math.sqrt(dot(v, v));
  assertClose(tensor(of(z, 0.35), float64), v.map((value) => 1 / 3 + (0.35 * value) / length), 1e-15);
});

test('where that leaves the triangle, the point is the end of the arc on the edge of the two largest, and stays there', () => {
  const half = Math.sqrt((0.36 - 1 / 6) / 2);
  assertClose(tensor(of([0.7, 0.3, -1], 0.6), float64), [0.5 + half, 0.5 - half, 0], 1e-15);
  assertClose(tensor(of([0.9, 0.6, 0.5], 0.7), float64), [0.5 + Math.sqrt((0.49 - 1 / 6) / 2), 0.5 - Math.sqrt((0.49 - 1 / 6) / 2), 0], 1e-15);
  assert.equal(pulled([0.9, 0.6, 0.5], 0.7, [1, -3, 9]), [0, 0, 0]);
});

test('on the sphere the gradient is symmetric, sums to 0 and is blind to the direction from the centre', () => {
  const [z, radius, g, h] = [[0.5, 0.4, 0.15, 0.3], 0.3, [1, -2, 4, 0.5], [3, 1, 1, -2]];
  const p = of(z!, radius);
  const out = p.map((v) => v - 1 / 4);
  assert.ok(pulled(z!, radius, out).every((v) => Math.abs(v) <= 1e-15));
  const [a, b] = [pulled(z!, radius, g), pulled(z!, radius, h)];
  assert.ok(Math.abs(dot(a, h) - dot(g, b)) <= 1e-14);
  assert.ok(Math.abs(a.reduce((total, v) => total + v, 0)) <= 1e-15);
});

test('at a tie the point leans to the first element, deterministically, within the simplex', () => {
  const first = (count: number, radius: number): number => 1 / count + radius * Math.sqrt((count - 1) / count);
  const tied = of([1, 1, 1], 0.25);
  assertClose(tensor(tied, float64), [first(3, 0.25), (1 - first(3, 0.25)) / 2, (1 - first(3, 0.25)) / 2], 1e-15);
  const half = Math.sqrt((0.36 - 1 / 6) / 2);
  assertClose(tensor(of([0.5, 1, 1], 0.6), float64), [0, 0.5 + half, 0.5 - half], 1e-15);
});

test('at a tie the gradient is that of subtracting the mean, and 0 for two elements', () => {
  assert.equal(pulled([1, 1, 1], 0.25, [3, 0, 0]), [2, -1, -1]);
  assert.equal(pulled([1, 1], 0.25, [3, 0]), [0, 0]);
  assert.equal(pulled([0.5, 1, 1], 0.6, [3, 1, 0]), [0, 0, 0]);
});

test('logits that differ in their last bits only have a direction all the same', () => {
  const p = of([1, 1 - 2 ** -52, 1 - 2 ** -52], 0.25);
  assertClose(tensor(p, float64), of([1, 1, 1], 0.25), 1e-15);
  assert.equal(of([2 ** -1060, 0, 0], 0.25), p);
});

test('it works along any axis', () => {
  const x = normal(new Random(1), [2, 3, 4], 0, 0.2, { ...float64, requiresGrad: true });
  const dy = normal(new Random(2), [2, 3, 4], 0, 1, float64);
  const turned = permute(sparsestmax(permute(x, [0, 2, 1]), 0.3), [0, 2, 1]);
  for (const y of [sparsestmax(x, 0.3, 1), sparsestmax(x, 0.3, -2), sparsestmaxDefinition(x, 0.3, 1)]) {
    assertClose(y, turned, 1e-14);
    assertClose(grad([y], [x], { gradOutputs: [dy] })[0]!, grad([turned], [x], { gradOutputs: [dy], retainGraph: true })[0]!, 1e-13);
  }
});

test('one element gets 1 and no gradient, whatever the radius', () => {
  for (const radius of [0, 0.5]) {
    assert.equal(of([4], radius), [1]);
    assert.equal(pulled([4], radius, [3]), [0]);
  }
});

test('-Infinity gets 0; a slice without a distribution is NaN, and so is its gradient', () => {
  for (const f of [sparsestmax, sparsestmaxDefinition]) {
    for (const radius of [0, 0.3, 0.6, 0.9]) {
      assert.equal(toArray(f(tensor([-Infinity, 2, -Infinity]), radius)), [0, 1, 0]);
      const p = f(tensor([0.5, -Infinity, 0.25], float64), radius);
      const r = Math.max(radius ** 2 - 1 / 6, 1 / 32);
      const want = radius > 0.82 ? [1, 0, 0] : [0.5 + Math.sqrt(r / 2), 0, 0.5 - Math.sqrt(r / 2)];
      assertClose(p, want, 1e-15);
      for (const bad of [NaN, Infinity]) {
        const rows = f(tensor([[1, bad, 3], [3, 1, 1]]), radius).data;
        assert.equal(Array.from(rows, Number.isNaN), [true, true, true, false, false, false]);
      }
      assert.ok(f(tensor([-Infinity, -Infinity]), radius).data.every(Number.isNaN));
    }
  }
  assert.ok(pulled([NaN, 1, 2], 0.3, [1, 2, 3]).every(Number.isNaN));
});

test('bad input is refused', () => {
  for (const f of [sparsestmax, sparsestmaxDefinition]) {
    for (const radius of [-0.1, NaN, Infinity]) {
      assertThrows(() => f(zeros([3]), radius), 'RangeError', /radius must be finite and at least 0, got/);
    }
    assertThrows(() => f(zeros([2, 3]), 0.1, 2), 'RangeError', /axis must be an integer in \[-2, 1\] for rank 2, got 2/);
  }
});

test('the radius of a schedule grows in proportion, reaches the corners with the last step and stays there', () => {
  assert.is(sparsestmaxRadius(0, 10, 3), 0);
  assert.is(sparsestmaxRadius(5, 10, 3), Math.sqrt(2 / 3) / 2);
  for (const step of [10, 11, 1000]) assert.is(sparsestmaxRadius(step, 10, 3), Math.sqrt(2 / 3));
  for (const [step, total, count] of [[-1, 10, 3], [NaN, 10, 3], [1, 0, 3], [1, Infinity, 3], [1, 10, 0], [1, 10, 1.5]] as const) {
    assertThrows(() => sparsestmaxRadius(step, total, count), 'RangeError', /step must be at least 0, total finite and above 0/);
  }
});

test.run();
