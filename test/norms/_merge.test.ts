import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { mergeParts, type Part } from '../../src/norms/_merge.ts';

const test = suite('merged statistics');

const part = (...values: number[]): Part => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
  return { count: values.length, mean: Float64Array.of(mean), variance: Float64Array.of(squares / values.length) };
};

test('parts of unequal size have the statistics of all their values', () => {
  const { count, mean, variance } = mergeParts([part(1, 2), part(6), part(3, 3, 9)]);
  assert.is(count, 6);
  assert.ok(Math.abs(mean[0]! - 4) < 1e-15);
  assert.ok(Math.abs(variance[0]! - 44 / 6) < 1e-14);
});

test('a single part stays as it is, to the bit, and no part is written to', () => {
  const parts = [part(0.1, 0.7), part(5, 9)];
  const before = parts.map(({ mean, variance }) => [mean[0], variance[0]]);
  const { mean, variance } = mergeParts(parts.slice(0, 1));
  assert.equal([mean[0], variance[0]], before[0]);
  mergeParts(parts);
  assert.equal(parts.map((each) => [each.mean[0], each.variance[0]]), before);
});

test('a part without values adds nothing, wherever it stands', () => {
  const none: Part = { count: 0, mean: Float64Array.of(NaN), variance: Float64Array.of(NaN) };
  const want = mergeParts([part(1, 2), part(6)]);
  for (const parts of [[none, part(1, 2), part(6)], [part(1, 2), none, part(6)], [part(1, 2), part(6), none]]) {
    assert.equal(mergeParts(parts), want);
  }
});

test.run();
