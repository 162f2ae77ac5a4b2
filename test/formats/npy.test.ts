import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readNpy, writeNpy } from '../../src/formats/npy.ts';
import { tensorFromStored } from '../../src/formats/state-dict.ts';
import { fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('.npy');

/** A file of version 1.0 with this header and data. */
function npy(header: string, data: ArrayLike<number> = [], version = 1): Uint8Array {
  const length = header.length;
  const size = version === 1 ? [length & 255, length >> 8] : [length & 255, length >> 8, 0, 0];
  return Uint8Array.from(Buffer.concat([Buffer.of(0x93), Buffer.from('NUMPY'), Buffer.of(version, 0, ...size), Buffer.from(header, 'latin1'), Uint8Array.from(data)]));
}
const header = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
const refused = (bytes: Uint8Array, message: RegExp): void => assertThrows(() => readNpy(bytes), 'RangeError', message);

test('write then read is the identity', () => {
  check(
    fc.property(tensors({ minRank: 0, minExtent: 0 }), fc.constantFrom('float32', 'float64'), (x, dtype) => {
      const before = x.tensor(dtype);
      const bytes = writeNpy(before);
      const got = readNpy(bytes);
      const after = tensorFromStored(got);
      assert.is(after.dtype, dtype);
      assert.equal(after.shape, before.shape);
      assert.equal(after.data, before.data);
      assert.is((bytes.length - before.data.byteLength) % 64, 0);
      assert.equal([got.descr, got.fortranOrder], [dtype === 'float32' ? '<f4' : '<f8', false]);
    }),
    { runs: 200 },
  );
});

test('every bit of a float survives, the payload of NaN too', () => {
  const bits = Uint32Array.of(0x7fc00001, 0xffc12345, 0x80000000, 1, 0x7f800000);
  const got = readNpy(writeNpy(new Tensor(new Float32Array(bits.buffer), [5]))).data;
  assert.equal(new Uint32Array(got.buffer), bits);
});

test('a file that is cut at any byte, or goes on, is refused', () => {
  for (const version of [1, 2, 3]) {
    const bytes = npy(header("'<i2'", '(2, 3)'), new Array(12).fill(1), version);
    assert.equal(readNpy(bytes).shape, [2, 3]);
    for (let length = 0; length < bytes.length; length++) {
      refused(bytes.slice(0, length), /begin with|version must be|truncated/);
    }
    refused(Uint8Array.of(...bytes, 0), /trailing bytes/);
  }
});

test('bytes may lie anywhere in their buffer, and what is read and written is a copy', () => {
  const bytes = writeNpy(tensor([1, 2, 3], { dtype: 'float64' }));
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  const got = readNpy(shifted.subarray(3));
  shifted.fill(0);
  assert.equal(Array.from(got.data as Float64Array), [1, 2, 3]);
  const memory = Float32Array.of(9, 1, 2, 9);
  const written = writeNpy(fromArray(memory.subarray(1, 3), [2]));
  memory.fill(0);
  assert.equal(Array.from(readNpy(written).data as Float32Array), [1, 2]);
});

test('every width of integer is read in both byte orders', () => {
  for (const [name, array] of [['i2', Int16Array], ['u2', Uint16Array], ['i4', Int32Array], ['u4', Uint32Array], ['i8', BigInt64Array], ['u8', BigUint64Array]] as const) {
    const width = array.BYTES_PER_ELEMENT;
    const little = [...new Array<number>(width - 1).fill(255), 254, 1, ...new Array<number>(width - 1).fill(0)];
    const big = [254, ...new Array<number>(width - 1).fill(255), ...new Array<number>(width - 1).fill(0), 1];
    const wanted = new array(Uint8Array.from(little).buffer);
    assert.equal(readNpy(npy(header(`'<${name}'`, '(2,)'), little)).data, wanted, name);
    assert.equal(readNpy(npy(header(`'>${name}'`, '(2,)'), big)).data, wanted, name);
  }
  assert.equal(readNpy(npy(header("'|i1'", '(2,)'), [255, 1])).data, Int8Array.of(-1, 1));
});

test('complex numbers are pairs, in Fortran order too', () => {
  const pairs = Float64Array.of(0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5);
  const got = readNpy(npy(header("'<c16'", '(2, 2)', 'True'), new Uint8Array(pairs.buffer)));
  assert.equal(Array.from(got.data as Float64Array), [0, 0.5, 2, 2.5, 1, 1.5, 3, 3.5]);
  const turned = new Uint8Array(Float32Array.of(1, 2).buffer.slice(0)).reverse();
  assert.equal(Array.from(readNpy(npy(header("'>c8'", '()'), [...turned.subarray(4), ...turned.subarray(0, 4)])).data as Float32Array), [1, 2]);
});

test('16-bit floats are exact: each of the 65536', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const { data } = readNpy(npy(header("'<f2'", '(65536,)'), new Uint8Array(all.buffer)));
  for (let i = 0; i < 65536; i++) {
    const exponent = (i >> 10) & 31;
    const fraction = i & 1023;
    const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
    assert.ok(Object.is(data[i], i & 0x8000 ? -size : size), `${i}: ${data[i]}`);
  }
});

