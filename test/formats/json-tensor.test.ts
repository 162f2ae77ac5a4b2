import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { tensorFromJson, tensorToJson } from '../../src/formats/json-tensor.ts';
import { fromArray, tensor } from '../../src/tensor/create.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('JSON tensors');

test('numbers that JSON cannot write are strings, and come back as they were', () => {
  const x = fromArray(Float64Array.of(NaN, Infinity, -Infinity, -0, 0, 0.1), [2, 3]);
  const json = JSON.parse(JSON.stringify(tensorToJson(x))) as { data: unknown[] };
  assert.equal(json, { shape: [2, 3], data: ['NaN', 'Infinity', '-Infinity', '-0', 0, 0.1] });
  const back = tensorFromJson(json, 'float64');
  assert.ok(back.data.every((value: number, i: number) => Object.is(value, x.data[i])));
});

test('a scalar and an empty tensor keep their shapes', () => {
  for (const x of [tensor(3), tensor([]), fromArray([], [0, 3])]) {
    assert.equal(tensorFromJson(tensorToJson(x), 'float32').shape, x.shape);
  }
});

test('little-endian bytes in base 64 are read in either width', () => {
  for (const [dtype, data] of [['float32', Float32Array.of(1.5, -2, 3e30)], ['float64', Float64Array.of(0.1, -0, 1e300)]] as const) {
    const b64 = Buffer.from(data.buffer).toString('base64');
    const read = tensorFromJson({ shape: [3], dtype, b64 }, 'float64');
    assert.equal(Array.from(read.data), Array.from(data));
  }
});

test('what is no tensor is refused with what came', () => {
  const read = (value: unknown) => () => tensorFromJson(value, 'float32');
  assertThrows(read(null), 'TypeError', /a tensor is \{"shape".*got null/);
  assertThrows(read({ data: [1] }), 'TypeError', /a tensor is \{"shape"/);
  assertThrows(read({ shape: [2], data: [1] }), 'TypeError', /shape \[2\] needs a list of 2 elements, got 1 elements/);
  assertThrows(read({ shape: [1] }), 'TypeError', /needs a list of 1 elements, got undefined/);
  assertThrows(read({ shape: [2], data: [1, 'x'] }), 'TypeError', /element 1 is no number, got "x"/);
  assertThrows(read({ shape: [1], data: [null] }), 'TypeError', /element 0 is no number, got null/);
  assertThrows(read({ shape: [-1], data: [] }), 'RangeError', /non-negative integers/);
  assertThrows(read({ shape: [2], dtype: 'float32', b64: 'AAAA' }), 'TypeError', /needs 8 bytes, got 3/);
  assertThrows(read({ shape: [1], dtype: 'int8', b64: 'AA==' }), 'TypeError', /dtype of float32 or float64, got "int8"/);
  assertThrows(read({ shape: [1], dtype: 'float32', b64: 'AA?A' }), 'TypeError', /outside base 64 at 2/);
});

test.run();
