import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { syntheticDigits } from '../../src/data/synthetic-digits.ts';
import { Random } from '../../src/tensor/random.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('syntheticDigits');

/** FNV-1a over 32-bit words: of the float bits, so that a single changed bit shows. */
function checksum(words: Uint32Array): string {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193) ^ (hash >>> 15);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

test('the same seed gives the same bits, which are these', () => {
  const digits = syntheticDigits(40, { random: new Random(7) });
  const words = new Uint32Array(digits.images.data.buffer);
  assert.is(checksum(words), 'b0bfcf81');
  assert.equal(digits.labels.slice(0, 12), [4, 1, 4, 5, 6, 9, 5, 5, 8, 7, 2, 4]);
  const again = syntheticDigits(40, { random: new Random(7) });
  assert.equal(again.images.data, digits.images.data);
  assert.equal(again.labels, digits.labels);
});

test('another seed gives other images', () => {
  const [a, b] = [1, 2].map((seed) => syntheticDigits(10, { random: new Random(seed) }));
  assert.not.equal(a!.images.data, b!.images.data);
});

test('every class is drawn equally often, in no order', () => {
  const { labels, classes } = syntheticDigits(200, { random: new Random(3), size: 8 });
  assert.is(classes, 10);
  for (let digit = 0; digit < 10; digit++) assert.is(labels.filter((label) => label === digit).length, 20);
  assert.ok(labels.some((label, i) => label !== i % 10));
});

test('every pixel lies in [0, 1], and every image shows ink on a dark ground', () => {
  const { images, labels } = syntheticDigits(100, { random: new Random(4), noise: 0 });
  for (let i = 0; i < labels.length; i++) {
    const pixels = Array.from(images.data.subarray(i * 256, (i + 1) * 256));
    assert.ok(pixels.every((value) => value >= 0 && value <= 1));
    const inked = pixels.filter((value) => value > 0.5).length;
    assert.ok(inked >= 5 && inked <= 128, `image ${i} of a ${labels[i]} has ${inked} inked pixels`);
    assert.ok(pixels.filter((value) => value === 0).length > 100, `image ${i} of a ${labels[i]} has too little ground`);
  }
});

test('no two images of a digit are alike', () => {
  const { images, labels } = syntheticDigits(60, { random: new Random(5), noise: 0 });
  const seen = new Set(labels.map((_, i) => images.data.subarray(i * 256, (i + 1) * 256).join(',')));
  assert.is(seen.size, 60);
});

test('a pixel is as bright as the pen covers it: a vertical line has soft edges and a full core', () => {
  const { images, labels } = syntheticDigits(400, { random: new Random(6), noise: 0, jitter: 0, size: 48 });
  let cores = 0;
  let edges = 0;
  labels.forEach((label, i) => {
    if (label !== 1) return;
    const row = Array.from(images.data.subarray((i * 48 + 24) * 48, (i * 48 + 25) * 48));
    const ink = Math.max(...row);
    assert.ok(ink >= 0.6 && ink <= 1, `ink ${ink}`);
    cores += row.filter((value) => value === ink).length;
    edges += row.filter((value) => value > 0 && value < ink).length;
  });
  assert.ok(cores >= 40 && edges >= 40, `${cores} pixels of full ink, ${edges} at the edges`);
});

test('the size is free from 8 on, and no image is also a dataset', () => {
  assert.equal(syntheticDigits(3, { random: new Random(1), size: 9 }).images.shape, [3, 1, 9, 9]);
  const empty = syntheticDigits(0, { random: new Random(1) });
  assert.equal(empty.images.shape, [0, 1, 16, 16]);
  assert.equal(empty.labels, []);
});

test('numbers out of range are refused before anything is drawn', () => {
  const random = new Random(1);
  assertThrows(() => syntheticDigits(-1, { random }), 'RangeError', /^syntheticDigits: count must be an integer of at least 0, got -1$/);
  assertThrows(() => syntheticDigits(1.5, { random }), 'RangeError', /count .* got 1.5$/);
  assertThrows(() => syntheticDigits(1, { random, size: 7 }), 'RangeError', /^syntheticDigits: size must be an integer of at least 8, got 7$/);
  assertThrows(() => syntheticDigits(1, { random, jitter: -1 }), 'RangeError', /^syntheticDigits: jitter must be finite and at least 0, got -1$/);
  assertThrows(() => syntheticDigits(1, { random, noise: NaN }), 'RangeError', /^syntheticDigits: noise must be finite and at least 0, got NaN$/);
  assert.is(random.bits(), new Random(1).bits());
});

test.run();
