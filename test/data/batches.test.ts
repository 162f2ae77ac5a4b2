import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { batches } from '../../src/data/batches.ts';
import type { Dataset } from '../../src/data/dataset.ts';
import { fromArray, zeros } from '../../src/tensor/create.ts';
import { Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('batches');

/** Sample i has the pixels 2 i and 2 i + 1 and the label i mod 7. */
function numbered(count: number): Dataset {
  const images = fromArray(Float32Array.from({ length: 2 * count }, (_, i) => i), [count, 1, 1, 2]);
  return { images, labels: Array.from({ length: count }, (_, i) => i % 7), classes: 7 };
}

const sizes = fc.record({ count: fc.integer({ min: 0, max: 40 }), size: fc.integer({ min: 1, max: 12 }), seed: fc.nat() });

test('every sample is in one batch, all batches but the last are full', () => {
  fc.assert(
    fc.property(sizes, ({ count, size, seed }) => {
      const all = [...batches(numbered(count), { size, random: new Random(seed) })];
      const order = all.flatMap(({ indices }) => indices);
      assert.equal([...order].sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
      assert.is(all.length, Math.ceil(count / size));
      for (const { indices } of all.slice(0, -1)) assert.is(indices.length, size);
    }),
    { seed: 1, numRuns: 100 },
  );
});

test('dropLast leaves out a last batch that is not full, and only that', () => {
  fc.assert(
    fc.property(sizes, ({ count, size, seed }) => {
      const all = [...batches(numbered(count), { size, random: new Random(seed) })];
      const full = [...batches(numbered(count), { size, random: new Random(seed), dropLast: true })];
      assert.equal(full.map(({ indices }) => indices), all.filter(({ indices }) => indices.length === size).map(({ indices }) => indices));
    }),
    { seed: 1, numRuns: 100 },
  );
});

test('images and labels are those of the indices', () => {
  for (const { images, labels, indices } of batches(numbered(10), { size: 4, random: new Random(2) })) {
    assert.equal(toArray(images), indices.map((i) => [[[2 * i, 2 * i + 1]]]));
    assert.equal(labels, indices.map((i) => i % 7));
  }
});

test('the same seed gives the same order; a generator that goes on gives another one', () => {
  const order = (random: Random): number[] => [...batches(numbered(30), { size: 8, random })].flatMap(({ indices }) => indices);
  const random = new Random(5);
  const first = order(random);
  assert.equal(order(new Random(5)), first);
  assert.not.equal(order(random), first);
  assert.not.equal(order(new Random(6)), first);
});

test('without a generator the samples come in their order', () => {
  assert.equal([...batches(numbered(5), { size: 2 })].map(({ indices }) => indices), [[0, 1], [2, 3], [4]]);
});

test('a batch is a copy: writing into it leaves the dataset alone', () => {
  const dataset = numbered(2);
  for (const { images } of batches(dataset, { size: 2 })) images.data.fill(-1);
  assert.equal(Array.from(dataset.images.data), [0, 1, 2, 3]);
});

test('a wrong size or dataset is refused at the call, not at the first batch', () => {
  assertThrows(() => batches(numbered(2), { size: 0 }), 'RangeError', /^batches: size must be a positive integer, got 0$/);
  assertThrows(() => batches(numbered(2), { size: 1.5 }), 'RangeError', /got 1.5$/);
  const uneven = { images: zeros([3, 1, 2, 2]), labels: [0, 1], classes: 2 };
  assertThrows(
    () => batches(uneven, { size: 1 }),
    'ShapeError',
    /^batches: there must be one label per image, got 3 images and 2 labels$/,
  );
});

test.run();
