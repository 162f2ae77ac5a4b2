/** The state that spectral norm and stable rank norm keep: a pair of vectors that follows the largest singular value. */
import { assign } from '../tensor/assign.ts';
import { fromArray } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { powerIteration } from '../tensor/power-iteration.ts';
import { normal, type Random } from '../tensor/random.ts';
import { showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkCount, checkLike } from './_check.ts';
import { matrixOf } from './_matrix.ts';
import { noGrad } from '../autograd/record.ts';

/** Approximations of the singular vectors of the largest singular value, of length 1: `u` `[h]`, `v` `[w]`. */
export interface PowerState {
  readonly u: Tensor;
  readonly v: Tensor;
}

/** The weight as a matrix `[h, w]` in double, rows along `dim`, in memory of its own. */
export function doubleMatrix(caller: string, weight: Tensor, dim: number): { m: Float64Array; h: number; w: number } {
  const matrix = noGrad(() => matrixOf(caller, weight, dim));
  const [h, w] = matrix.shape as [number, number];
  return { m: Float64Array.from(matrix.data), h, w };
}

/** A state for `weight`: random directions, and then `iterations` of the power method. */
export function newPowerState(caller: string, weight: Tensor, dim: number, random: Random, iterations: number, eps: number): PowerState {
  const { m, h, w } = doubleMatrix(caller, weight, dim);
  const unit = (length: number): Float64Array => {
    const vector = normal(random, [length], 0, 1, { dtype: 'float64' }).data as Float64Array;
    const size = Math.sqrt(vector.reduce((total, value) => total + value * value, 0));
    return vector.map((value) => value / size);
  };
  const u = unit(h);
  const v = unit(w);
  if (iterations > 0) powerIteration(m, u, v, iterations, eps);
  return { u: fromArray(u, [h], { dtype: weight.dtype }), v: fromArray(v, [w], { dtype: weight.dtype }) };
}

/** Moves the vectors by some steps of the power method; each is v first, then u. */
export function advance({ u, v }: PowerState, m: Float64Array, iterations: number, eps: number): void {
  const nextU = Float64Array.from(u.data);
  const nextV = Float64Array.from(v.data);
  powerIteration(m, nextU, nextV, iterations, eps);
  assign(u, fromArray(nextU, u.shape));
  assign(v, fromArray(nextV, v.shape));
}

/** Throws unless the state fits the weight's matrix. */
export function checkPowerState(caller: string, state: PowerState | null, weight: Tensor, h: number, w: number): PowerState {
  if (!state) throw new TypeError(`${caller}: mode 'power' needs a state {u, v}, got none; make one, or use mode 'svd'`);
  checkLike(caller, 'u', state.u, [h], weight);
  checkLike(caller, 'v', state.v, [w], weight);
  return state;
}

/** What both norms take. */
export interface PowerOptions {
  /** Steps of the power method in each training call; at least 1. Default 1. */
  nPowerIterations?: number;
  /** The axis of the outputs; negative counts from the back. Default 0. */
  dim?: number;
  /** A length or divisor up to this counts as 0; finite, above 0. Default 1e-12. */
  eps?: number;
  /** Follow the largest singular value by the power method, or take it from a full decomposition. Default `'power'`. */
  mode?: 'power' | 'svd';
}

/** Throws for options out of range. */
export function checkPowerOptions(caller: string, { nPowerIterations = 1, eps = 1e-12, mode = 'power' }: PowerOptions): void {
  checkCount(caller, 'nPowerIterations', nPowerIterations);
  if (!(eps > 0 && eps < Infinity)) throw new RangeError(`${caller}: eps must be finite and above 0, got ${eps}; 1e-12 is usual`);
  if (mode !== 'power' && mode !== 'svd') throw new RangeError(`${caller}: mode must be 'power' or 'svd', got ${String(mode)}`);
}

/** Throws for a weight without axes or without elements. */
export function checkWeight(caller: string, weight: Tensor): void {
  if (weight.shape.length === 0 || weight.data.length === 0) {
    throw new ShapeError(`${caller}: weight must have an axis and elements, got shape ${showShape(weight.shape)}`);
  }
}
