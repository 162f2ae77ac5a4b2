/** Files to tensors: what a module's `loadStateDict` takes. */
import { allocate } from '../tensor/dtype.ts';
import { sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { StoredArray } from './_elements.ts';
import { refuse } from './_file.ts';
import { type NpzOptions, readNpzFor } from './npz.ts';
import { readSafetensorsFor } from './safetensors.ts';

/**
 * An array of a file as a tensor with the very same numbers: float64 for 64-bit floats and for integers of 32 bits and
 * more, float32 for all else.
 *
 * Throws a RangeError for complex numbers, and for an integer beyond 2^53.
 * @example
 * ```ts
 * tensorFromStored(readNpy(writeNpy(tensor([[1, 2]])))); // [[1, 2]]
 * ```
 */
export function tensorFromStored(array: StoredArray): Tensor {
  return tensorFor('tensorFromStored', array);
}

function tensorFor(caller: string, { shape, data }: StoredArray): Tensor {
  const size = shape.includes(0) ? 0 : sizeOf(shape);
  if (data.length !== size) refuse(caller, `a tensor holds real numbers, got ${data.length} parts for ${size} elements; take the real or the imaginary parts`);
  if (data instanceof Float32Array || data instanceof Float64Array) return new Tensor(data, shape);
  const out = allocate(data.BYTES_PER_ELEMENT < 4 ? 'float32' : 'float64', size);
  for (let i = 0; i < size; i++) {
    out[i] = Number(data[i]);
    if (Math.abs(out[i]!) > Number.MAX_SAFE_INTEGER) refuse(caller, `a tensor holds integers up to 2^53, got ${data[i]}; use the array itself`);
  }
  return new Tensor(out, shape);
}

function tensorsFor(caller: string, arrays: Readonly<Record<string, StoredArray>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, tensorFor(`${caller}: ${name}`, array)]));
}

/**
 * The tensors of an .npz file, for `loadStateDict`, under the names they have in the file: `fromPyTorch` renames those of
 * PyTorch. Throws as `readNpz` and `tensorFromStored` do.
 * @example
 * ```ts
 * const layer = new Linear(2, 1, { random: new Random(1) });
 * layer.loadStateDict(stateDictFromNpz(writeNpz({ weight: tensor([[1, 2]]), bias: tensor([3]) })));
 * toArray(layer.weight); // [[1, 2]]
 * ```
 */
export function stateDictFromNpz(bytes: Uint8Array, options: NpzOptions = {}): Record<string, Tensor> {
  return tensorsFor('stateDictFromNpz', readNpzFor('stateDictFromNpz', bytes, options));
}

/**
 * The tensors of a safetensors file, for `loadStateDict`, under the names they have in the file: `fromPyTorch` renames
 * those of PyTorch. Throws as `readSafetensors` and `tensorFromStored` do.
 * @example
 * ```ts
 * const norm = new LayerNorm([2]);
 * norm.loadStateDict(stateDictFromSafetensors(writeSafetensors({ weight: tensor([1, 2]), bias: tensor([3, 4]) })));
 * toArray(norm.bias!); // [3, 4]
 * ```
 */
export function stateDictFromSafetensors(bytes: Uint8Array): Record<string, Tensor> {
  return tensorsFor('stateDictFromSafetensors', readSafetensorsFor('stateDictFromSafetensors', bytes).tensors);
}
