/**
 * Reading and filling a box of a larger tensor. `slice`, `flip` and `pad` are made of these two, and each is the
 * derivative of the other.
 */
import { full } from '../tensor/create.ts';
import { allocate } from '../tensor/dtype.ts';
import { type Shape, sizeOf, stridesOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';

/** Which elements of a tensor of shape `whole` a box is made of: along each axis `start, start + step, …`. */
export interface Box {
  readonly whole: Shape;
  readonly start: readonly number[];
  readonly step: readonly number[];
  readonly shape: Shape;
}

/** `y = the elements of x in the box`; `x` has the shape `whole`, the box must lie within it. */
export function crop(x: Tensor, box: Box): Tensor {
  const out = new Tensor(allocate(x.dtype, sizeOf(box.shape)), box.shape);
  const length = box.shape[box.shape.length - 1] ?? 1;
  walkBox(box, (at, from, step) => {
    for (let i = 0; i < length; i++) out.data[at + i] = x.data[from + i * step]!;
  });
  return record(cropOp, [x], { box }, out);
}

/** `y = value everywhere, but x in the box`; `x` has the shape of the box, and `y` the shape `whole`. */
export function place(x: Tensor, box: Box, value = 0): Tensor {
  const out = full(box.whole, value, { dtype: x.dtype });
  const length = box.shape[box.shape.length - 1] ?? 1;
  walkBox(box, (at, to, step) => {
    for (let i = 0; i < length; i++) out.data[to + i * step] = x.data[at + i]!;
  });
  return record(placeOp, [x], { box }, out);
}

const cropOp: Op<{ box: Box }> = { name: 'crop', exact: true, pullback: (dy, { box }) => [place(dy, box)] };
const placeOp: Op<{ box: Box }> = { name: 'place', exact: true, pullback: (dy, { box }) => [crop(dy, box)] };

/** Calls `row(at, place, step)` for each row of the box: where it starts in the box and in the whole. */
function walkBox({ whole, start, step, shape }: Box, row: (at: number, place: number, step: number) => void): void {
  const rank = shape.length;
  const strides = stridesOf(whole);
  const index = new Array<number>(rank).fill(0);
  const size = sizeOf(shape);
  const length = shape[rank - 1] ?? 1;
  let position = 0;
  for (let axis = 0; axis < rank; axis++) {
    position += start[axis]! * strides[axis]!;
    strides[axis]! *= step[axis]!;
  }
  for (let at = 0; at < size; at += length) {
    row(at, position, strides[rank - 1] ?? 0);
    for (let axis = rank - 2; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** A box that is the whole of `shape` along every axis but one. */
export function boxAlong(whole: Shape, axis: number, start: number, step: number, count: number): Box {
  return {
    whole,
    start: whole.map((_, at) => (at === axis ? start : 0)),
    step: whole.map((_, at) => (at === axis ? step : 1)),
    shape: whole.map((extent, at) => (at === axis ? count : extent)),
  };
}
