/**
 * Element types. `float32` is what networks run in; `float64` is what derivatives are checked in. The same code
 * serves both: arithmetic is done in JavaScript numbers (double) and rounded when a result is stored.
 */
export type DType = 'float32' | 'float64';

/** The storage of a tensor. */
export type FloatArray = Float32Array | Float64Array;

/** A new zero-filled array of `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): FloatArray {
  return dtype === 'float64' ? new Float64Array(length) : new Float32Array(length);
}

/** The dtype whose storage `data` is. */
export function dtypeOf(data: FloatArray): DType {
  return data instanceof Float64Array ? 'float64' : 'float32';
}
