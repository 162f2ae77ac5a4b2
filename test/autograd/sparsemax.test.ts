import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { permute } from '../../src/autograd/permute.ts';
import { sparsemax, sparsemaxDefinition } from '../../src/autograd/sparsemax.ts';
import { fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';

const test = suite('sparsemax');
const float64 = { dtype: 'float64' } as const;

/** Numbers on a grid of 1/64 within [-2, 2]. */
const logits = (minLength = 1, maxLength = 6): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -128, max: 128 }).map((integer) => integer / 64), { minLength, maxLength });

/** A point of the simplex for each list of weights. */
const simplex = (weights: readonly number[]): number[] => {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
};

const of = (z: readonly number[]): number[] => Array.from(sparsemax(tensor(z, float64)).data);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);
const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((v, i) => v - b[i]!);

/** The gradient of z for the gradient g of the result. */
function pulled(z: readonly number[], g: readonly number[]): number[] {
  const x = tensor(z, { ...float64, requiresGrad: true });
  return Array.from(grad([sparsemax(x)], [x], { gradOutputs: [tensor(g, float64)] })[0]!.data);
}

test('the result is a distribution, with the order of its argument and differences kept on the support', () => {
  check(
    fc.property(logits(), (z) => {
      const p = of(z);
      assert.ok(p.every((v) => v >= 0 && v <= 1));
      assert.ok(Math.abs(p.reduce((a, b) => a + b, 0) - 1) <= 1e-15 * z.length);
      z.forEach((a, i) =>
        z.forEach((b, j) => {
          if (a >= b) assert.ok(p[i]! >= p[j]!);
          if (p[i]! > 0 && p[j]! > 0) assert.ok(Math.abs(p[i]! - p[j]! - (a - b)) <= 1e-15);
        }),
      );
    }),
  );
});

test('no distribution is nearer: <z - p, q - p> is not positive for any distribution q', () => {
  check(
    fc.property(logits(5, 5), fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 5, maxLength: 5 }), (z, weights) => {
      fc.pre(weights.some((w) => w > 0));
      const p = of(z);
      assert.ok(dot(minus(z, p), minus(simplex(weights), p)) <= 1e-14);
    }),
  );
});

test('points do not move apart', () => {
  check(
    fc.property(logits(4, 4), logits(4, 4), (z, w) => {
      const [after, before] = [minus(of(z), of(w)), minus(z, w)];
      assert.ok(dot(after, after) <= dot(before, before) + 1e-14);
    }),
  );
});

test('a number added to all changes nothing, and a distribution is its own result', () => {
  check(
    fc.property(logits(), fc.integer({ min: -1000, max: 1000 }), (z, shift) => {
      const p = of(z);
      assert.equal(of(z.map((v) => v + shift)), p);
      of(p).forEach((v, i) => assert.ok(Math.abs(v - p[i]!) <= 1e-15 * z.length));
    }),
  );
});

test('elements that change places change places in the result, bit by bit', () => {
  check(fc.property(logits(), (z) => assert.equal(of(z.slice().reverse()), of(z).reverse())));
});

test('of two elements the first gets (z1 - z2 + 1) / 2, clamped', () => {
  check(
    fc.property(logits(2, 2), ([a, b]) => {
      const want = Math.min(1, Math.max(0, (a! - b! + 1) / 2));
      assert.equal(of([a!, b!]), [want, 1 - want]);
    }),
  );
});

test('an element that is 1 above all others gets exactly 1', () => {
  assert.equal(of([0.1, 1.1, -3]), [0, 1, 0]);
  const x = fromArray(Float32Array.from({ length: 300 }, (_, i) => (i * 37) % 101 * 0.1), [100, 3]);
  const p = sparsemax(x);
  for (let row = 0; row < 100; row++) {
    const z = Array.from(x.data.subarray(3 * row, 3 * row + 3)).sort((a, b) => b - a);
    if (z[0]! - z[1]! >= 1) assert.equal(Array.from(p.data.subarray(3 * row, 3 * row + 3)).sort(), [0, 0, 1]);
  }
});

