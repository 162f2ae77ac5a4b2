/**
 * The .npy format: one NumPy array in a file.
 *
 *     \x93NUMPY, major, minor      8 bytes
 *     length                       2 bytes in version 1, 4 in versions 2 and 3, little-endian
 *     header                       a Python dict of descr, fortran_order and shape, padded with spaces
 *     elements                     up to the end of the file
 *
 * Source: numpy.lib.format in NumPy's reference.
 */
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bytesOf, elementType, readElements, type StoredArray, widthOf } from './_elements.ts';
import { brief, checkBytes, checkTensor, joined, refuse, sizeIn, viewOf } from './_file.ts';

/** The content of an .npy file. */
export interface NpyArray extends StoredArray {
  /** The element type as the file names it: `<f4`. */
  readonly descr: string;
  /** Whether the file has the first index running fastest; `data` is in row-major order all the same. */
  readonly fortranOrder: boolean;
}

/**
 * Reads an .npy file, exactly: booleans, integers and floats up to 64 bits, complex numbers, in either byte order and
 * either order of axes, of versions 1 to 3.
 *
 * Throws a TypeError for anything but a Uint8Array, and a RangeError, which says why, for bytes that are no such file:
 * object arrays, which are pickles, are never loaded, and nothing may be missing or left over.
 * @example
 * ```ts
 * const { descr, shape, data } = readNpy(writeNpy(tensor([[1, 2], [3, 4]])));
 * descr; // '<f4'
 * shape; // [2, 2]
 * data; // [1, 2, 3, 4]
 * ```
 */
export function readNpy(bytes: Uint8Array): NpyArray {
  return readNpyFor('readNpy', bytes);
}

/** `readNpy` with the name of the function that an error is reported for. */
export function readNpyFor(caller: string, bytes: Uint8Array): NpyArray {
  checkBytes(caller, bytes);
  if (!magic.every((byte, i) => byte === bytes[i])) {
    refuse(caller, `the file must begin with \\x93NUMPY, got ${brief(latin1(bytes.subarray(0, 6)))}; is this an .npy file?`);
  }
  const [major, minor] = [bytes[6], bytes[7]];
  if (!(major! >= 1 && major! <= 3) || minor !== 0) {
    refuse(caller, `the version must be 1.0, 2.0 or 3.0, got ${major}.${minor}; save it again with numpy.save`);
  }
  const view = viewOf(bytes);
  const start = major === 1 ? 10 : 12;
  const end = bytes.length < start ? Infinity : start + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length) refuse(caller, `the header must end within the file, got ${bytes.length} bytes; it is truncated`);
  const { descr, fortranOrder, shape } = parseHeader(caller, latin1(bytes.subarray(start, end)));
  const [, order, name] = /^([<>|])([biufc]\d+)$/.exec(descr) ?? [];
  const type = elementType(name ?? '');
  if (!type || (order === '|' && widthOf(type) > 1)) {
    const fix = /O/.test(descr) ? 'an object array is a pickle, which is never loaded; save numbers' : 'convert it with astype';
    refuse(caller, `descr must be a boolean, integer, float or complex type of at most 64 bits a number, got ${brief(descr)}; ${fix}`);
  }
  const wanted = sizeIn(caller, shape) * widthOf(type);
  if (bytes.length - end !== wanted) {
    const what = bytes.length - end < wanted ? 'is truncated' : 'has trailing bytes';
    refuse(caller, `shape ${showShape(shape)} of ${descr} needs ${wanted} bytes of data, got ${bytes.length - end}; the file ${what}`);
  }
  const data = readElements(bytes.subarray(end), type, shape, order === '>', fortranOrder);
  if (!data) refuse(caller, 'a boolean must be 0 or 1, got another byte; the file is damaged');
  return { descr, fortranOrder, shape, data };
}

/**
 * Writes a tensor as an .npy file of version 1.0, byte for byte what `numpy.save` writes.
 *
 * Throws a RangeError for more than 64 axes, which NumPy cannot read.
 * @example
 * ```ts
 * const bytes = writeNpy(tensor([1, 2, 3]));
 * bytes.length; // 140
 * readNpy(bytes).shape; // [3]
 * ```
 */
export function writeNpy(x: Tensor): Uint8Array {
  return writeNpyFor('writeNpy', x);
}

/** `writeNpy` with the name of the function that an error is reported for. */
export function writeNpyFor(caller: string, x: Tensor): Uint8Array {
  checkTensor(caller, x);
  const { shape, data } = x;
  sizeIn(caller, shape);
  if (shape.length > 64) refuse(caller, `an array of NumPy has at most 64 axes, got ${shape.length}; reshape it`);
  let header = `{'descr': '<f${data.BYTES_PER_ELEMENT}', 'fortran_order': False, 'shape': (${shape.join(', ')}${
    shape.length === 1 ? ',' : ''
  }), }`;
  // NumPy leaves room for the first extent to grow to 21 digits, and pads to 64 bytes, by 64 where there is nothing to pad.
  if (shape.length > 0) header += ' '.repeat(21 - String(shape[0]).length);
  header += ' '.repeat(64 - ((11 + header.length) % 64)) + '\n';
  const head = Uint8Array.of(...magic, 1, 0, header.length & 255, header.length >> 8);
  return joined([head, Uint8Array.from(header, (letter) => letter.charCodeAt(0)), bytesOf(x)]);
}

const magic: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The dict of a header: exactly its three keys, each with a literal of its kind. Python reads more; NumPy writes this. */
function parseHeader(caller: string, header: string): { descr: string; fortranOrder: boolean; shape: number[] } {
  const inner = /^\s*\{([^]*)\}\s*$/.exec(header)?.[1];
  const values: string[] = [];
  const keys: string[] = [];
  const entry = /\s*(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|\([^()]*\)|\[[^]*\]|\w+)\s*(?:,\s*|$)/y;
  for (let at = 0; inner === undefined || at < inner.trimEnd().length; at = entry.lastIndex) {
    const found = inner !== undefined && entry.exec(inner);
    if (!found) refuse(caller, `the header must be a Python dict of literals, got ${brief(header)}; save it again with numpy.save`);
    keys.push(found[2]!);
    values[expected.indexOf(found[2]!)] = found[3]!;
  }
  if (keys.sort().join() !== expected.join()) {
    refuse(caller, `the header must have the keys ${expected.join(', ')}, each once, got ${keys.join(', ')}; save it again with numpy.save`);
  }
  const [descr, order, extents] = values as [string, string, string];
  if (order !== 'True' && order !== 'False') {
    refuse(caller, `fortran_order must be True or False, got ${brief(order)}; save it again with numpy.save`);
  }
  // Python 2 wrote long integers: (2L, 3L)
  if (!/^\((?:\s*|(?:\s*\d+L?\s*,)+\s*(?:\d+L?\s*)?)\)$/.test(extents)) {
    refuse(caller, `shape must be a tuple of integers from 0, got ${brief(extents)}; save it again with numpy.save`);
  }
  const shape = (extents.match(/\d+/g) ?? []).map(Number);
  return { descr: /^['"]/.test(descr) ? descr.slice(1, -1) : descr, fortranOrder: order === 'True', shape };
}

const expected: readonly string[] = ['descr', 'fortran_order', 'shape'];
