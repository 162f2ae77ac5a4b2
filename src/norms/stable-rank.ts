/**
 * Stable Rank Normalization.
 * A. Sanyal, P. H. S. Torr, P. K. Dokania, Stable Rank Normalization for Improved Generalization in Neural Networks and
 * GANs, ICLR 2020, arXiv 1906.04659.
 *
 *     M        = weight as a matrix, one row for each index of `dim`; sigma its largest singular value, with u, v
 *     srank(M) = |M|_F^2 / sigma^2                    between 1 and the rank
 *     E = u v^T,  R = M - sigma E,  f = |R|_F,  N = R / f,  t = sqrt(r - 1)      r: the stable rank asked for
 *     result   = E + t N         where srank(M) is above r, else M / sigma        (spectral, the default)
 *
 * Without `spectral` it is the nearest matrix of stable rank r that keeps the `k` largest singular values: sigma E + t
 * sigma N for `k: 1`, and h (E + t N) with h = (sigma + t f) / r for `k: 0`. With `spectral` these are the same.
 *
 * mode 'power', the published procedure, takes sigma, u and v from the power method as spectral norm does, and u and v
 * for constants in the derivative. mode 'svd' is the exact projection with its true derivative, for any k. The two
 * gradients differ also when u and v have converged, unlike in spectral norm.
 *
 * A matrix with one row or column, and `rankRatio` 1, ask for nothing: the result is that of spectral norm.
 */
import { add } from '../autograd/add.ts';
import { div } from '../autograd/div.ts';
import { lowRank } from '../autograd/low-rank.ts';
import { maxSingularValue } from '../autograd/max-singular-value.ts';
import { mul } from '../autograd/mul.ts';
import { noGrad, type Op, record } from '../autograd/record.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { square } from '../autograd/square.ts';
import { sub } from '../autograd/sub.ts';
import { sum } from '../autograd/sum.ts';
import { Module } from '../nn/module.ts';
import { fromArray } from '../tensor/create.ts';
import { Random } from '../tensor/random.ts';
import { item } from '../tensor/read.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { matrixOf, weightOf } from './_matrix.ts';
import {
  advance,
  checkPowerOptions,
  checkPowerState,
  checkWeight,
  doubleMatrix,
  newPowerState,
  type PowerOptions,
  type PowerState,
} from './_power.ts';
import { project, projectBackward, type Projection, type Target } from './_stable-rank.ts';

/** Options of `stableRankNorm`. */
export interface StableRankNormOptions extends PowerOptions {
  /** The stable rank asked for, at least 1. Give this or `rankRatio`. */
  rank?: number | null;
  /** The stable rank as a part of the smaller side of the matrix, in (0, 1]; at least 1 is asked for. */
  rankRatio?: number | null;
  /** How many of the largest singular values are kept as they are; in mode 'power' 0 or 1. Default 1. */
  k?: number;
  /** Divide the result by its largest singular value. Default true. */
  spectral?: boolean;
  /** Move the vectors before they are used. Default true. */
  training?: boolean;
}

/** `stableRankNorm` composed from primitives: what the fused form must equal, and what higher derivatives are taken of. */
export function stableRankNormDefinition(weight: Tensor, state: PowerState | null = null, options: StableRankNormOptions = {}): Tensor {
  const { dim, eps, exact, m, h, w, target } = check('stableRankNormDefinition', weight, state, options);
  const M = matrixOf('stableRankNormDefinition', weight, dim);
  if (!exact && (options.training ?? true)) advance(state!, m, options.nPowerIterations ?? 1, eps);
  const vectors = exact ? null : { u: Float64Array.from(state!.u.data), v: Float64Array.from(state!.v.data) };
  const found = project(Float64Array.from(M.data), h, w, vectors, target, eps);
  return weightOf(projected(M, found, target, eps), weight.shape, dim);
}

