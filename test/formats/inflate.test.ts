/** Inflation, held against Node's zlib. */
import { constants, deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inflate } from '../../src/formats/_inflate.ts';
import { check } from '../support/property.ts';

const test = suite('inflation');
const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_DEFAULT_STRATEGY } = constants;

/** Bytes with runs and repetitions, so that every kind of code occurs. */
const compressible = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400 })), { maxLength: 12 })
  .map((runs) => Buffer.concat(runs.flatMap(([bytes, times]) => Array.from({ length: times % 7 === 0 ? times : times % 7 }, () => bytes))));
const settings = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_DEFAULT_STRATEGY),
});

test('what zlib deflates, at any level and by any strategy, is inflated', () => {
  check(
    fc.property(compressible, settings, (bytes, how) => {
      const got = inflate(deflateRawSync(bytes, how), bytes.length);
      assert.not.type(got, 'string', String(got));
      assert.ok(Buffer.from(got as Uint8Array).equals(bytes));
    }),
    { runs: 200 },
  );
});

test('the longest repetition, from the furthest place, and a stored block of 65535 bytes', () => {
  const noise = Uint8Array.from({ length: 32768 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255);
  for (const bytes of [Buffer.concat([noise, noise]), Buffer.alloc(300_000, 7), Buffer.concat([noise, noise, noise])]) {
    for (const level of [0, 1, 9]) {
      const got = inflate(deflateRawSync(bytes, { level }), bytes.length);
      assert.ok(Buffer.from(got as Uint8Array).equals(bytes), `level ${level}`);
    }
  }
});

test('data that are cut at any byte, or go on, are refused', () => {
  const bytes = Buffer.from('to be or not to be, that is the question: to be or not to be'.repeat(3));
  for (const how of [{ level: 0 }, { level: 9 }, { strategy: Z_FIXED }]) {
    const packed = deflateRawSync(bytes, how);
    for (let length = 0; length < packed.length; length++) assert.type(inflate(packed.subarray(0, length), bytes.length), 'string');
    assert.is(inflate(Buffer.concat([packed, Buffer.of(0)]), bytes.length), 'bytes follow the compressed data');
    assert.is(inflate(packed, bytes.length - 1), 'there are more bytes than it declares');
    assert.is(inflate(packed, bytes.length + 1), 'there are fewer bytes than it declares');
  }
});

test('bytes that are no compressed data never loop and never throw', () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const got = inflate(bytes, 1000);
      assert.ok(typeof got === 'string' || got.length === 1000);
    }),
    { runs: 500 },
  );
});

test('a block of no type, a length of no stored block, a repetition before the data, codes that are none', () => {
  assert.is(inflate(Uint8Array.of(7), 1), 'the type of a block is none');
  assert.is(inflate(Uint8Array.of(1, 1, 0, 0, 0, 9), 1), 'the length of a stored block is none');
  // fixed: symbol 257 (0000001), distance 0 (00000)
  assert.is(inflate(Uint8Array.of(0b00000011, 0b00000010, 0, 0, 0), 3), 'a repetition begins before the data');
  // fixed: symbol 286 (11000110)
  assert.is(inflate(Uint8Array.of(0b00011011, 0b00000011, 0, 0), 3), 'a code is none');
  // dynamic: all lengths of the code of lengths 7, more than there are codes left over
  assert.is(inflate(Uint8Array.of(0b00000101, 0b11100000, 255, 255, 255, 255, 255, 255, 255, 255), 3), 'a set of codes is none');
});

test.run();
