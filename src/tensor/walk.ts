/**
 * Moving between a shape and a broadcast of it. Both kernels walk the larger array once, row by row of its last axis,
 * and follow in the smaller one with strides of 0 along the stretched axes.
 */
import { allocate, type FloatArray } from './dtype.ts';
import { type Shape, sizeOf, stridesOf } from './shape.ts';

/** Strides in `small`, aligned to the axes of `large`; 0 where `small` is stretched or has no axis. */
function followingStrides(small: Shape, large: Shape): number[] {
  const own = stridesOf(small);
  const missing = large.length - small.length;
  return large.map((_, axis) => (axis < missing || small[axis - missing] === 1 ? 0 : own[axis - missing]!));
}

/** Calls `row(start, at, step)` for each row of the last axis of `large`: where it starts there and in `small`. */
export function walkRows(small: Shape, large: Shape, row: (start: number, at: number, step: number) => void): void {
  const strides = followingStrides(small, large);
  const rank = large.length;
  const length = rank === 0 ? 1 : large[rank - 1]!;
  const step = rank === 0 ? 0 : strides[rank - 1]!;
  const index = new Array<number>(rank).fill(0);
  const size = sizeOf(large);
  let at = 0;
  for (let start = 0; start < size; start += length) {
    row(start, at, step);
    for (let axis = rank - 2; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < large[axis]!) break;
      at -= strides[axis]! * large[axis]!;
      index[axis] = 0;
    }
  }
}

/** The elements of `data`, of shape `from`, repeated to fill the shape `to`. */
export function expand(data: FloatArray, from: Shape, to: Shape): FloatArray {
  const out = data instanceof Float64Array ? new Float64Array(sizeOf(to)) : new Float32Array(sizeOf(to));
  const length = to.length === 0 ? 1 : to[to.length - 1]!;
  walkRows(from, to, (start, at, step) => {
    if (step === 0) out.fill(data[at]!, start, start + length);
    else for (let i = 0; i < length; i++) out[start + i] = data[at + i]!;
  });
  return out;
}

/** The elements of `data`, of shape `from`, summed in double over the axes along which `to` would be repeated. */
export function reduceTo(data: FloatArray, from: Shape, to: Shape): Float64Array {
  const out = new Float64Array(sizeOf(to));
  const length = from.length === 0 ? 1 : from[from.length - 1]!;
  walkRows(to, from, (start, at, step) => {
    if (step === 0) {
      let total = 0;
      for (let i = start; i < start + length; i++) total += data[i]!;
      out[at]! += total;
    } else for (let i = 0; i < length; i++) out[at + i]! += data[start + i]!;
  });
  return out;
}

/** `values` rounded to `dtype`. */
export function rounded(values: Float64Array, dtype: 'float32' | 'float64'): FloatArray {
  if (dtype === 'float64') return values;
  const out = allocate(dtype, values.length);
  out.set(values);
  return out;
}
