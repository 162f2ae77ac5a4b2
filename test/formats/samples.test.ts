/** The sample files: every good one is read exactly, every bad one is refused with a reason. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StoredData } from '../../src/formats/_elements.ts';
import { tensorFromJson } from '../../src/formats/json-tensor.ts';
import { type NpyArray, readNpy, writeNpy } from '../../src/formats/npy.ts';
import { readNpz } from '../../src/formats/npz.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { tensorFromStored } from '../../src/formats/state-dict.ts';
import { filesBelow } from '../support/project.ts';

const test = suite('sample files');

interface ArraySample {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
  readonly dtype?: string;
}

interface Manifest {
  readonly npy: readonly (ArraySample & { file: string })[];
  readonly npz: readonly { file: string; arrays: Record<string, ArraySample> }[];
  readonly safetensors: readonly { file: string; metadata: Record<string, string> | null; tensors: Record<string, ArraySample> }[];
  readonly bad: readonly { file: string; why: string }[];
}

const folder = new URL('./samples/', import.meta.url);
// a copy, for what is read from a small file may lie anywhere in a shared buffer
const load = (file: string): Uint8Array => Uint8Array.from(readFileSync(new URL(file, folder)));
const manifest = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as Manifest;

/** An element of the manifest as elements of a typed array. */
function elements(entry: unknown, data: StoredData): (number | bigint)[] {
  if (Array.isArray(entry)) return entry.flatMap((part) => elements(part, data));
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return [BigInt(entry as number | string)];
  return [Number(entry)];
}

function assertSame(got: { shape: readonly number[]; data: StoredData }, want: ArraySample): void {
  assert.equal(got.shape, want.shape);
  const wanted = want.data.flatMap((entry) => elements(entry, got.data));
  assert.is(got.data.length, wanted.length);
  wanted.forEach((value, i) => assert.ok(Object.is(got.data[i], value), `element ${i}: got ${got.data[i]}, want ${value}`));
}

function assertSameNpy(got: NpyArray, want: ArraySample): void {
  assert.is(got.descr, want.descr);
  assert.is(got.fortranOrder, want.fortran);
  assertSame(got, want);
}

test('every sample is in the manifest', () => {
  const listed = [...manifest.npy, ...manifest.npz, ...manifest.safetensors, ...manifest.bad].map(({ file }) => file);
  const found = ['.npy', '.npz', '.safetensors'].flatMap((ending) => filesBelow('test/formats/samples', ending));
  assert.equal(found.map((path) => path.slice('test/formats/samples/'.length)).sort(), listed.sort());
});

for (const sample of manifest.npy) {
  test(`${sample.file} is read exactly`, () => assertSameNpy(readNpy(load(sample.file)), sample));
  const own = /^<f[48]$/.test(sample.descr) && !sample.fortran && !/_v[23]/.test(sample.file);
  if (!own) continue;
  test(`${sample.file} is written as NumPy wrote it, byte for byte`, () => {
    const bytes = load(sample.file);
    assert.equal(writeNpy(tensorFromStored(readNpy(bytes))), bytes);
  });
}

for (const { file, arrays } of manifest.npz) {
  test(`${file} is read exactly`, () => {
    const got = readNpz(load(file));
    assert.equal(Object.keys(got), Object.keys(arrays));
    for (const name of Object.keys(arrays)) assertSameNpy(got[name]!, arrays[name]!);
  });
}

for (const { file, metadata, tensors } of manifest.safetensors) {
  test(`${file} is read exactly`, () => {
    const got = readSafetensors(load(file));
    assert.equal(got.metadata, metadata ?? {});
    assert.equal(Object.keys(got.tensors).sort(), Object.keys(tensors).sort());
    for (const name of Object.keys(tensors)) {
      assert.is(got.tensors[name]!.dtype, tensors[name]!.dtype);
      assertSame(got.tensors[name]!, tensors[name]!);
    }
  });
}

test('the samples of JSON: one is read, and what Python writes for NaN is no JSON', () => {
  const x = tensorFromJson(JSON.parse(readFileSync(new URL('json/f8_2x3.json', folder), 'utf8')), 'float64');
  assert.equal(Array.from(x.data), [1.5, -2.25, 3, 0.1, -0, 0.001]);
  assert.throws(() => JSON.parse(readFileSync(new URL('json/python_nan_invalid.json', folder), 'utf8')), /JSON/);
});

