/**
 * How a generated tensor shrinks: halve or drop along an axis, drop axes of extent 1, offset to 0, exponent to 0,
 * special values to plain ones, blocks of elements to 0, single elements to 0, 1, half.
 */
import type { TensorCase } from './tensor-case.ts';

/** All cases one step smaller, the most promising first. A case that keeps its shape keeps the very same array. */
export function* smallerCases(value: TensorCase): IterableIterator<TensorCase> {
  const { shape } = value;
  for (let axis = 0; axis < shape.length; axis++) {
    for (const keep of fewer(shape[axis]!)) yield value.take(axis, keep);
  }
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) yield value.with({ shape: shape.filter((_, a) => a !== axis) });
  }
  yield* simplerCases(value);
}

/** Which of `extent` indices are left when an axis shrinks: either half, then all but one. */
export function* fewer(extent: number): IterableIterator<readonly number[]> {
  const all = Array.from({ length: extent }, (_, i) => i);
  const half = extent >> 1;
  if (extent > 2) {
    yield all.slice(0, extent - half);
    yield all.slice(half);
  }
  if (extent > 1) for (const dropped of all) yield all.filter((i) => i !== dropped);
}

/** The smaller cases of the same shape. */
export function* simplerCases(value: TensorCase): IterableIterator<TensorCase> {
  const { integers, specials } = value;
  if (value.offset !== 0) yield value.with({ offset: 0 });
  if (value.exponent !== 0) yield value.with({ exponent: 0 });
  for (const place of specials.keys()) yield value.with({ specials: new Map([...specials].filter(([at]) => at !== place)) });
  for (let length = integers.length; length > 1; length = Math.ceil(length / 2)) {
    for (let start = 0; start < integers.length; start += length) {
      const block = integers.slice(start, start + length);
      if (block.some((x) => x !== 0)) yield value.with({ integers: replaced(integers, start, block.map(() => 0)) });
    }
  }
  for (let i = 0; i < integers.length; i++) {
    for (const smaller of smallerIntegers(integers[i]!)) yield value.with({ integers: replaced(integers, i, [smaller]) });
  }
}

/** 0, then 1, then half, then one step towards 0, so that a threshold is reached exactly. Negative numbers try their opposite. */
function smallerIntegers(x: number): number[] {
  if (x === 0) return [];
  const candidates = [0, 1, ...(x < 0 ? [-x] : []), Math.trunc(x / 2), x - Math.sign(x)];
  return [...new Set(candidates)].filter((y) => (y < 0 ? 2 * -y + 1 : 2 * y) < (x < 0 ? 2 * -x + 1 : 2 * x));
}

function replaced(integers: readonly number[], start: number, by: readonly number[]): number[] {
  const out = integers.slice();
  for (let i = 0; i < by.length; i++) out[start + i] = by[i]! + 0;
  return out;
}
