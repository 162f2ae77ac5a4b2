/** What every reader and writer of files needs: refusals, text in bytes, sizes of shapes. */
import { type Shape, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Throws the RangeError of a file that is not as it must be. */
export function refuse(caller: string, reason: string): never {
  throw new RangeError(`${caller}: ${reason}`);
}

/** Throws unless `bytes` is a Uint8Array. */
export function checkBytes(caller: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`${caller}: the file must be a Uint8Array, got ${typeof bytes}; read it without an encoding`);
  }
}

/** Throws unless `x` is a tensor. */
export function checkTensor(caller: string, x: unknown): void {
  if (!(x instanceof Tensor)) {
    throw new TypeError(`${caller}: what is written must be a Tensor, got ${typeof x}; use tensor(...)`);
  }
}

/** A DataView of the same bytes, wherever they lie in their buffer. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * The number of elements of a shape that came from a file. Refuses extents that are no counts, and products beyond
 * 2^53 even where another extent is 0, as NumPy does.
 */
export function sizeIn(caller: string, shape: Shape): number {
  let size = 1;
  for (const extent of shape) {
    if (extent) size *= extent;
    if (!Number.isSafeInteger(extent) || extent < 0 || size > Number.MAX_SAFE_INTEGER) {
      refuse(caller, `a shape must be of integers from 0, their product below 2^53, got ${showShape(shape)}; the file is damaged`);
    }
  }
  return shape.includes(0) ? 0 : size;
}

/** UTF-8 to text; null where the bytes are none. Engines without TextDecoder have to read it too. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  let escaped = '';
  for (const byte of bytes) {
    // 37 is the percent sign
    escaped += byte < 128 && byte !== 37 ? String.fromCharCode(byte) : `%${byte < 16 ? 0 : ''}${byte.toString(16)}`;
  }
  try {
    return decodeURIComponent(escaped);
  } catch {
    return null;
  }
}

/** Text to UTF-8; refuses half a surrogate pair, which has no bytes. */
export function encodeUtf8(caller: string, text: string): Uint8Array {
  let escaped = '';
  try {
    escaped = encodeURIComponent(text);
  } catch {
    refuse(caller, `text must be valid Unicode, got ${JSON.stringify(text)}; it has half a surrogate pair`);
  }
  const bytes: number[] = [];
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] === '%') {
      bytes.push(parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(escaped.charCodeAt(i));
  }
  return Uint8Array.from(bytes);
}

/** The beginning of a text, for a message. */
export function brief(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** Parts one after another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
