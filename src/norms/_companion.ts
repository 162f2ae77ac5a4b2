/**
 * What stands behind online norm: it normalizes with statistics of the past, so that a jump of the input comes through
 * as a large value, and its companion bounds that.
 *
 *     clamp:         z = min(max(u, -clampValue), clampValue)                  slope 1 at the bounds themselves
 *     layerScaling:  z = u / sqrt(mean(u^2) + lsEps)                           of each sample, or block of its channels
 *     none:          z = u
 */
import { add } from '../autograd/add.ts';
import { clamp } from '../autograd/clamp.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { reshape } from '../autograd/reshape.ts';
import { rsqrt } from '../autograd/rsqrt.ts';
import { square } from '../autograd/square.ts';
import type { FloatArray } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkCount, checkEps } from './_check.ts';

/** Options of the companion. */
export interface CompanionOptions {
  /** What bounds the result: clamping, division by its root mean square, or nothing. Default `'clamp'`. */
  ecm?: 'clamp' | 'layerScaling' | 'none';
  /** With `'clamp'`: the largest magnitude of the result; finite, above 0. Default 5. */
  clampValue?: number;
  /** With `'layerScaling'`: added to the mean square, under the root; finite, at least 0. Default 1e-5. */
  lsEps?: number;
  /** With `'layerScaling'`: neighbouring channels that are divided by one root; null: all. Default null. */
  lsGroupSize?: number | null;
}

/** A checked companion. */
export interface Companion {
  readonly ecm: 'clamp' | 'layerScaling' | 'none';
  readonly clampValue: number;
  readonly lsEps: number;
  /** Neighbouring elements that are divided by one root. */
  readonly length: number;
}

/** The companion for samples of `channels` with `positions` each. Throws a RangeError or ShapeError for bad options. */
export function checkCompanion(
  caller: string,
  { ecm = 'clamp', clampValue = 5, lsEps = 1e-5, lsGroupSize = null }: CompanionOptions,
  channels: number,
  positions: number = 1,
): Companion {
  if (ecm !== 'clamp' && ecm !== 'layerScaling' && ecm !== 'none') {
    throw new RangeError(`${caller}: ecm must be 'clamp', 'layerScaling' or 'none', got ${ecm}`);
  }
  if (!(typeof clampValue === 'number' && clampValue > 0 && clampValue < Infinity)) {
    throw new RangeError(`${caller}: clampValue must be finite and above 0, got ${clampValue}; use ecm 'none' for no bound`);
  }
  checkEps(caller, lsEps, 'lsEps');
  if (lsGroupSize !== null) {
    checkCount(caller, 'lsGroupSize', lsGroupSize);
    if (channels % lsGroupSize !== 0) {
      throw new ShapeError(`${caller}: lsGroupSize must divide the number of channels, got ${lsGroupSize} for ${channels}`);
    }
  }
  return { ecm, clampValue, lsEps, length: (lsGroupSize ?? channels) * positions };
}

/** The companion composed from primitives. */
export function compensateDefinition(u: Tensor, { ecm, clampValue, lsEps, length }: Companion): Tensor {
  if (ecm === 'none') return u;
  if (ecm === 'clamp') return clamp(u, { min: -clampValue, max: clampValue });
  const blocks = reshape(u, [u.data.length / length, length]);
  const q = mean(square(blocks), { axis: 1, keepDims: true });
  return reshape(mul(blocks, rsqrt(add(q, lsEps))), u.shape);
}

/** Writes z over u, and returns it. */
export function compensate(u: Tensor, companion: Companion): Tensor {
  const { data } = u;
  if (companion.ecm === 'clamp') {
    const bound = boundOf(data, companion);
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      if (value > bound) data[i] = bound;
      else if (value < -bound) data[i] = -bound;
    }
  } else if (companion.ecm === 'layerScaling') {
    for (let start = 0; start < data.length; start += companion.length) {
      const end = start + companion.length;
      const r = scaleOf(data, start, end, companion.lsEps);
      for (let i = start; i < end; i++) data[i]! *= r;
    }
  }
  return u;
}

/** Writes the gradient of u over u, and returns it: `dz (|u| <= bound)`, or `(dz - z mean(dz z)) / r` with `z = u / r`. */
export function compensateBackward(dz: Tensor, u: Tensor, companion: Companion): Tensor {
  const { data } = u;
  const g = dz.data;
  if (companion.ecm === 'clamp') {
    const bound = boundOf(data, companion);
    for (let i = 0; i < data.length; i++) data[i] = data[i]! > bound || data[i]! < -bound ? 0 : g[i]!;
    return u;
  }
  const { length, lsEps } = companion;
  for (let start = 0; start < data.length; start += length) {
    const end = start + length;
    const r = scaleOf(data, start, end, lsEps);
    let along = 0;
    for (let i = start; i < end; i++) along += g[i]! * (data[i]! * r);
    along /= length;
    for (let i = start; i < end; i++) data[i] = (g[i]! - data[i]! * r * along) * r;
  }
  return u;
}

/** The bound as an element of this dtype: a float32 u that holds 0.1 is at a bound of 0.1, not above it. */
function boundOf(data: FloatArray, { clampValue }: Companion): number {
  return data instanceof Float32Array ? Math.fround(clampValue) : clampValue;
}

/** `1 / sqrt(mean(u^2) + lsEps)` of a block. */
function scaleOf(u: FloatArray, start: number, end: number, lsEps: number): number {
  let squares = 0;
  for (let i = start; i < end; i++) squares += u[i]! * u[i]!;
  return 1 / Math.sqrt(squares / (end - start) + lsEps);
}
