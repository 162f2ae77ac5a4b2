/** The vectors that a cosine layer compares with its weights: the rows of a matrix, or the patches of an image. */
import type { FloatArray } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { type Shape, showShape, sizeOf } from '../tensor/shape.ts';

/** All vectors of an input, and where each one's elements lie. */
export interface Patches {
  /** How many there are, and how long each is. */
  readonly count: number;
  readonly length: number;
  /** Positions of the elements within the first vector; -1 for padding. Vector p has those of `p % offsets.length`. */
  readonly offsets: readonly Int32Array[];
  /** Where the vectors of one sample begin, that many elements after those of the sample before. */
  readonly stride: number;
  /** The shape of the result for `out` weights, and the place of weight o of vector p in it. */
  readonly shape: (out: number) => Shape;
  readonly place: (p: number, o: number, out: number) => number;
}

/** Rows along the last axis. */
export function rowsOf(shape: Shape): Patches {
  const length = shape[shape.length - 1]!;
  return {
    count: sizeOf(shape) / (length || 1),
    length,
    offsets: [Int32Array.from({ length }, (_, i) => i)],
    stride: length,
    shape: (out) => [...shape.slice(0, -1), out],
    place: (p, o, out) => p * out + o,
  };
}

/** Patches of an image `[N, I, H, W]`, zero-padded, for a kernel `[kh, kw]`. Throws when the kernel does not fit. */
export function patchesOf(caller: string, x: Shape, kernel: Shape, stride: number, padding: number): Patches {
  const [samples, channels, height, width] = x as [number, number, number, number];
  const [kh, kw] = kernel as [number, number];
  const rows = Math.floor((height + 2 * padding - kh) / stride) + 1;
  const columns = Math.floor((width + 2 * padding - kw) / stride) + 1;
  if (rows < 1 || columns < 1) {
    throw new ShapeError(`${caller}: the kernel ${showShape(kernel)} must fit into the padded x, got ${showShape(x)} and padding ${padding}`);
  }
  const offsets: Int32Array[] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const list = new Int32Array(channels * kh * kw);
      for (let i = 0, at = 0; i < channels; i++) {
        for (let a = 0; a < kh; a++) {
          for (let b = 0; b < kw; b++, at++) {
            const h = r * stride - padding + a;
            const w = c * stride - padding + b;
            list[at] = h < 0 || h >= height || w < 0 || w >= width ? -1 : (i * height + h) * width + w;
          }
        }
      }
      offsets.push(list);
    }
  }
  const positions = rows * columns;
  return {
    count: samples * positions,
    length: channels * kh * kw,
    offsets,
    stride: channels * height * width,
    shape: (out) => [samples, out, rows, columns],
    place: (p, o, out) => (Math.floor(p / positions) * out + o) * positions + (p % positions),
  };
}

/** Copies vector p of `x` into `into`; padding is 0. */
export function gather(x: FloatArray, { offsets, stride }: Patches, p: number, into: Float64Array): void {
  const list = offsets[p % offsets.length]!;
  const start = Math.floor(p / offsets.length) * stride;
  for (let i = 0; i < list.length; i++) into[i] = list[i]! < 0 ? 0 : x[start + list[i]!]!;
}

/** Adds `from` to vector p of `x`; what falls on padding is lost. */
export function scatter(x: Float64Array, { offsets, stride }: Patches, p: number, from: Float64Array): void {
  const list = offsets[p % offsets.length]!;
  const start = Math.floor(p / offsets.length) * stride;
  for (let i = 0; i < list.length; i++) if (list[i]! >= 0) x[start + list[i]!]! += from[i]!;
}
