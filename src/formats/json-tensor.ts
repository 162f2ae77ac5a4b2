/**
 * Tensors as JSON: `{"shape": [2, 3], "data": [...]}` with the elements in row-major order, or
 * `{"shape": [2, 3], "dtype": "float32", "b64": "..."}` with the little-endian bytes in base 64.
 *
 * Numbers are shortest round-trip decimals; JSON has none for NaN, the infinities and the negative zero, so these are
 * the strings "NaN", "Infinity", "-Infinity" and "-0".
 */
import { allocate, type DType } from '../tensor/dtype.ts';
import { checkShape, type Shape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A number of JSON, or the name of one that JSON cannot write. */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity' | '-0';

/** A tensor as JSON. */
export interface JsonTensor {
  readonly shape: Shape;
  readonly data: readonly JsonNumber[];
}

/** `x` as a JSON value. */
export function tensorToJson(x: Tensor): JsonTensor {
  const data = new Array<JsonNumber>(x.data.length);
  for (let i = 0; i < data.length; i++) data[i] = numberToJson(x.data[i]!);
  return { shape: x.shape, data };
}

/** A number as JSON: its name where JSON has none for it. */
export function numberToJson(value: number): JsonNumber {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : (String(value) as JsonNumber);
}

/** The number of a JSON value; undefined when it is none. */
export function numberFromJson(value: unknown): number | undefined {
  return typeof value === 'number' ? value : named.get(value);
}

const named: ReadonlyMap<unknown, number> = /* @__PURE__ */ new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
]);

/**
 * The tensor of a JSON value, rounded to `dtype`. Throws a TypeError when it is none: no shape, a number of elements
 * that does not fit, something else than a number.
 */
export function tensorFromJson(value: unknown, dtype: DType): Tensor {
  if (typeof value !== 'object' || value === null || !Array.isArray((value as { shape?: unknown }).shape)) {
    throw new TypeError('tensorFromJson: a tensor is {"shape": [...], "data": [...]}, got ' + brief(value));
  }
  const { shape, data, b64, dtype: stored } = value as Record<string, unknown> & { shape: number[] };
  checkShape('tensorFromJson', shape);
  if (typeof b64 === 'string') return fromBytes(decodeBase64(b64), shape, stored, dtype);
  if (!Array.isArray(data) || data.length !== sizeOf(shape)) {
    const came = Array.isArray(data) ? `${data.length} elements` : brief(data);
    throw new TypeError(`tensorFromJson: shape [${shape.join(', ')}] needs a list of ${sizeOf(shape)} elements, got ${came}`);
  }
  const out = allocate(dtype, data.length);
  for (let i = 0; i < out.length; i++) {
    const number = numberFromJson(data[i]);
    if (number === undefined) throw new TypeError(`tensorFromJson: element ${i} is no number, got ${brief(data[i])}`);
    out[i] = number;
  }
  return new Tensor(out, shape.slice());
}

function fromBytes(bytes: Uint8Array, shape: Shape, stored: unknown, dtype: DType): Tensor {
  if (stored !== 'float32' && stored !== 'float64') {
    throw new TypeError(`tensorFromJson: b64 data need a dtype of float32 or float64, got ${brief(stored)}`);
  }
  const width = stored === 'float64' ? 8 : 4;
  if (bytes.length !== width * sizeOf(shape)) {
    throw new TypeError(
      `tensorFromJson: shape [${shape.join(', ')}] of ${stored} needs ${width * sizeOf(shape)} bytes, got ${bytes.length}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < out.length; i++) out[i] = width === 8 ? view.getFloat64(8 * i, true) : view.getFloat32(4 * i, true);
  return new Tensor(out, shape.slice());
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base 64 to bytes; engines without `atob` have to read it too. */
function decodeBase64(text: string): Uint8Array {
  const trimmed = text.replace(/=+$/, '');
  const bytes = new Uint8Array(Math.floor((trimmed.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < trimmed.length; i++) {
    const digit = alphabet.indexOf(trimmed[i]!);
    if (digit < 0) throw new TypeError(`tensorFromJson: b64 has a character outside base 64 at ${i}`);
    held = ((held << 6) | digit) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 0xff;
    }
  }
  return bytes;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
