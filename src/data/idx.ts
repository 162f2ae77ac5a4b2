/**
 * The IDX format, in which MNIST and its relatives are published.
 *
 *     0, 0, type, rank             one byte each: the magic number
 *     extent, extent, …            rank of them, 4 bytes each, big-endian
 *     elements                     row-major, big-endian, up to the end of the file
 *
 * Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, section "file formats".
 */
import { showShape, sizeOf } from '../tensor/shape.ts';

/** The arrays that elements of an IDX file are read into. */
export type IdxArray = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** The content of an IDX file. */
export interface Idx {
  readonly shape: readonly number[];
  /** Elements in row-major order; always a copy. */
  readonly data: IdxArray;
}

/**
 * Reads an IDX file of any of its element types: unsigned and signed bytes, 16- and 32-bit integers, 32- and 64-bit
 * floats.
 *
 * Throws a TypeError for anything but a Uint8Array, and a RangeError for bytes that are compressed, are no IDX, end too
 * early or go on too long.
 * @example
 * ```ts
 * readIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 9)).data; // [7, 9]
 * ```
 */
export function readIdx(bytes: Uint8Array): Idx {
  return readIdxFor('readIdx', bytes);
}

/** `readIdx` with the name of the function that an error is reported for. */
export function readIdxFor(caller: string, bytes: Uint8Array): Idx {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`${caller}: the file must be a Uint8Array, got ${typeof bytes}; read it without an encoding`);
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw new RangeError(`${caller}: the bytes must be IDX, got gzip (they begin 1f 8b); decompress them first`);
  }
  const type = elementTypes.find(({ code }) => code === bytes[2]);
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || !type) {
    throw new RangeError(
      `${caller}: the magic number must be 0, 0, an element type (8, 9, 11, 12, 13 or 14) and a rank, got ` +
        `${bytes.length < 4 ? `${bytes.length} bytes` : magicOf(bytes)}; is this an IDX file?`,
    );
  }
  const rank = bytes[3]!;
  const header = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < header) {
    throw new RangeError(
      `${caller}: a header of rank ${rank} has ${header} bytes, got ${bytes.length}; the file is truncated`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.includes(0) ? 0 : sizeOf(shape);
  const wanted = header + size * type.width;
  if (bytes.length !== wanted) {
    throw new RangeError(
      `${caller}: shape ${showShape(shape)} with ${type.width} bytes an element makes ${wanted} bytes, got ${bytes.length}; ` +
        `the file ${bytes.length < wanted ? 'is truncated' : 'has trailing bytes'}`,
    );
  }
  return { shape, data: type.read(view, header, size) };
}

/** The first four bytes as they are usually written: `0x00000803`. */
export function magicOf(bytes: Uint8Array): string {
  const digits = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0'));
  return `0x${digits.join('')}`;
}

interface ElementType {
  readonly code: number;
  /** Bytes of an element. */
  readonly width: number;
  readonly read: (view: DataView, start: number, size: number) => IdxArray;
}

const elementTypes: readonly ElementType[] = [
  {
    code: 0x08,
    width: 1,
    read: (view, start, size) => new Uint8Array(view.buffer, view.byteOffset + start, size).slice(),
  },
  {
    code: 0x09,
    width: 1,
    read: (view, start, size) => new Int8Array(view.buffer, view.byteOffset + start, size).slice(),
  },
  {
    code: 0x0b,
    width: 2,
    read(view, start, size) {
      const data = new Int16Array(size);
      for (let i = 0; i < size; i++) data[i] = view.getInt16(start + 2 * i);
      return data;
    },
  },
  {
    code: 0x0c,
    width: 4,
    read(view, start, size) {
      const data = new Int32Array(size);
      for (let i = 0; i < size; i++) data[i] = view.getInt32(start + 4 * i);
      return data;
    },
  },
  {
    code: 0x0d,
    width: 4,
    read(view, start, size) {
      const data = new Float32Array(size);
      for (let i = 0; i < size; i++) data[i] = view.getFloat32(start + 4 * i);
      return data;
    },
  },
  {
    code: 0x0e,
    width: 8,
    read(view, start, size) {
      const data = new Float64Array(size);
      for (let i = 0; i < size; i++) data[i] = view.getFloat64(start + 8 * i);
      return data;
    },
  },
];
