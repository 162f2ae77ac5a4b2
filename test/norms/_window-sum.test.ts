import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { windowSums } from '../../src/norms/_window-sum.ts';
import { Random } from '../../src/tensor/random.ts';

const test = suite('window sums');

/** The sums one by one, over an axis with `inner` elements behind it. */
function direct(data: Float64Array, count: number, inner: number, before: number, after: number): Float64Array {
  return data.map((_, i) => {
    const row = Math.floor(i / inner) % count;
    let total = 0;
    for (let q = Math.max(0, row - before); q <= Math.min(count - 1, row + after); q++) total += data[i + (q - row) * inner]!;
    return total;
  });
}

function along(data: Float64Array, count: number, before: number, after: number, inner = 1): Float64Array {
  const out = data.slice();
  windowSums(out, [data.length / (count * inner), count, inner], [1], before, after);
  return out;
}

test('every window on every axis of up to nine elements has the sum of its elements', () => {
  const random = new Random(1);
  for (let count = 1; count <= 9; count++) {
    for (const inner of [1, 3]) {
      const data = Float64Array.from({ length: 2 * count * inner }, () => random.integer(2000) - 1000);
      for (let before = 0; before <= count + 1; before++) {
        for (let after = 0; after <= count + 1; after++) {
          const want = direct(data, count, inner, before, after);
          assert.equal(along(data, count, before, after, inner), want, `${count} elements, ${before} before, ${after} after`);
        }
      }
    }
  }
});

test('over several axes the window is a box', () => {
  const data = Float64Array.from({ length: 12 }, (_, i) => 2 ** i);
  windowSums(data, [3, 4], [0, 1], 1, 0);
  const at = (row: number, column: number): number => 2 ** (4 * row + column);
  assert.is(data[0], at(0, 0));
  assert.is(data[6], at(0, 1) + at(0, 2) + at(1, 1) + at(1, 2));
  assert.is(data[11], at(1, 2) + at(1, 3) + at(2, 2) + at(2, 3));
});

test('a value that is not finite is in the sums of its own windows and in no other', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    for (let place = 0; place < 20; place++) {
      const data = Float64Array.from({ length: 20 }, (_, i) => (i === place ? value : i));
      const sums = along(data, 20, 2, 1);
      const want = direct(data, 20, 1, 2, 1);
      assert.equal(Array.from(sums), Array.from(want), `${value} at ${place}`);
      assert.is(sums.filter((sum) => !Number.isFinite(sum)).length, Math.min(place, 1) + 1 + Math.min(19 - place, 2));
    }
  }
});

test('a huge value leaves the windows without it exactly as they are', () => {
  const small = Float64Array.from({ length: 100 }, (_, i) => 2 ** -30 * (i + 1));
  const plain = along(small, 100, 3, 3);
  for (const place of [0, 1, 50, 99]) {
    const sums = along(small.map((value, i) => (i === place ? 1e300 : value)), 100, 3, 3);
    sums.forEach((sum, i) => assert.is(sum, Math.abs(i - place) <= 3 ? 1e300 : plain[i]!));
  }
});

test('rounding does not add up along the axis: at the end of a million elements it is that of one window', () => {
  const random = new Random(2);
  const data = Float64Array.from({ length: 1_000_000 }, () => random.uniform());
  const sums = along(data, data.length, 2, 2);
  for (let i = data.length - 1000; i < data.length - 2; i++) {
    const want = data[i - 2]! + data[i - 1]! + data[i]! + data[i + 1]! + data[i + 2]!;
    assert.ok(Math.abs(sums[i]! - want) <= 4 * 2 ** -53 * want, `${i}: ${sums[i]} for ${want}`);
  }
});

test('a window far wider than the axis sums all of it, and nothing is summed where there is nothing', () => {
  assert.equal(along(Float64Array.of(1, 2, 4), 3, 1e9, 1e9), Float64Array.of(7, 7, 7));
  const none = new Float64Array(0);
  windowSums(none, [2, 0, 3], [1, 2], 2, 2);
  assert.is(none.length, 0);
});

test.run();
