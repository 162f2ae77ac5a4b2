import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Idx, readIdx } from '../../src/data/idx.ts';
import { message } from '../support/message.ts';

const test = suite('readIdx');

/** An IDX file: type, shape, and the bytes of the elements. */
function idx(type: number, shape: readonly number[], elements: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + elements.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, type, shape.length]);
  shape.forEach((extent, axis) => view.setUint32(4 + 4 * axis, extent));
  bytes.set(elements, 4 + 4 * shape.length);
  return bytes;
}

function contents({ shape, data }: Idx): unknown {
  return { shape, kind: data.constructor.name, data: Array.from(data) };
}

test('reads each element type, big-endian', () => {
  assert.equal(contents(readIdx(idx(0x08, [3], [0, 127, 255]))), { shape: [3], kind: 'Uint8Array', data: [0, 127, 255] });
  assert.equal(contents(readIdx(idx(0x09, [2], [127, 255]))), { shape: [2], kind: 'Int8Array', data: [127, -1] });
  assert.equal(contents(readIdx(idx(0x0b, [2], [1, 2, 0xff, 0xfe]))), { shape: [2], kind: 'Int16Array', data: [258, -2] });
  assert.equal(contents(readIdx(idx(0x0c, [2], [0, 1, 0, 2, 0xff, 0xff, 0xff, 0xfd]))), {
    shape: [2],
    kind: 'Int32Array',
    data: [65538, -3],
  });
  assert.equal(contents(readIdx(idx(0x0d, [1], [0x3f, 0xc0, 0, 0]))), { shape: [1], kind: 'Float32Array', data: [1.5] });
  assert.equal(contents(readIdx(idx(0x0e, [1], [0xc0, 0x04, 0, 0, 0, 0, 0, 0]))), {
    shape: [1],
    kind: 'Float64Array',
    data: [-2.5],
  });
});

test('reads any rank, a scalar and empty axes too', () => {
  assert.equal(contents(readIdx(idx(0x08, [1, 2, 1, 2], [1, 2, 3, 4]))), {
    shape: [1, 2, 1, 2],
    kind: 'Uint8Array',
    data: [1, 2, 3, 4],
  });
  assert.equal(contents(readIdx(idx(0x08, [], [9]))), { shape: [], kind: 'Uint8Array', data: [9] });
  assert.equal(readIdx(idx(0x08, [0, 0xffffffff, 0xffffffff], [])).data.length, 0);
});

test('reads bytes that lie within a larger buffer, and gives a copy', () => {
  const pooled = new Uint8Array(32).fill(77);
  pooled.set(idx(0x08, [2], [5, 6]), 3);
  const { data } = readIdx(pooled.subarray(3, 13));
  assert.equal(Array.from(data), [5, 6]);
  pooled.fill(0);
  assert.equal(Array.from(data), [5, 6]);
  assert.is(data.buffer.byteLength, 2);
});

test('says that gzip has to be decompressed', () => {
  assert.is(
    message(() => readIdx(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0))),
    'RangeError: readIdx: the bytes must be IDX, got gzip (they begin 1f 8b); decompress them first',
  );
});

test('refuses a magic number that is none, and shows it', () => {
  const start = 'RangeError: readIdx: the magic number must be 0, 0, an element type (8, 9, 11, 12, 13 or 14) and a rank, got ';
  assert.is(message(() => readIdx(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1))), `${start}0x89504e47; is this an IDX file?`);
  assert.is(message(() => readIdx(idx(0x0a, [1], [0]))), `${start}0x00000a01; is this an IDX file?`);
  assert.is(message(() => readIdx(Uint8Array.of(0, 1, 8, 1))), `${start}0x00010801; is this an IDX file?`);
  assert.is(message(() => readIdx(Uint8Array.of(0, 0, 8))), `${start}3 bytes; is this an IDX file?`);
  assert.is(message(() => readIdx(new Uint8Array(0))), `${start}0 bytes; is this an IDX file?`);
});

test('refuses a file that is truncated, in the header or in the elements', () => {
  assert.is(
    message(() => readIdx(idx(0x08, [2, 2], [1, 2, 3, 4]).subarray(0, 11))),
    'RangeError: readIdx: a header of rank 2 has 12 bytes, got 11; the file is truncated',
  );
  assert.is(
    message(() => readIdx(idx(0x0b, [2, 2], [1, 2, 3, 4, 5, 6, 7]))),
    'RangeError: readIdx: shape [2, 2] with 2 bytes an element makes 20 bytes, got 19; the file is truncated',
  );
});

test('refuses extents that no file could hold, without trying to', () => {
  assert.match(
    message(() => readIdx(idx(0x0e, new Array<number>(255).fill(0xffffffff), [1]))),
    /makes Infinity bytes, got 1025; the file is truncated$/,
  );
});

test('refuses trailing bytes', () => {
  assert.is(
    message(() => readIdx(idx(0x08, [2], [1, 2, 3]))),
    'RangeError: readIdx: shape [2] with 1 bytes an element makes 10 bytes, got 11; the file has trailing bytes',
  );
});

test('refuses what is no Uint8Array', () => {
  assert.is(
    message(() => readIdx('text' as unknown as Uint8Array)),
    'TypeError: readIdx: the file must be a Uint8Array, got string; read it without an encoding',
  );
});

test.run();