test('the gradient is that of subtracting the mean over the support: its sum is 0, and off the support it is 0', () => {
  assertClose(tensor(pulled([0.5, 0.25, -1], [3, 1, 100]), float64), [1, -1, 0], 1e-15);
  check(
    fc.property(logits(4, 4), logits(4, 4), logits(4, 4), (z, g, h) => {
      const p = of(z);
      const once = pulled(z, g);
      assert.ok(Math.abs(once.reduce((a, b) => a + b, 0)) <= 1e-14);
      once.forEach((v, i) => assert.ok(p[i]! > 0 || Object.is(v, 0)));
      pulled(z, once).forEach((v, i) => assert.ok(Math.abs(v - once[i]!) <= 1e-14), 'a projection');
      assert.ok(Math.abs(dot(once, h) - dot(g, pulled(z, h))) <= 1e-13, 'symmetric');
    }),
  );
});

test('an element exactly at the threshold gets 0, and no gradient', () => {
  // tau is -1/4 with two members, and so is the third element
  assert.equal(of([0.5, 0, -0.25]), [0.75, 0.25, 0]);
  assert.equal(pulled([0.5, 0, -0.25], [1, 2, 3]), [-0.5, 0.5, 0]);
  assert.equal(of([1, 0]), [1, 0]);
  assert.equal(pulled([1, 0], [1, 2]), [0, 0]);
});

test('equal elements share equally, and so do ties at the top', () => {
  assert.equal(of([3, 3, 3, 3]), [0.25, 0.25, 0.25, 0.25]);
  assert.equal(of([7, -1, 7]), [0.5, 0, 0.5]);
  assert.equal(pulled([7, -1, 7], [1, 5, 2]), [-0.5, 0, 0.5]);
});

test('it works along any axis', () => {
  const x = normal(new Random(1), [2, 3, 4], 0, 1, float64);
  const orders = [[1, 2, 0], [0, 2, 1], [0, 1, 2]];
  const back = [[2, 0, 1], [0, 2, 1], [0, 1, 2]];
  for (const axis of [0, 1, 2]) {
    const want = toArray(permute(sparsemax(permute(x, orders[axis]!)), back[axis]!));
    assert.equal(toArray(sparsemax(x, axis)), want);
    assert.equal(toArray(sparsemax(x, axis - 3)), want);
  }
});

test('one element gets 1 and no gradient', () => {
  assert.equal(of([-7]), [1]);
  assert.equal(pulled([-7], [3]), [0]);
});

test('huge values in float32 give what their differences give', () => {
  const x = tensor([16777216, 16777216, 1e8, 1e8, -3e38]);
  assert.equal(toArray(sparsemax(x)), [0, 0, 0.5, 0.5, 0]);
});

test('-Infinity gets 0 and no gradient; a slice without a distribution is NaN, and so is its gradient', () => {
  for (const f of [sparsemax, sparsemaxDefinition]) {
    assert.equal(toArray(f(tensor([0.5, -Infinity, 0.5]))), [0.5, 0, 0.5]);
    for (const bad of [NaN, Infinity]) {
      const rows = f(tensor([[1, bad, 3], [3, 1, 1], [bad, bad, 0]])).data;
      assert.equal(Array.from(rows, Number.isNaN), [true, true, true, false, false, false, true, true, true]);
    }
    assert.ok(f(tensor([-Infinity, -Infinity])).data.every(Number.isNaN));
  }
  assert.equal(pulled([0.5, -Infinity, 0.5], [1, 7, 2]), [-0.5, 0, 0.5]);
  assert.ok(pulled([NaN, 1], [1, 2]).every(Number.isNaN));
});

test('an axis outside the rank is refused', () => {
  for (const f of [sparsemax, sparsemaxDefinition]) {
    assertThrows(() => f(zeros([2, 3]), 2), 'RangeError', /axis must be an integer in \[-2, 1\] for rank 2, got 2/);
    assertThrows(() => f(tensor(1)), 'RangeError', /axis must be an integer/);
  }
});

test.run();
