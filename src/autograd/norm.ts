import { like } from '../tensor/like.ts';
import { keepAxes, normalizeAxes } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { expand, reduceTo, rounded } from '../tensor/walk.ts';
import { abs } from './abs.ts';
import { add } from './add.ts';
import { amax } from './amax.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { reshape } from './reshape.ts';
import { dropAxes, type ReduceOptions, sum } from './sum.ts';

/** Options of `norm`. */
export interface NormOptions extends ReduceOptions {
  /** 1: sum of the absolute values; 2: Euclidean length; Infinity: largest absolute value. Default 2. */
  ord?: 1 | 2 | typeof Infinity;
}

/**
 * The length of the vectors along `axis`: `y = sqrt(sum of x^2)` for the default `ord` of 2. Squares that would over-
 * or underflow are scaled. The gradient at a zero vector, where there is no derivative, is 0.
 *
 * Throws a RangeError for another `ord` or an axis outside the rank.
 * @example
 * ```ts
 * item(norm(tensor([3, 4]))); // 5
 * ```
 */
export function norm(x: Tensor, { ord = 2, ...options }: NormOptions = {}): Tensor {
  if (ord === 1) return sum(abs(x), options);
  if (ord === Infinity) return amax(abs(x), options);
  if (ord !== 2) throw new RangeError(`norm: ord must be 1, 2 or Infinity, got ${ord}`);
  const axes = normalizeAxes('norm', options.axis, x.shape.length);
  const shape = keepAxes(x.shape, axes);
  const out = new Tensor(rounded(lengths(x, shape), x.dtype), shape);
  const kept = record(normOp, [x], { x, y: out }, out);
  return options.keepDims ? kept : reshape(kept, dropAxes(x.shape, axes));
}

const normOp: Op<{ x: Tensor; y: Tensor }> = {
  name: 'norm',
  pullback(dy, { x, y }) {
    const instead = like(y);
    for (let i = 0; i < y.data.length; i++) instead.data[i] = y.data[i] === 0 ? 1 : 0;
    return [mul(dy, div(x, add(y, instead)))];
  },
};

/** The Euclidean lengths, in double, of the parts of `x` that reduce to one element of `shape`. */
function lengths(x: Tensor, shape: readonly number[]): Float64Array {
  const squares = new Float64Array(x.data.length);
  for (let i = 0; i < squares.length; i++) squares[i] = x.data[i]! * x.data[i]!;
  const total = reduceTo(squares, x.shape, shape);
  let scaled = false;
  for (let k = 0; k < total.length; k++) {
    // Below 2^-960, squares may have lost digits or vanished.
    if (total[k]! < 2 ** -960 || total[k] === Infinity) scaled = true;
    total[k] = Math.sqrt(total[k]!);
  }
  if (scaled && x.dtype === 'float64' && x.data.length > 0) rescale(x, shape, total);
  return total;
}

/** Computes the lengths again, in units of the largest element. */
function rescale(x: Tensor, shape: readonly number[], total: Float64Array): void {
  const most = amax(abs(new Tensor(x.data, x.shape)), { axis: reduced(x.shape, shape), keepDims: true }).data;
  const unit = expand(most, shape, x.shape);
  const squares = new Float64Array(x.data.length);
  for (let i = 0; i < squares.length; i++) {
    const ratio = unit[i] === 0 || unit[i] === Infinity ? 0 : x.data[i]! / unit[i]!;
    squares[i] = ratio * ratio;
  }
  const sums = reduceTo(squares, x.shape, shape);
  for (let k = 0; k < total.length; k++) {
    if (total[k]! < 2 ** -480 || (total[k] === Infinity && most[k] !== Infinity)) total[k] = most[k]! * Math.sqrt(sums[k]!);
  }
}

/** The axes along which `shape` has extent 1 (reducing an axis of extent 1 changes nothing). */
function reduced(from: readonly number[], shape: readonly number[]): number[] {
  return from.flatMap((_, axis) => (shape[axis] === 1 ? [axis] : []));
}