/** What the message of each refusal says. */
const reasons: Readonly<Record<string, RegExp>> = {
  'safetensors/bad/too_short.safetensors': /header must end within the file .*got a file of 3 bytes; it is truncated/,
  'safetensors/bad/header_past_end.safetensors': /header must end within the file/,
  'safetensors/bad/header_huge.safetensors': /at most 100000000 bytes, got 9\d+ in a file of 66 bytes/,
  'safetensors/bad/header_not_utf8.safetensors': /in UTF-8 .*got no UTF-8/,
  'safetensors/bad/header_not_json.safetensors': /must be a JSON object/,
  'safetensors/bad/header_leading_space.safetensors': /must be a JSON object in UTF-8 from its first byte on, got " /,
  'safetensors/bad/header_array.safetensors': /must be a JSON object .*got "\[/,
  'safetensors/bad/overlap.safetensors': /without gap or overlap, got "b" at 0 in place of 16/,
  'safetensors/bad/hole.safetensors': /without gap or overlap, got "b" at 8 in place of 4/,
  'safetensors/bad/starts_late.safetensors': /without gap or overlap, got "a" at 4 in place of 0/,
  'safetensors/bad/trailing.safetensors': /must end where the file ends.*has trailing bytes/,
  'safetensors/bad/truncated.safetensors': /must end where the file ends.*is truncated/,
  'safetensors/bad/size_mismatch.safetensors': /needs \d+ bytes, got data_offsets/,
  'safetensors/bad/end_before_start.safetensors': /got data_offsets \[4, 0\]/,
  'safetensors/bad/shape_overflow.safetensors': /counts below 2\^53/,
  'safetensors/bad/shape_product_overflow.safetensors': /product below 2\^53/,
  'safetensors/bad/shape_negative.safetensors': /counts from 0, got "-4,-1/,
  'safetensors/bad/shape_fraction.safetensors': /counts from 0, got "\.5/,
  'safetensors/bad/dtype_unknown.safetensors': /dtype must be one of BOOL, .*got "Q7"/,
  'safetensors/bad/shape_missing.safetensors': /must have a dtype, a shape and two data_offsets/,
  'safetensors/bad/metadata_not_strings.safetensors': /__metadata__ must map text to text/,
  'safetensors/bad/duplicate_key.safetensors': /a key must occur once, got "a" twice/,
  'npy-bad/magic.npy': /must begin with \\x93NUMPY/,
  'npy-bad/version9.npy': /version must be 1\.0, 2\.0 or 3\.0, got 9\.0/,
  'npy-bad/truncated_data.npy': /needs 24 bytes of data, got 21; the file is truncated/,
  'npy-bad/truncated_header.npy': /header must end within the file, got 40 bytes/,
  'npy-bad/trailing.npy': /the file has trailing bytes/,
  'npy-bad/object.npy': /an object array is a pickle, which is never loaded/,
  'npy-bad/structured.npy': /descr must be .* got "\[\('a', '<f4'\)\]"/,
  'npy-bad/extra_key.npy': /must have the keys descr, fortran_order, shape, each once, got descr, fortran_order, shape, x/,
  'npy-bad/missing_key.npy': /each once, got descr, shape/,
  'npy-bad/negative_shape.npy': /shape must be a tuple of integers from 0, got "\(-/,
  'npy-bad/huge_shape.npy': /product below 2\^53/,
  'npy-bad/code.npy': /must be a Python dict of literals/,
  'npz-bad/truncated.npz': /must end with the record of its directory, got none/,
  'npz-bad/not_zip.npz': /must end with the record of its directory, got none/,
  'npz-bad/bitflip.npz': /checksum must be that of the data|deflated data must give/,
  'npz-bad/bomb_small.npz': /at most maxBytes = 1048576 bytes, got 16777344 and more/,
  'npz-bad/encrypted_flag.npz': /must not be encrypted/,
  'npz-bad/bzip2_method.npz': /stored \(0\) or deflated \(8\), got method 12/,
  'npz-bad/lying_size.npz': /declare|sizes must be those of the data/,
  'npz-bad/duplicate_name.npz': /each name must occur once, got "a.npy" twice/,
};

for (const { file, why } of manifest.bad) {
  test(`${file} is refused: ${why}`, () => {
    const bytes = load(file);
    const read = file.endsWith('.npy') ? readNpy : file.endsWith('.npz') ? readNpz : readSafetensors;
    try {
      read(bytes, { maxBytes: 2 ** 20 });
    } catch (error) {
      const { name, message } = error as Error;
      assert.is(name, 'RangeError', message);
      assert.match(message, reasons[file]!);
      assert.match(message, new RegExp(`^${read.name}: .*, got .*; `), 'the function, the invariant, what came, the likely fix');
      return;
    }
    assert.unreachable('it was read');
  });
}

test.run();
