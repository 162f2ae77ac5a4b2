import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import { expand, reduceTo, rounded } from '../../src/tensor/walk.ts';
import { check } from '../support/property.ts';

const test = suite('walk');

/** The multi-index of element `at` of a tensor of this shape, last axis first in the arithmetic. */
function indexOf(at: number, shape: Shape): number[] {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(at % shape[axis]!);
    at = Math.floor(at / shape[axis]!);
  }
  return index;
}

/** Where the element of `large` at `index` comes from in `small`. */
function sourceOf(index: readonly number[], small: Shape): number {
  let at = 0;
  const missing = index.length - small.length;
  small.forEach((extent, axis) => (at = at * extent + (extent === 1 ? 0 : index[axis + missing]!)));
  return at;
}

const pairs = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.nat(4))
  .map(([large, stretched, drop]) => {
    const cut = Math.min(drop, large.length);
    return { large, small: large.map((extent, axis) => (stretched[axis] ? 1 : extent)).slice(cut) };
  });

test('expand puts into every element what broadcasting says, for any shapes', () => {
  check(
    fc.property(pairs, ({ large, small }) => {
      const data = Float64Array.from({ length: sizeOf(small) }, (_, i) => i + 1);
      const out = expand(data, small, large);
      assert.is(out.length, sizeOf(large));
      for (let at = 0; at < out.length; at++) assert.is(out[at], data[sourceOf(indexOf(at, large), small)]);
    }),
    { runs: 200 },
  );
});

test('reduceTo sums what expand would have made of each element, for any shapes', () => {
  check(
    fc.property(pairs, ({ large, small }) => {
      const data = Float64Array.from({ length: sizeOf(large) }, (_, i) => i + 1);
      const want = new Array<number>(sizeOf(small)).fill(0);
      for (let at = 0; at < data.length; at++) want[sourceOf(indexOf(at, large), small)]! += data[at]!;
      assert.equal([...reduceTo(data, large, small)], want);
    }),
    { runs: 200 },
  );
});

test('expand keeps the dtype', () => {
  assert.ok(expand(new Float32Array([1]), [], [2]) instanceof Float32Array);
  assert.ok(expand(new Float64Array([1]), [], [2]) instanceof Float64Array);
});

test('reduceTo adds in double also when the data are float32', () => {
  const data = new Float32Array(10_000).fill(0.1);
  const total = reduceTo(data, [10_000], [])[0]!;
  assert.ok(Math.abs(total - 10_000 * Math.fround(0.1)) < 1e-9, String(total));
});

test('rounded gives float32 from double, and a float64 result without a copy', () => {
  const values = new Float64Array([0.1]);
  assert.is(rounded(values, 'float64'), values);
  assert.is(rounded(values, 'float32')[0], Math.fround(0.1));
});

test.run();
