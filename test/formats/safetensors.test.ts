import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import { tensorFromStored } from '../../src/formats/state-dict.ts';
import { tensor, zeros } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('safetensors');

/** A file of this header and data. */
function file(header: string, data: ArrayLike<number> = []): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Uint8Array.from([...length, ...text, ...Array.from(data)]);
}
const entry = (dtype: string, shape: string, offsets: string): string => `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const refused = (bytes: Uint8Array, message: RegExp): void => assertThrows(() => readSafetensors(bytes), 'RangeError', message);

test('write then read is the identity, with metadata, in the order of the names', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => text !== '__metadata__');
  const named = fc.dictionary(name, tensors({ minRank: 0, minExtent: 0 }), { maxKeys: 4 });
  const texts = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 5 }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 });
  check(
    fc.property(named, fc.constantFrom('float32', 'float64'), texts, (cases, dtype, metadata) => {
      const dict: Record<string, Tensor> = Object.fromEntries(Object.entries(cases).map(([key, x]) => [key, x.tensor(dtype)]));
      const bytes = writeSafetensors(dict, metadata);
      const got = readSafetensors(bytes);
      assert.equal(Object.entries(got.metadata), Object.entries(metadata));
      assert.equal(new Set(Object.keys(got.tensors)), new Set(Object.keys(dict)));
      for (const key of Object.keys(dict)) {
        const back = tensorFromStored(got.tensors[key]!);
        assert.is(back.dtype, dtype);
        assert.equal(back.shape, dict[key]!.shape);
        assert.equal(back.data, dict[key]!.data);
      }
    }),
  );
});

test('a file that is cut at any byte, or goes on, is refused', () => {
  const bytes = writeSafetensors({ x: tensor([1, 2]), y: tensor(1, { dtype: 'float64' }), e: zeros([0]) }, { about: 'this' });
  for (let length = 0; length < bytes.length; length++) refused(bytes.slice(0, length), /is truncated/);
  refused(Uint8Array.of(...bytes, 0), /trailing bytes/);
});

test('float64 comes first and the header is a multiple of 8, so that all tensors are aligned; equal tensors make equal bytes', () => {
  const a = tensor([1]);
  const b = tensor([2], { dtype: 'float64' });
  const bytes = writeSafetensors({ a, b, '9': a });
  const length = Number(Buffer.from(bytes).readBigUInt64LE());
  assert.is(length % 8, 0);
  const header = Buffer.from(bytes.subarray(8, 8 + length)).toString();
  assert.is(
    header.trimEnd(),
    `{"b":${entry('F64', '[1]', '[0,8]')},"9":${entry('F32', '[1]', '[8,12]')},"a":${entry('F32', '[1]', '[12,16]')}}`,
  );
  assert.equal(writeSafetensors({ '9': a, b, a }), bytes);
});

test('every type is read, bfloat16 and booleans too', () => {
  const read = (dtype: string, data: number[], size = 1): unknown[] =>
    Array.from(readSafetensors(file(`{"x":${entry(dtype, `[${size}]`, `[0,${data.length}]`)}}`, data)).tensors.x!.data as Uint8Array);
  assert.equal(read('BOOL', [0, 1], 2), [0, 1]);
  assert.equal(read('I8', [255]), [-1]);
  assert.equal(read('U16', [255, 255]), [65535]);
  assert.equal(read('I32', [254, 255, 255, 255]), [-2]);
  assert.equal(read('I64', new Array<number>(8).fill(255)), [-1n]);
  assert.equal(read('U64', new Array<number>(8).fill(255)), [2n ** 64n - 1n]);
  assert.equal(read('F16', [0, 0xbc]), [-1]);
  assert.equal(read('BF16', [0x80, 0xbf]), [-1]);
  assert.equal(read('C64', [0, 0, 128, 63, 0, 0, 0, 64]), [1, 2]);
  refused(file(`{"x":${entry('BOOL', '[1]', '[0,1]')}}`, [2]), /a boolean must be 0 or 1/);
  for (const dtype of ['F8_E4M3', 'constructor', 'f32']) refused(file(`{"x":${entry(dtype, '[1]', '[0,1]')}}`, [0]), /dtype must be one of/);
});

test('tensors may be listed in any order, and empty ones lie between others', () => {
  const text = `{"b":${entry('U8', '[1]', '[1,2]')},"e":${entry('F32', '[0]', '[1,1]')},"a":${entry('U8', '[1]', '[0,1]')}}`;
  const { tensors: got } = readSafetensors(file(text, [7, 8]));
  assert.equal(Object.keys(got), ['b', 'e', 'a']);
  assert.equal(Array.from(got.b!.data as Uint8Array), [8]);
  refused(file(`{"a":${entry('U8', '[2]', '[0,2]')},"e":${entry('F32', '[0]', '[1,1]')}}`, [7, 8]), /without gap or overlap/);
});

test('a key that occurs twice is refused at every depth, however it is escaped', () => {
  refused(file(`{"a":${entry('U8', '[0]', '[0,0]')},"\\u0061":${entry('U8', '[0]', '[0,0]')}}`), /got "a" twice/);
  refused(file('{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}'), /got "shape" twice/);
  refused(file('{"__metadata__":{"k":"1","k" : "2"}}'), /got "k" twice/);
  refused(file('{"\\ud800":{}}'), /valid Unicode/);
  const twice = `{"shape":${entry('U8', '[0]', '[0,0]')},"__metadata__":{"shape":"\\"shape\\":{","x":"shape"}}`;
  assert.equal(readSafetensors(file(twice)).metadata, { shape: '"shape":{', x: 'shape' });
});

test('numbers are counts that a number holds exactly', () => {
  for (const offsets of ['[0,1.0]', '[0,1e0]', '[-0,1]']) {
    refused(file(`{"x":${entry('U8', '[1]', offsets)}}`, [0]), /texts and counts from 0/);
  }
  refused(file(`{"x":${entry('U8', '[9007199254740993]', '[0,9007199254740993]')}}`), /counts below 2\^53/);
  refused(file(`{"x":${entry('U8', '[0,4294967296,4294967296]', '[0,0]')}}`), /product below 2\^53/);
  refused(file(`{"x":${entry('U8', '[1]', '[0,1,2]')}}`, [0]), /two data_offsets/);
  refused(file('{"x":null}'), /counts from 0, got "null/);
  refused(file('{"x":"text"}'), /must have a dtype/);
  refused(file('{"x":[]}'), /must have a dtype/);
});

test('metadata are text in an object', () => {
  refused(file('{"__metadata__":["a"]}'), /must map text to text/);
  refused(file('{"__metadata__":{"a":["b"]}}'), /must map text to text/);
  assertThrows(() => writeSafetensors({}, { a: 1 as unknown as string }), 'TypeError', /metadata must be text, got number for a/);
});

test('names of the format, half surrogates and what is no tensor are not written', () => {
  assertThrows(() => writeSafetensors({ __metadata__: tensor(1) }), 'RangeError', /__metadata__ is taken/);
  assertThrows(() => writeSafetensors({ x: 1 as unknown as Tensor }), 'TypeError', /writeSafetensors: x: .*must be a Tensor, got number/);
  for (const write of [() => writeSafetensors({ '\udc00': tensor(1) }), () => writeSafetensors({}, { a: '\ud800' })]) {
    assertThrows(write, 'RangeError', /valid Unicode/);
  }
});

test('__proto__ is a name like any other, for tensors and for metadata', () => {
  const name = Object.fromEntries([['__proto__', 'text']]) as Record<string, string>;
  const got = readSafetensors(writeSafetensors(Object.fromEntries([['__proto__', tensor([1])]]), name));
  assert.equal([Object.keys(got.tensors), Object.keys(got.metadata)], [['__proto__'], ['__proto__']]);
  assert.is(Object.getPrototypeOf(got.tensors), Object.prototype);
});

test('what is no Uint8Array is refused', () => {
  assertThrows(() => readSafetensors({} as Uint8Array), 'TypeError', /readSafetensors: the file must be a Uint8Array, got object/);
});

test.run();
