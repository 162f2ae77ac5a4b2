/**
 * The .npz format: NumPy arrays by name, each an .npy file in a ZIP archive.
 * Source: numpy.savez in NumPy's reference.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { brief, checkBytes, refuse } from './_file.ts';
import { readZip, writeZip } from './_zip.ts';
import { type NpyArray, readNpyFor, writeNpyFor } from './npy.ts';

/** Options of `readNpz`. */
export interface NpzOptions {
  /**
   * Most bytes that all members may have together, uncompressed; a small file can hold a thousand times its size. Checked
   * before anything is decompressed. Default 2^30, a gibibyte.
   */
  maxBytes?: number;
}

/**
 * Reads the arrays of an .npz file, stored or deflated, by their names.
 *
 * Throws a TypeError for anything but a Uint8Array, and a RangeError, which says why, for bytes that are no such file:
 * one that is cut, encrypted, has a name twice, a size that lies or a checksum that does not fit, or holds more than
 * `maxBytes`; and for a member that `readNpy` refuses.
 * @example
 * ```ts
 * const bytes = writeNpz({ weight: tensor([1, 2]), bias: tensor([0.5]) });
 * const { weight, bias } = readNpz(bytes);
 * weight!.data; // [1, 2]
 * bias!.shape; // [1]
 * readNpz(bytes, { maxBytes: 100 }); // throws RangeError: at most maxBytes = 100 bytes
 * ```
 */
export function readNpz(bytes: Uint8Array, options: NpzOptions = {}): Record<string, NpyArray> {
  return readNpzFor('readNpz', bytes, options);
}

/** `readNpz` with the name of the function that an error is reported for. */
export function readNpzFor(caller: string, bytes: Uint8Array, { maxBytes = 2 ** 30 }: NpzOptions): Record<string, NpyArray> {
  checkBytes(caller, bytes);
  if (!(maxBytes >= 0)) refuse(caller, `maxBytes must be a number from 0, got ${maxBytes}; it counts bytes`);
  const arrays = [...readZip(caller, bytes, maxBytes)].map(([name, member]) => {
    if (!name.endsWith('.npy')) refuse(caller, `every member must be an .npy file, got ${brief(name)}; is this an .npz file?`);
    return [name.slice(0, -4), readNpyFor(`${caller}: ${name}`, member)] as const;
  });
  // makes a property of any name, __proto__ too
  return Object.fromEntries(arrays);
}

/**
 * Writes tensors as an .npz file, stored as `numpy.savez` does. Equal tensors make equal bytes: no date is written.
 *
 * Throws a RangeError for a name that is not Unicode, and for 4 GiB and more.
 * @example
 * ```ts
 * const bytes = writeNpz({ x: tensor([[1, 2, 3]]) });
 * Object.keys(readNpz(bytes)); // ['x']
 * ```
 */
export function writeNpz(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  return writeZip(
    'writeNpz',
    Object.entries(tensors).map(([name, x]) => [`${name}.npy`, writeNpyFor(`writeNpz: ${name}`, x)]),
  );
}
