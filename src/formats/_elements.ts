/**
 * Elements of arrays in files: bytes in either order to typed arrays, and the bytes of a tensor. Element types go by
 * their names in NumPy; `bf` is the upper half of a float32, which NumPy does not have.
 */
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The arrays that elements of a file are read into. */
export type StoredData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** An array of a file: a shape, and elements in row-major order in memory of their own. */
export interface StoredArray {
  readonly shape: Shape;
  /**
   * Exactly what the file holds. Booleans are the bytes 0 and 1, 64-bit integers are bigints, 16-bit floats are
   * widened to float32, and a complex number is two elements: its real and its imaginary part.
   */
  readonly data: StoredData;
}

interface Elements {
  new (length: number): StoredData;
  readonly BYTES_PER_ELEMENT: number;
}

/** An element type: the array of its parts, and how many parts an element has. */
export interface ElementType {
  readonly name: string;
  readonly array: Elements;
  readonly parts: number;
}

const arrays: ReadonlyMap<string, Elements> = /* @__PURE__ */ new Map<string, Elements>([
  ['b1', Uint8Array],
  ['u1', Uint8Array],
  ['i1', Int8Array],
  ['u2', Uint16Array],
  ['i2', Int16Array],
  ['u4', Uint32Array],
  ['i4', Int32Array],
  ['u8', BigUint64Array],
  ['i8', BigInt64Array],
  ['f2', Uint16Array],
  ['bf', Uint16Array],
  ['f4', Float32Array],
  ['f8', Float64Array],
  ['c8', Float32Array],
  ['c16', Float64Array],
]);

/** The element type of a name; undefined for one that is not read. */
export function elementType(name: string): ElementType | undefined {
  const array = arrays.get(name);
  return array && { name, array, parts: name[0] === 'c' ? 2 : 1 };
}

/** Bytes of one element. */
export function widthOf({ array, parts }: ElementType): number {
  return array.BYTES_PER_ELEMENT * parts;
}

/** The elements in `bytes`, which are as many as the shape needs; null when a boolean is neither 0 nor 1. */
export function readElements(
  bytes: Uint8Array,
  type: ElementType,
  shape: Shape,
  bigEndian: boolean,
  fortranOrder: boolean,
): StoredData | null {
  const width = type.array.BYTES_PER_ELEMENT;
  const data = new type.array(bytes.length / width);
  const target = new Uint8Array(data.buffer);
  if (fortranOrder) toRowMajor(bytes, target, shape, widthOf(type));
  else target.set(bytes);
  if (bigEndian === isLittleEndian()) swap(target, width);
  if (type.name === 'b1') for (const byte of target) if (byte > 1) return null;
  return type.name === 'f2' || type.name === 'bf' ? widened(data as Uint16Array, type.name) : data;
}

/** The elements of a tensor as little-endian bytes, copied. */
export function bytesOf({ data }: Tensor): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (!isLittleEndian()) swap(bytes, data.BYTES_PER_ELEMENT);
  return bytes;
}

function isLittleEndian(): boolean {
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
}

/** Turns round the bytes of each element. */
function swap(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) {
    for (let left = i, right = i + width - 1; left < right; left++, right--) {
      const held = bytes[left]!;
      bytes[left] = bytes[right]!;
      bytes[right] = held;
    }
  }
}

/** Puts elements of `width` bytes, whose first index runs fastest, into the order where the last one does. */
function toRowMajor(bytes: Uint8Array, out: Uint8Array, shape: Shape, width: number): void {
  const steps: number[] = [];
  let step = width;
  for (const extent of shape) {
    steps.push(step);
    step *= extent;
  }
  const index = shape.map(() => 0);
  for (let from = 0, to = 0; to < out.length; ) {
    for (let i = 0; i < width; i++) out[to++] = bytes[from + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** 16-bit floats as float32, which holds each of them exactly. */
function widened(halves: Uint16Array, name: string): Float32Array {
  const out = new Float32Array(halves.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < out.length; i++) {
    const half = halves[i]!;
    if (name === 'bf') bits[i] = half << 16;
    else {
      // sign, 5 bits of exponent with bias 15, 10 of fraction; float32 has 8 bits with bias 127, and 23
      bits[i] = (half & 0x7fff) << 13;
      if ((half & 0x7c00) === 0x7c00) bits[i]! |= 0x7f800000;
      else out[i]! *= 2 ** 112;
      bits[i]! |= (half & 0x8000) << 16;
    }
  }
  return out;
}
