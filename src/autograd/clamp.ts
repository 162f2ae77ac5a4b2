import { like } from '../tensor/like.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gate } from './gate.ts';
import { type Op, record } from './record.ts';

/** Options of `clamp`. */
export interface ClampOptions {
  /** Lower bound. Default: none. */
  min?: number;
  /** Upper bound. Default: none. */
  max?: number;
}

/**
 * `y = min(max(x, lower), upper)`. The slope is 1 between the bounds and at them, 0 outside.
 *
 * Throws a RangeError when a bound is NaN or the lower one is above the upper one.
 * @example
 * ```ts
 * toArray(clamp(tensor([-2, 0.5, 7]), { min: 0, max: 6 })); // [0, 0.5, 6]
 * ```
 */
export function clamp(x: Tensor, { min = -Infinity, max = Infinity }: ClampOptions = {}): Tensor {
  if (!(min <= max)) throw new RangeError(`clamp: min must be at most max, got min ${min} and max ${max}`);
  // As x is: a float32 x that holds 0.1 is at a bound of 0.1, not above it.
  const low = x.dtype === 'float32' ? Math.fround(min) : min;
  const high = x.dtype === 'float32' ? Math.fround(max) : max;
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) {
    const value = x.data[i]!;
    out.data[i] = value < low ? low : value > high ? high : value;
  }
  return record(clampOp, [x], { x, low, high }, out);
}

const clampOp: Op<{ x: Tensor; low: number; high: number }> = {
  name: 'clamp',
  exact: true,
  pullback(dy, { x, low, high }) {
    const inside = new Float32Array(x.data.length);
    for (let i = 0; i < inside.length; i++) inside[i] = x.data[i]! < low || x.data[i]! > high ? 0 : 1;
    return [gate(dy, inside)];
  },
};
