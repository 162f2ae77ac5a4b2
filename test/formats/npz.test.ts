import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32 } from '../../src/formats/_crc32.ts';
import { writeNpy } from '../../src/formats/npy.ts';
import { readNpz, writeNpz } from '../../src/formats/npz.ts';
import { tensorFromStored } from '../../src/formats/state-dict.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';
import { zip } from './_zip.ts';

const test = suite('.npz');
const data = writeNpy(tensor([1, 2, 3]));
const one = { name: 'x.npy', data };
const refused = (bytes: Uint8Array, message: RegExp, options = {}): void =>
  assertThrows(() => readNpz(bytes, options), 'RangeError', message);
const isRead = (bytes: Uint8Array): void => assert.equal(Array.from(readNpz(bytes).x!.data as Float32Array), [1, 2, 3]);

test('the checksum is that of ISO 3309', () => {
  assert.is(crc32(Buffer.from('123456789')), 0xcbf43926);
  assert.is(crc32(new Uint8Array(0)), 0);
});

test('write then read is the identity', () => {
  const named = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }).filter((name) => !name.includes('\0')), tensors({ minRank: 0 }), { maxKeys: 4 });
  check(
    fc.property(named, fc.constantFrom('float32', 'float64'), (cases, dtype) => {
      const dict: Record<string, Tensor> = Object.fromEntries(Object.entries(cases).map(([name, x]) => [name, x.tensor(dtype)]));
      const bytes = writeNpz(dict);
      const got = readNpz(bytes);
      assert.equal(Object.keys(got), Object.keys(dict));
      for (const name of Object.keys(dict)) {
        const back = tensorFromStored(got[name]!);
        assert.is(back.dtype, dtype);
        assert.equal(back.shape, dict[name]!.shape);
        assert.equal(back.data, dict[name]!.data);
      }
      assert.equal(writeNpz(dict), bytes);
    }),
  );
});

test('a file that is cut at any byte is refused', () => {
  for (const bytes of [writeNpz({ x: tensor([1, 2]), y: zeros([0, 3]) }), zip([{ ...one, deflated: true, zip64: true }], { zip64: true })]) {
    for (let length = 0; length < bytes.length; length++) refused(bytes.slice(0, length), /truncated/);
  }
});

test('a file with any bit flipped is refused or read as what it was; only the dates are not looked at', () => {
  const bytes = zip([{ ...one, deflated: true }]);
  const dates = new Set([10, 11, 12, 13]);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    if (dates.has(bit >> 3)) continue;
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    let got;
    try {
      got = readNpz(flipped);
    } catch (error) {
      assert.is((error as Error).name, 'RangeError', `bit ${bit}: ${String(error)}`);
      continue;
    }
    assert.equal(Object.values(got).map((x) => Array.from(x.data as Float32Array)), [[1, 2, 3]], `bit ${bit}`);
  }
});

test('deflated members, ZIP64 fields, a ZIP64 end and a comment are read', () => {
  isRead(zip([one]));
  isRead(zip([{ ...one, deflated: true }]));
  isRead(zip([{ ...one, zip64: true }]));
  isRead(zip([{ ...one, deflated: true, zip64: true }], { zip64: true, comment: 'PK\x05\x06 and more' }));
  isRead(zip([one], { comment: 'x'.repeat(65535) }));
  assert.equal(readNpz(zip([])), {});
});

test('members come in the order of the directory, wherever their data lie', () => {
  const second = { name: 'y.npy', data: writeNpy(tensor(4)) };
  const size = 30 + 5 + data.length;
  const bytes = zip([{ ...one, name: 'x.npy' }, second]);
  assert.equal(Object.keys(readNpz(bytes)), ['x', 'y']);
  // the two entries of the directory exchanged
  const start = size + 30 + 5 + second.data.length;
  const entry = 46 + 5;
  const exchanged = bytes.slice();
  exchanged.set(bytes.subarray(start, start + entry), start + entry);
  exchanged.set(bytes.subarray(start + entry, start + 2 * entry), start);
  assert.equal(Object.keys(readNpz(exchanged)), ['y', 'x']);
});

