import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readNpz, writeNpz } from '../../src/formats/npz.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { stateDictFromNpz, stateDictFromSafetensors, tensorFromStored } from '../../src/formats/state-dict.ts';
import { BatchNorm } from '../../src/norms/batch.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { ones, tensor } from '../../src/tensor/create.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('state dicts from files');

test('a module is saved in either format and loaded again', () => {
  const saved = new Sequential(new BatchNorm(2), new BatchNorm(2, { dtype: 'float64' }));
  saved.layers[0]!.forward(tensor([[1, 2], [5, 3]]));
  for (const read of [() => stateDictFromNpz(writeNpz(saved.stateDict())), () => stateDictFromSafetensors(writeSafetensors(saved.stateDict()))]) {
    const fresh = new Sequential(new BatchNorm(2), new BatchNorm(2, { dtype: 'float64' }));
    assert.equal(fresh.loadStateDict(read()), { missing: [], unexpected: [] });
    for (const [name, x] of Object.entries(saved.stateDict())) assert.equal(fresh.stateDict()[name]!.data, x.data, name);
  }
});

test('integers and booleans become the numbers they are, in the smallest type that holds all of their kind', () => {
  const type = (data: Uint8Array | Int16Array | Uint32Array | BigInt64Array): unknown[] => {
    const x = tensorFromStored({ shape: [data.length], data });
    return [x.dtype, ...x.data];
  };
  assert.equal(type(Uint8Array.of(0, 1)), ['float32', 0, 1]);
  assert.equal(type(Int16Array.of(-32768)), ['float32', -32768]);
  assert.equal(type(Uint32Array.of(2 ** 32 - 1)), ['float64', 2 ** 32 - 1]);
  assert.equal(type(BigInt64Array.of(-(2n ** 53n) + 1n)), ['float64', -(2 ** 53) + 1]);
});

test('what a tensor cannot hold exactly is refused', () => {
  const big = { shape: [1], data: BigInt64Array.of(2n ** 53n) };
  assertThrows(() => tensorFromStored(big), 'RangeError', /tensorFromStored: .*integers up to 2\^53, got 9007199254740992/);
  assertThrows(() => tensorFromStored({ shape: [1], data: Float32Array.of(1, 2) }), 'RangeError', /holds real numbers, got 2 parts for 1 elements/);
});

test('errors name the function that was called, and the limit of an .npz is passed on', () => {
  const bytes = writeNpz({ x: ones([100]) });
  assertThrows(() => stateDictFromNpz(bytes, { maxBytes: 10 }), 'RangeError', /^stateDictFromNpz: .*maxBytes = 10/);
  assertThrows(() => stateDictFromNpz(bytes.slice(1)), 'RangeError', /^stateDictFromNpz: /);
  assertThrows(() => stateDictFromSafetensors(bytes), 'RangeError', /^stateDictFromSafetensors: /);
  assert.is(readNpz(bytes).x!.data.length, 100);
});

test.run();
