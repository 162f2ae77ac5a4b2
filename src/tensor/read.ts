/** Getting numbers out of tensors, for people and for programs. */
import type { Nested } from './create.ts';
import { ShapeError } from './errors.ts';
import { showShape, sizeOf } from './shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * The only element of a tensor as a number. Throws a ShapeError when there are more or none.
 * @example
 * ```ts
 * item(sum(tensor([1, 2, 3]))); // 6
 * ```
 */
export function item(x: Tensor): number {
  if (x.data.length !== 1) {
    throw new ShapeError(`item: the tensor must have one element, got shape ${showShape(x.shape)}; reduce it first`);
  }
  return x.data[0]!;
}

/** The elements as arrays nested as deep as the rank; a number for a scalar. */
export function toArray(x: Tensor): Nested {
  const read = (axis: number, offset: number): Nested => {
    if (axis === x.shape.length) return x.data[offset]!;
    const step = sizeOf(x.shape.slice(axis + 1));
    return Array.from({ length: x.shape[axis]! }, (_, i) => read(axis + 1, offset + i * step));
  };
  return read(0, 0);
}

/** How `format` prints. */
export interface FormatOptions {
  /** Significant digits. Default 4. */
  digits?: number;
  /** Longest printed run along an axis; longer ones are cut in the middle. Default 8. */
  limit?: number;
}

/**
 * A tensor as text, aligned in columns, long axes cut in the middle.
 * @example
 * ```ts
 * format(tensor([[1, 2.5], [-3, 4]]));
 * // float32 [2, 2]
 * // [[  1, 2.5],
 * //  [ -3,   4]]
 * ```
 */
export function format(x: Tensor, { digits = 4, limit = 8 }: FormatOptions = {}): string {
  const write = (value: number): string =>
    Object.is(value, -0) ? '-0' : Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : String(value);
  const shown = (extent: number): (number | null)[] => {
    const all = Array.from({ length: extent }, (_, i) => i);
    const half = limit >> 1;
    return extent <= limit ? all : [...all.slice(0, limit - half), null, ...all.slice(extent - half)];
  };
  let width = 0;
  const visit = (axis: number, offset: number, leaf: (text: string) => string): string => {
    if (axis === x.shape.length) return leaf(write(x.data[offset]!));
    const step = sizeOf(x.shape.slice(axis + 1));
    const parts = shown(x.shape[axis]!).map((i) => (i === null ? '…' : visit(axis + 1, offset + i * step, leaf)));
    const last = axis === x.shape.length - 1;
    return `[${parts.join(last ? ', ' : `,\n${' '.repeat(axis + 1)}`)}]`;
  };
  visit(0, 0, (text) => {
    width = Math.max(width, text.length);
    return text;
  });
  return `${x.dtype} ${showShape(x.shape)}\n${visit(0, 0, (text) => text.padStart(width))}`;
}