test('a bomb is refused before it is inflated, by its declared size and by what deflate can do', () => {
  const large = { name: 'x.npy', data: new Uint8Array(2 ** 20), deflated: true };
  refused(zip([large]), /at most maxBytes = 1000 bytes, got 1048576 and more/, { maxBytes: 1000 });
  refused(zip([one, { ...one, name: 'y.npy' }]), /at most maxBytes = 150 bytes, got 280/, { maxBytes: 150 });
  assert.is(Object.keys(readNpz(zip([one]), { maxBytes: data.length })).length, 1);
  refused(zip([{ ...one, deflated: true, size: 2 ** 29 }]), /sizes must be those of the data/);
  // terabytes on paper
  refused(zip([{ ...one, zip64: true, size: 2 ** 45 }]), /at most maxBytes = 1073741824/);
  refused(zip([one]), /maxBytes must be a number from 0, got NaN/, { maxBytes: NaN });
});

test('sizes that lie in either direction are refused', () => {
  refused(zip([{ ...one, deflated: true, size: data.length - 1 }]), /there are more bytes than it declares/);
  refused(zip([{ ...one, deflated: true, size: data.length + 1 }]), /there are fewer bytes than it declares/);
  refused(zip([{ ...one, size: data.length + 1 }]), /sizes must be those of the data/);
  refused(zip([{ ...one, size: data.length + 1, packed: data.length + 1 }]), /sizes must be those of the data/);
  refused(zip([{ ...one, size: data.length - 1, packed: data.length - 1 }]), /the checksum must be that of the data/);
});

test('encryption, other methods, split archives and members that are no .npy are refused', () => {
  refused(zip([{ ...one, flags: 1 }]), /must not be encrypted/);
  refused(zip([{ ...one, flags: 0x40 }]), /must not be encrypted/);
  refused(zip([{ ...one, flags: 0x2000 }]), /must not be encrypted/);
  refused(zip([{ ...one, method: 14 }]), /got method 14 for "x\.npy"/);
  refused(zip([one], { disk: 1 }), /must be one file/);
  refused(zip([{ ...one, name: 'x.txt' }]), /must be an \.npy file, got "x\.txt"/);
  refused(zip([{ ...one, data: Uint8Array.of(1, 2) }]), /readNpz: x\.npy: the file must begin with/);
});

test('names occur once, are the same in both places, and are Unicode', () => {
  refused(zip([one, one]), /got "x\.npy" twice/);
  refused(zip([{ ...one, localName: 'y.npy' }]), /another name or method/);
  refused(zip([{ ...one, localName: 'xy.npy' }]), /another name or method/);
  refused(zip([{ ...one, localMethod: 8 }]), /another name or method/);
  refused(zip([{ ...one, name: 'é.npy', flags: 0 }]), /must be ASCII, or UTF-8 and marked so/);
  assertThrows(() => writeNpz({ '\ud800': tensor(1) }), 'RangeError', /valid Unicode, got "\\ud800\.npy"/);
  assertThrows(() => writeNpz({ 'a\0b': tensor(1) }), 'RangeError', /no NUL/);
  assertThrows(() => writeNpz({ x: [1] as unknown as Tensor }), 'TypeError', /writeNpz: x: .*must be a Tensor/);
});

test('a checksum, a directory or an overlap that does not fit is refused', () => {
  refused(zip([{ ...one, crc: 1 }]), /checksum/);
  refused(zip([{ ...one, deflated: true, crc: 1 }]), /checksum/);
  refused(zip([one], { count: 2 }), /the entries that its end declares, got no entry 1/);
  refused(zip([one, { ...one, name: 'y.npy' }], { count: 1 }), /of which \d+ are entries/);
  refused(zip([one], { start: 0 }), /which do not end at/);
  refused(zip([one], { size: 10 }), /which do not end at/);
  refused(zip([one, { ...one, name: 'y.npy', offset: 0 }]), /another name or method/);
  refused(zip([{ ...one, offset: 5 }]), /a header of its own/);
  refused(zip([{ ...one, zip64: true, offset: 2 ** 60 }]), /a header of its own/);
  const inner = zip([one]).subarray(0, 30 + 5 + data.length);
  // a member within the data of another
  const outer = { name: 'o.npy', data: inner };
  refused(zip([outer, { ...one, offset: 35 }]), /must not overlap, got "x\.npy" within another/);
});

test('__proto__ is a name like any other', () => {
  const got = readNpz(writeNpz(Object.fromEntries([['__proto__', tensor([1])]])));
  assert.equal(Object.keys(got), ['__proto__']);
  assert.is(Object.getPrototypeOf(got), Object.prototype);
});

test('what is no Uint8Array is refused', () => {
  assertThrows(() => readNpz('PK' as unknown as Uint8Array), 'TypeError', /readNpz: the file must be a Uint8Array, got string/);
});

test.run();
