/**
 * The safetensors format: tensors by name, with text about them.
 *
 *     length                       8 bytes, little-endian
 *     header                       JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
 *     elements                     of all tensors, without a gap, up to the end of the file
 *
 * Source: the description in huggingface/safetensors, README.md.
 */
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bytesOf, elementType, readElements, type StoredArray, widthOf } from './_elements.ts';
import { brief, checkBytes, checkTensor, decodeUtf8, encodeUtf8, joined, refuse, sizeIn, viewOf } from './_file.ts';

/** A tensor of a safetensors file. */
export interface SafetensorsArray extends StoredArray {
  /** The element type as the file names it: `F32`. */
  readonly dtype: string;
}

/** The content of a safetensors file. */
export interface Safetensors {
  readonly tensors: Record<string, SafetensorsArray>;
  /** The texts of `__metadata__`. */
  readonly metadata: Record<string, string>;
}

/** The types that are read, by the names in NumPy. */
const types: Readonly<Record<string, string>> = {
  BOOL: 'b1',
  U8: 'u1',
  I8: 'i1',
  U16: 'u2',
  I16: 'i2',
  U32: 'u4',
  I32: 'i4',
  U64: 'u8',
  I64: 'i8',
  F16: 'f2',
  BF16: 'bf',
  F32: 'f4',
  F64: 'f8',
  C64: 'c8',
};

/**
 * Reads a safetensors file, exactly: booleans, integers and floats from 8 to 64 bits save those of 8 bits, which are
 * named and refused, and complex numbers.
 *
 * Throws a TypeError for anything but a Uint8Array, and a RangeError, which says why, for bytes that are no such file:
 * a header that is cut, too long, no JSON, with a key twice or a number that is no count; offsets that leave a gap,
 * overlap, or do not fit the shape or the file.
 * @example
 * ```ts
 * const { tensors, metadata } = readSafetensors(writeSafetensors({ x: tensor([1, 2]) }, { from: 'a test' }));
 * tensors.x!.dtype; // 'F32'
 * tensors.x!.data; // [1, 2]
 * metadata; // { from: 'a test' }
 * ```
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  return readSafetensorsFor('readSafetensors', bytes);
}

/** `readSafetensors` with the name of the function that an error is reported for. */
export function readSafetensorsFor(caller: string, bytes: Uint8Array): Safetensors {
  checkBytes(caller, bytes);
  const length = bytes.length < 8 ? Infinity : Number(viewOf(bytes).getBigUint64(0, true));
  const start = 8 + length;
  if (length > 100_000_000 || start > bytes.length) {
    refuse(caller, `a header must end within the file and have at most 100000000 bytes, got ${bytes.length < 8 ? '' : `${length} in `}a file of ${bytes.length} bytes; it is truncated or no safetensors`);
  }
  const header = parseHeader(caller, bytes.subarray(8, start));
  const metadata = header.get('__metadata__') ?? {};
  header.delete('__metadata__');
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    refuse(caller, `__metadata__ must map text to text, got ${brief(JSON.stringify(metadata))}; write its values as text`);
  }
  const found = [...header].map(([name, value]) => ({ name, ...entryOf(`${caller}: ${name}`, value) }));
  let at = 0;
  for (const { name, begin, end } of found.slice().sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) refuse(caller, `tensors must follow one another without gap or overlap, got ${brief(name)} at ${begin} in place of ${at}; the file is damaged`);
    at = end;
  }
  if (start + at !== bytes.length) {
    const what = start + at > bytes.length ? 'is truncated' : 'has trailing bytes';
    refuse(caller, `tensors must end where the file ends, got ${at} bytes of tensors and ${bytes.length - start} of data; the file ${what}`);
  }
  const tensors = found.map(({ name, dtype, type, shape, begin, end }) => {
    const data = readElements(bytes.subarray(start + begin, start + end), type, shape, false, false);
    if (!data) refuse(caller, `a boolean must be 0 or 1, got another byte in ${brief(name)}; the file is damaged`);
    return [name, { dtype, shape, data }] as const;
  });
  // makes a property of any name, __proto__ too
  return { tensors: Object.fromEntries(tensors), metadata: metadata as Record<string, string> };
}

/** The header's entries in the order of the file. */
function parseHeader(caller: string, bytes: Uint8Array): Map<string, unknown> {
  const text = decodeUtf8(bytes);
  let header: unknown;
  try {
    header = text?.[0] === '{' && JSON.parse(text);
  } catch {
    header = false;
  }
  if (!header || text === null) {
    refuse(caller, `the header must be a JSON object in UTF-8 from its first byte on, got ${text === null ? 'no UTF-8' : brief(text)}; the file is damaged`);
  }
  return new Map(checkedKeys(caller, text).map((name) => [name, (header as Record<string, unknown>)[name]]));
}