/** The result as a matrix, by the branch that `found` took. */
function projected(M: Tensor, found: Projection, { r, spectral }: Target, eps: number): Tensor {
  const { kept, branch, exact } = found;
  const constant = fromArray(found.E, M.shape, { dtype: M.dtype });
  const sigma = exact ? maxSingularValue(M) : sum(mul(M, constant));
  if (branch === 'zero') return spectral ? div(M, eps) : add(M, 0);
  if (branch === 'inactive') return spectral ? div(M, sigma) : add(M, 0);
  const S = exact ? lowRank(M, Math.max(1, kept)) : mul(sigma, constant);
  const E = exact ? div(kept > 1 ? lowRank(M, 1) : S, sigma) : constant;
  const R = sub(M, S);
  const f = sqrt(sum(square(R)));
  const N = div(R, f);
  const t = Math.sqrt(r - 1);
  const sign = item(sigma) < 0 ? -1 : 1;
  const size = mul(sign, sigma);
  if (kept > 1) {
    const tau = sqrt(sub(mul(r, square(sigma)), sum(square(S))));
    const result = add(S, mul(tau, N));
    return spectral ? div(result, sigma) : result;
  }
  if (spectral) return add(E, mul(sign * t, N));
  if (kept === 1) return add(S, mul(mul(t, size), N));
  const height = div(add(size, mul(t, f)), r);
  return mul(height, add(mul(sign, E), mul(t, N)));
}

/**
 * The weight brought to the stable rank asked for, and divided by its largest singular value unless `spectral` is false.
 *
 * `weight`: any rank from 1; `state`: `u` `[h]` and `v` `[w]` for mode 'power', moved by a training call; null for mode
 * 'svd'. Exactly one of `rank` and `rankRatio` is given. Throws a ShapeError when the state does not fit, a TypeError
 * when it is missing, and a RangeError for options out of range. Source: arXiv 1906.04659.
 * @example
 * ```ts
 * const weight = tensor([[2, 0, 0], [0, 1.2, 0], [0, 0, 1]], { dtype: 'float64' });
 * const exact = { mode: 'svd', rank: 1.4, spectral: false } as const;
 * const kept = stableRankNorm(weight, null, exact).data;
 * [kept[0], kept[4], kept[8]]; // [2, 0.971732, 0.809776]
 * ```
 */
export function stableRankNorm(weight: Tensor, state: PowerState | null = null, options: StableRankNormOptions = {}): Tensor {
  const { dim, eps, exact, m, h, w, target } = check('stableRankNorm', weight, state, options);
  if (!exact && (options.training ?? true)) advance(state!, m, options.nPowerIterations ?? 1, eps);
  // copies: another forward may move the vectors before this one goes backward
  const vectors = exact ? null : { u: Float64Array.from(state!.u.data), v: Float64Array.from(state!.v.data) };
  const found = project(m, h, w, vectors, target, eps);
  const result = noGrad(() => weightOf(new Tensor(rounded(found.result, weight.dtype), [h, w]), weight.shape, dim));
  const inputs = [weight] as const;
  const y = new Tensor(result.data, weight.shape, false, result.storage);
  return record(stableRankNormOp, inputs, { inputs, m, found, target, dim, eps }, y);
}

interface Saved {
  readonly inputs: readonly [Tensor];
  readonly m: Float64Array;
  readonly found: Projection;
  readonly target: Target;
  readonly dim: number;
  readonly eps: number;
}

const stableRankNormOp: Op<Saved> = {
  name: 'stableRankNorm',
  pullback(dy, { inputs: [weight], m, found, target, dim, eps }) {
    const { m: g, h, w } = doubleMatrix('stableRankNorm', dy, dim);
    const dM = projectBackward(g, m, found, target, eps);
    const dWeight = noGrad(() => weightOf(new Tensor(rounded(dM, weight.dtype), [h, w]), weight.shape, dim));
    return [new Tensor(dWeight.data, weight.shape)];
  },
  definition: ([weight], { found, target, dim, eps }) => {
    const M = matrixOf('stableRankNorm', weight!, dim);
    return weightOf(projected(M, found, target, eps), weight!.shape, dim);
  },
};