test('the header is read however Python writes such a dict', () => {
  const data = [0, 0, 128, 63];
  for (const text of [
    '{"descr":"<f4","fortran_order":False,"shape":(1,)}',
    "{'shape': (1L,), 'fortran_order': False, 'descr': '<f4'}",
    "  { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 1 , ) , }  \n",
  ]) {
    assert.equal(Array.from(readNpy(npy(text, data)).data as Float32Array), [1], text);
  }
});

test('a header that is anything else is refused', () => {
  for (const text of ['', '{}', '{', "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "['descr']", "{'descr': '<f4' 'shape': (1,)}"]) {
    refused(npy(text), /dict of literals|must have the keys/);
  }
  refused(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"), /each once, got descr, descr,/);
  for (const shape of ['(3)', '3', '[3]', '(1, 2', '(1.5,)', '(True,)', '(,)', '(1,,2)', '(-1,)', "'(1,)'"]) {
    refused(npy(header("'<f4'", shape)), /tuple of integers from 0|dict of literals/);
  }
  refused(npy(header("'<f4'", '(1,)', '1')), /must be True or False, got "1"/);
  for (const descr of ["'|O'", "'<U3'", "'|S2'", "'<M8[ns]'", "'|V4'", "'<f16'", "'<c32'", "'|f4'", "'=f4'", "'f4'", "'<i3'", "'<b4'", "'<f1'", 'f4']) {
    refused(npy(header(descr, '(0,)')), /descr must be/);
  }
  refused(npy(header("'|b1'", '(1,)'), [2]), /a boolean must be 0 or 1/);
});

test('sizes beyond 2^53 are refused, beside an extent of 0 too', () => {
  refused(npy(header("'<f4'", '(9007199254740993,)')), /product below 2\^53/);
  refused(npy(header("'<f4'", '(4294967296, 4294967296, 0)')), /product below 2\^53/);
  refused(npy(header("'<f4'", `(0, 1${'0'.repeat(400)})`)), /product below 2\^53/);
  assert.equal(readNpy(npy(header("'<f4'", '(4294967296, 0)'))).shape, [4294967296, 0]);
});

test('a scalar has one element and no room to grow', () => {
  const text = Buffer.from(writeNpy(tensor(1))).toString('latin1');
  assert.match(text, /'shape': \(\), \} +\n/);
  assert.is(writeNpy(tensor(1)).length, 132);
});

test('what NumPy cannot hold is not written', () => {
  assert.is(readNpy(writeNpy(zeros(new Array<number>(64).fill(1)))).shape.length, 64);
  assertThrows(() => writeNpy(zeros(new Array<number>(65).fill(1))), 'RangeError', /writeNpy: .*at most 64 axes, got 65; reshape it/);
  assertThrows(() => writeNpy([1] as unknown as Tensor), 'TypeError', /writeNpy: .*must be a Tensor, got object/);
  assertThrows(() => writeNpy(zeros([2 ** 60, 0])), 'RangeError', /product below 2\^53/);
});

test('what is no Uint8Array is refused', () => {
  assertThrows(() => readNpy(new ArrayBuffer(8) as unknown as Uint8Array), 'TypeError', /readNpy: the file must be a Uint8Array, got object/);
});

test.run();