/**
 * The keys of the outermost object in their order. `text` is valid JSON; refuses what JSON.parse does not see: a key
 * that occurs twice in an object, and numbers that are written as no count.
 */
function checkedKeys(caller: string, text: string): string[] {
  const open: Set<string>[] = [];
  const outermost = new Set<string>();
  for (let i = 0; i < text.length; i++) {
    const start = i;
    if (text[i] === '{') open.push(open.length ? new Set() : outermost);
    else if (text[i] === '}') open.pop();
    else if (text[i] === '"') {
      while (text[++i] !== '"') if (text[i] === '\\') i++;
      let next = i + 1;
      while (text.charCodeAt(next) <= 32) next++;
      if (text[next] !== ':') continue;
      const keys = open[open.length - 1]!;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      if (keys.has(key)) refuse(caller, `a key must occur once, got ${brief(key)} twice; which one is meant?`);
      encodeUtf8(caller, key);
      keys.add(key);
    } else if (!/[\s\d:,[\]]/.test(text[i]!)) {
      refuse(caller, `the header must be of objects, lists, texts and counts from 0, got ${brief(text.slice(i))}; the file is damaged`);
    }
  }
  return [...outermost];
}

function entryOf(caller: string, value: unknown): Pick<SafetensorsArray, 'dtype' | 'shape'> & {
  type: NonNullable<ReturnType<typeof elementType>>;
  begin: number;
  end: number;
} {
  const { dtype, shape, data_offsets: offsets } = (isRecord(value) ? value : {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    refuse(caller, `a tensor must have a dtype, a shape and two data_offsets, counts below 2^53, got ${brief(JSON.stringify(value))}; the file is damaged`);
  }
  const type = Object.prototype.hasOwnProperty.call(types, dtype) ? elementType(types[dtype]!) : undefined;
  if (!type) refuse(caller, `dtype must be one of ${Object.keys(types).join(', ')}, got ${brief(dtype)}; convert the tensor`);
  const [begin, end] = offsets as [number, number];
  const wanted = sizeIn(caller, shape) * widthOf(type);
  if (end - begin !== wanted) {
    refuse(caller, `shape ${showShape(shape)} of ${dtype} needs ${wanted} bytes, got data_offsets ${showShape(offsets)}; the file is damaged`);
  }
  return { dtype, shape, type, begin, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}

/**
 * Writes tensors as a safetensors file: float64 before float32 and then by name, so that all are aligned, with the
 * header padded to 8 bytes. Equal tensors make equal bytes.
 *
 * Throws a TypeError for metadata that are no text, and a RangeError for a name that is not Unicode or is `__metadata__`.
 * @example
 * ```ts
 * const bytes = writeSafetensors({ bias: tensor([0.5]), weight: tensor([1, 2]) });
 * Object.keys(readSafetensors(bytes).tensors); // ['bias', 'weight']
 * ```
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const caller = 'writeSafetensors';
  const entries: string[] = [];
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') throw new TypeError(`${caller}: metadata must be text, got ${typeof value} for ${name}; use String(...)`);
    entries.push(`${quoted(caller, name)}:${quoted(caller, value)}`);
  }
  const heads = entries.length ? [`"__metadata__":{${entries.join()}}`] : [];
  const list = Object.entries(tensors);
  for (const [name, x] of list) {
    checkTensor(`${caller}: ${name}`, x);
    sizeIn(caller, x.shape);
    if (name === '__metadata__') refuse(caller, 'the name __metadata__ is taken by the format, got it for a tensor; rename the tensor');
  }
  const width = (x: Tensor): number => x.data.BYTES_PER_ELEMENT;
  list.sort(([a, x], [b, y]) => width(y) - width(x) || (a < b ? -1 : 1));
  let at = 0;
  for (const [name, x] of list) {
    const end = at + x.data.byteLength;
    heads.push(`${quoted(caller, name)}:{"dtype":"F${8 * width(x)}","shape":[${x.shape}],"data_offsets":[${at},${end}]}`);
    at = end;
  }
  let header = encodeUtf8(caller, `{${heads.join()}}`);
  header = joined([header, new Uint8Array(-header.length & 7).fill(32)]);
  const length = new Uint8Array(8);
  viewOf(length).setUint32(0, header.length, true);
  return joined([length, header, ...list.map(([, x]) => bytesOf(x))]);
}

/** A text as JSON; refuses half a surrogate pair, which JSON can escape but UTF-8 cannot hold. */
function quoted(caller: string, text: string): string {
  encodeUtf8(caller, text);
  return JSON.stringify(text);
}