/** Options of the class. */
export interface StableRankNormModuleOptions extends Omit<StableRankNormOptions, 'training'> {
  /** Steps of the power method when the module is put into a layer. Default 15. */
  warmupIterations?: number;
  /** Where the first vectors come from. Default: `new Random(0)`. */
  random?: Random;
}

/**
 * Stable rank normalization of a layer's weight, to be put into the layer by `parametrize`. Each training forward of the
 * layer moves the vectors; evaluation leaves them.
 * @example
 * ```ts
 * const norm = new StableRankNorm({ rankRatio: 0.4, warmupIterations: 60 });
 * const weight = parametrize(new Linear(6, 4, { random: new Random(1) }), norm).eval().weight;
 * Math.abs(weight.data.reduce((total, w) => total + w * w, 0) - 1.6) < 1e-4; // true
 * ```
 */
export class StableRankNorm extends Module {
  readonly options: Readonly<StableRankNormModuleOptions>;
  /** null in mode 'svd', and until the module is put into a layer. */
  state: PowerState | null = null;

  constructor(options: StableRankNormModuleOptions = {}) {
    super();
    checkOptions('StableRankNorm', options);
    const { warmupIterations = 15 } = options;
    if (!Number.isInteger(warmupIterations) || warmupIterations < 0) {
      throw new RangeError(`StableRankNorm: warmupIterations must be an integer of at least 0, got ${warmupIterations}`);
    }
    this.options = { ...options };
  }

  /** Makes the vectors for `weight`. */
  initialize(weight: Tensor): void {
    const { mode = 'power', dim = 0, eps = 1e-12, warmupIterations = 15, random = new Random(0) } = this.options;
    checkWeight('StableRankNorm', weight);
    this.state = mode === 'svd' ? null : newPowerState('StableRankNorm', weight, dim, random, warmupIterations, eps);
  }

  forward(weight: Tensor): Tensor {
    return stableRankNorm(weight, this.state, { ...this.options, training: this.training });
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

function checkOptions(caller: string, options: StableRankNormOptions): void {
  checkPowerOptions(caller, options);
  const { rank = null, rankRatio = null, k = 1, mode = 'power' } = options;
  if ((rank === null) === (rankRatio === null)) {
    throw new RangeError(`${caller}: exactly one of rank and rankRatio must be given, got ${rank} and ${rankRatio}`);
  }
  if (rank !== null && !(rank >= 1 && rank < Infinity)) {
    throw new RangeError(`${caller}: rank must be finite and at least 1, as every stable rank is, got ${rank}`);
  }
  if (rankRatio !== null && !(rankRatio > 0 && rankRatio <= 1)) {
    throw new RangeError(`${caller}: rankRatio must be in (0, 1], got ${rankRatio}`);
  }
  if (!Number.isInteger(k) || k < 0 || (mode === 'power' && k > 1)) {
    throw new RangeError(`${caller}: k must be an integer of at least 0, and 0 or 1 in mode 'power', got ${k}; use mode 'svd'`);
  }
}

function check(
  caller: string,
  weight: Tensor,
  state: PowerState | null,
  options: StableRankNormOptions,
): { dim: number; eps: number; exact: boolean; m: Float64Array; h: number; w: number; target: Target } {
  checkOptions(caller, options);
  checkWeight(caller, weight);
  const { dim = 0, eps = 1e-12, mode = 'power', rank = null, rankRatio = null, k = 1, spectral = true } = options;
  const matrix = doubleMatrix(caller, weight, dim);
  if (mode === 'power') checkPowerState(caller, state, weight, matrix.h, matrix.w);
  const side = Math.min(matrix.h, matrix.w);
  const free = side === 1 || rankRatio === 1;
  const r = free ? Infinity : (rank ?? Math.max(1, rankRatio! * side));
  return { dim, eps, exact: mode === 'svd', ...matrix, target: { r, k, spectral } };
}
