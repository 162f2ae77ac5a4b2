import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readDigits } from '../../src/data/digits.ts';
import { assertClose } from '../support/assertions.ts';
import { message } from '../support/message.ts';

const test = suite('readDigits');

const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 51, 255, 102, 0, 204);
const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 4, 1);

test('gives images of one channel between 0 and 1, labels, and the number of classes', () => {
  const digits = readDigits(images, labels);
  assertClose(digits.images, [[[[0, 0.2, 1]]], [[[0.4, 0, 0.8]]]], 1e-7);
  assert.is(digits.images.dtype, 'float32');
  assert.equal(digits.labels, [4, 1]);
  assert.is(digits.classes, 5);
});

test('notices images and labels that are swapped', () => {
  assert.is(
    message(() => readDigits(labels, images)),
    'RangeError: readDigits: images: the magic number must be 0x00000803, got 0x00000801; images and labels seem to be swapped',
  );
  assert.is(
    message(() => readDigits(images, images)),
    'RangeError: readDigits: labels: the magic number must be 0x00000801, got 0x00000803; images and labels seem to be swapped',
  );
});

test('refuses IDX files of another rank or element type', () => {
  const flat = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7);
  assert.is(
    message(() => readDigits(flat, labels)),
    'RangeError: readDigits: images: the magic number must be 0x00000803, got 0x00000802; read other IDX files with readIdx',
  );
  const signed = Uint8Array.of(0, 0, 9, 1, 0, 0, 0, 2, 4, 1);
  assert.is(
    message(() => readDigits(images, signed)),
    'RangeError: readDigits: labels: the magic number must be 0x00000801, got 0x00000901; read other IDX files with readIdx',
  );
});

test('refuses different numbers of images and labels', () => {
  assert.is(
    message(() => readDigits(images, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 4))),
    'RangeError: readDigits: there must be one label per image, got 2 images and 1 labels; take both files from the same ' +
      'part, train or test',
  );
});

test('refuses files without an image', () => {
  const none = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8);
  assert.is(
    message(() => readDigits(none, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 0))),
    'RangeError: readDigits: there must be images, got 0 of 8 by 8',
  );
});

test('says which of the two files is gzip or broken', () => {
  assert.is(
    message(() => readDigits(images, Uint8Array.of(0x1f, 0x8b, 8, 0))),
    'RangeError: readDigits: labels: the bytes must be IDX, got gzip (they begin 1f 8b); decompress them first',
  );
  assert.match(
    message(() => readDigits(images.subarray(0, 20), labels)),
    /^RangeError: readDigits: images: shape \[2, 1, 3\] .* got 20; the file is truncated$/,
  );
});

test.run();
