import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { normal, Random, uniform } from '../../src/tensor/random.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('random');

/** The mean of `f` over `count` draws. */
function average(count: number, f: () => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += f();
  return total / count;
}

test('a seed has its stream for good', () => {
  const bits = new Random(1);
  assert.equal([bits.bits(), bits.bits(), bits.bits(), bits.bits()], [2442144158, 3238099751, 3819917871, 2104621829]);
  const uniforms = new Random(1);
  assert.equal([uniforms.uniform(), uniforms.uniform()], [0.5686059948349658, 0.8893939367683266]);
  const normals = new Random(1);
  assert.equal([normals.normal(), normals.normal(), normals.normal()], [1.4143015106409798, -0.5271856256488368, -0.4708554490418917]);
  assert.equal(new Random(1).permutation(8), [0, 5, 3, 7, 1, 2, 6, 4]);
  assert.is(new Random(2 ** 40 + 3).bits(), 3417062142);
});

test('seeds that differ only in high or low bits have different streams', () => {
  const first = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER].map((seed) => new Random(seed).bits());
  assert.is(new Set(first).size, first.length);
});

test('a seed must be an integer in [0, 2^53)', () => {
  for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => new Random(seed), 'RangeError', /^Random: seed must be an integer in \[0, 2\^53\), got /);
  }
});

test('bits are 32 fair bits', () => {
  const random = new Random(7);
  const ones = new Array<number>(32).fill(0);
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    const bits = random.bits();
    assert.ok(Number.isInteger(bits) && bits >= 0 && bits < 2 ** 32);
    for (let k = 0; k < 32; k++) ones[k]! += (bits >>> k) & 1;
  }
  const error = Math.sqrt(count) / 2;
  for (let k = 0; k < 32; k++) assert.ok(Math.abs(ones[k]! - count / 2) < 5 * error, `bit ${k}: ${ones[k]} of ${count}`);
});

test('uniform deviates lie in [0, 1) with mean 1/2 and variance 1/12', () => {
  const random = new Random(3);
  const count = 50_000;
  const values = Float64Array.from({ length: count }, () => random.uniform());
  assert.ok(values.every((u) => u >= 0 && u < 1));
  let at = 0;
  assert.ok(Math.abs(average(count, () => values[at++]!) - 0.5) < 5 / Math.sqrt(12 * count));
  at = 0;
  assert.ok(Math.abs(average(count, () => (values[at++]! - 0.5) ** 2) - 1 / 12) < 5 / Math.sqrt(180 * count));
});

test('uniform deviates use all 53 bits', () => {
  const random = new Random(3);
  let low = 0;
  for (let i = 0; i < 1000; i++) low += (random.uniform() * 2 ** 53) % 2;
  assert.ok(low > 400 && low < 600, String(low));
});

test('integers are uniform below their bound', () => {
  const random = new Random(11);
  const counts = new Array<number>(5).fill(0);
  for (let i = 0; i < 10_000; i++) counts[random.integer(5)]!++;
  for (const count of counts) assert.ok(Math.abs(count - 2000) < 5 * 40, counts.join(' '));
});

test('normal deviates have the moments 0, 1, 0, 3 and the tails of the normal distribution', () => {
  const random = new Random(5);
  const count = 100_000;
  const values = Float64Array.from({ length: count }, () => random.normal());
  const moment = (power: number): number => {
    let at = 0;
    return average(count, () => values[at++]! ** power);
  };
  const limit = (variance: number): number => 5 * Math.sqrt(variance / count);
  assert.ok(Math.abs(moment(1)) < limit(1));
  assert.ok(Math.abs(moment(2) - 1) < limit(2));
  assert.ok(Math.abs(moment(3)) < limit(15));
  assert.ok(Math.abs(moment(4) - 3) < limit(96));
  for (const [bound, probability] of [[0.5, 0.6170750774519738], [1, 0.31731050786291415], [2, 0.04550026389635842], [3, 0.0026997960632601866]] as const) {
    const share = values.filter((x) => Math.abs(x) > bound).length / count;
    assert.ok(Math.abs(share - probability) < limit(probability), `beyond ${bound}: ${share}`);
  }
});

test('a permutation has each number once, and every order is equally likely', () => {
  const random = new Random(13);
  assert.equal(random.permutation(100).sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
  assert.equal(random.permutation(0), []);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = random.permutation(3).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.is(counts.size, 6);
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 150, [...counts].join(' '));
});

test('tensors of deviates have the shape, dtype, range and scale asked for', () => {
  const u = uniform(new Random(1), [50, 4], -2, 6, { dtype: 'float64' });
  assert.equal(u.shape, [50, 4]);
  assert.is(u.dtype, 'float64');
  assert.ok([...u.data].every((value) => value >= -2 && value < 6));
  assert.is(u.data[0], -2 + 8 * 0.5686059948349658);
  const n = normal(new Random(1), [2], 10, 3, { requiresGrad: true });
  assert.is(n.requiresGrad, true);
  assert.is(n.data[1], Math.fround(10 + 3 * -0.5271856256488368));
});

test('a shape that is none is refused before the generator moves', () => {
  const random = new Random(1);
  assertThrows(() => uniform(random, [-1]), 'RangeError', /^uniform: /);
  assertThrows(() => normal(random, [0.5]), 'RangeError', /^normal: /);
  assert.is(random.bits(), 2442144158);
});

test.run();
