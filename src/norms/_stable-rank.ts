/**
 * The projection of a matrix onto a stable rank, in plain numbers, and its derivative.
 *
 * Notation as in the norm's file: E = u v^T, S the part that is kept (sigma E, or the first k' singular values), R = M - S,
 * f = |R|, N = R / f, t = sqrt(r - 1). For given u and v the result is a E + b N, with a and b functions of sigma and f,
 * and E fixed. For singular vectors, which move with M, the derivative of S is that of `lowRank`, called J here.
 */
import { lowRankSlope } from '../autograd/low-rank.ts';
import { bilinear } from '../tensor/power-iteration.ts';
import { svd, type Svd } from '../tensor/svd.ts';

/** What is asked for. */
export interface Target {
  /** The stable rank; infinite when nothing is asked for. */
  readonly r: number;
  readonly k: number;
  readonly spectral: boolean;
}

/** The result, and what its derivative needs. */
export interface Projection {
  readonly result: Float64Array;
  /** `zero`: sigma is not above eps. `inactive`: the stable rank is low enough as it is. */
  readonly branch: 'zero' | 'inactive' | 'active';
  readonly exact: boolean;
  readonly sigma: number;
  /** How many singular values are kept: k, or fewer where they alone have a larger stable rank. */
  readonly kept: number;
  readonly E: Float64Array;
  /** The part that is kept, and the length of the rest. */
  readonly S: Float64Array;
  readonly f: number;
  /** The largest singular value of the result before it is divided by it. */
  readonly top: number;
  readonly decomposition: Svd | null;
}

/** Projects `m` `[h, w]`: with the given unit vectors, or with singular ones from a decomposition when they are null. */
export function project(
  m: Float64Array,
  h: number,
  w: number,
  vectors: { readonly u: Float64Array; readonly v: Float64Array } | null,
  { r, k, spectral }: Target,
  eps: number,
): Projection {
  const decomposition = vectors ? null : svd(m, h, w);
  const u = vectors?.u ?? decomposition!.u.subarray(0, h);
  const v = vectors?.v ?? decomposition!.v.subarray(0, w);
  const sigma = vectors ? bilinear(m, u, v) : decomposition!.values[0]!;
  const E = new Float64Array(h * w);
  for (let i = 0, at = 0; i < h; i++) for (let j = 0; j < w; j++) E[at++] = u[i]! * v[j]!;
  const kept = decomposition ? keepable(decomposition.values, k, r) : k;
  const S = decomposition && kept > 1 ? leading(decomposition, kept, h, w) : E.map((e) => sigma * e);
  const R = m.map((value, i) => value - S[i]!);
  const f = Math.sqrt(dot(R, R));
  const t = Math.sqrt(r - 1);
  const size = Math.abs(sigma);
  const common = { exact: decomposition !== null, sigma, kept, E, S, f, decomposition };
  if (size <= eps) {
    return { ...common, branch: 'zero', top: eps, result: spectral ? m.map((value) => value / eps) : m.slice() };
  }
  // the stable rank is at most r when the rest is no longer than t sigma
  const rest = kept > 1 ? Math.sqrt(f * f + dot(S, S) - sigma * sigma) : f;
  if (!(rest > t * size)) {
    return { ...common, branch: 'inactive', top: sigma, result: spectral ? m.map((value) => value / sigma) : m.slice() };
  }
  const sign = sigma < 0 ? -1 : 1;
  const [a, b, top] = factors(sigma, f, S, { r, k: kept, spectral });
  const result = kept > 1 ? S.map((s, i) => s + (b / f) * R[i]!) : E.map((e, i) => a * e + (b / f) * R[i]!);
  if (spectral) for (let i = 0; i < result.length; i++) result[i]! /= kept > 1 ? top : 1;
  return { ...common, branch: 'active', top: top * (decomposition ? 1 : sign), result };
}

/** The factors a of E and b of N, and the largest singular value of the result before it is divided by it. */
function factors(sigma: number, f: number, S: Float64Array, { r, k, spectral }: Target): [a: number, b: number, top: number] {
  const t = Math.sqrt(r - 1);
  const sign = sigma < 0 ? -1 : 1;
  const size = Math.abs(sigma);
  if (k > 1) return [sigma, Math.sqrt(Math.max(0, r * sigma * sigma - dot(S, S))), size];
  if (spectral) return [1, sign * t, k === 0 ? (size + t * f) / r : size];
  if (k === 1) return [sigma, t * size, size];
  const height = (size + t * f) / r;
  return [sign * height, t * height, height];
}

/** The gradient of the matrix, from that of the result. */
export function projectBackward(g: Float64Array, m: Float64Array, found: Projection, target: Target, eps: number): Float64Array {
  const { branch, E, sigma } = found;
  const { spectral } = target;
  if (branch === 'zero') return spectral ? g.map((value) => value / eps) : g;
  if (branch === 'inactive') {
    if (!spectral) return g;
    const along = dot(g, m) / sigma;
    return g.map((value, i) => (value - along * E[i]!) / sigma);
  }
  return found.exact ? exactBackward(g, m, found, target) : heldBackward(g, m, found, target);
}

/** With u and v held: through the length f and the estimate sigma. */
function heldBackward(g: Float64Array, m: Float64Array, { E, S, f, sigma, kept }: Projection, { r, spectral }: Target): Float64Array {
  const t = Math.sqrt(r - 1);
  const sign = sigma < 0 ? -1 : 1;
  const N = m.map((value, i) => (value - S[i]!) / f);
  const ge = dot(g, E);
  const gn = dot(g, N);
  const [, b] = factors(sigma, f, S, { r, k: kept, spectral });
  // the derivatives of a and b: by sigma, then by f
  let [aSigma, bSigma, aF, bF] = [0, 0, 0, 0];
  if (!spectral && kept === 1) [aSigma, bSigma] = [1, sign * t];
  if (!spectral && kept === 0) [aSigma, bSigma, aF, bF] = [1 / r, (sign * t) / r, (sign * t) / r, (t * t) / r];
  const alongN = ge * aF + gn * (bF - b / f);
  const dR = g.map((value, i) => (b / f) * value + N[i]! * alongN);
  // R loses what E takes: for unit vectors this is (b / f) ge, but stored ones are rounded
  const alongE = ge * aSigma + gn * bSigma - dot(dR, E);
  return dR.map((value, i) => value + E[i]! * alongE);
}

/** With singular vectors, which move with the matrix. */
function exactBackward(given: Float64Array, m: Float64Array, found: Projection, { r, spectral }: Target): Float64Array {
  const { E, S, f, sigma, kept, top, result } = found;
  const t = Math.sqrt(r - 1);
  // the division by the largest singular value, first
  const along = spectral ? dot(given, result) : 0;
  const g = spectral ? given.map((value, i) => (value - along * E[i]!) / top) : given;
  const N = m.map((value, i) => (value - S[i]!) / f);
  const gn = dot(g, N);
  const J = (x: Float64Array): Float64Array => lowRankSlope(found.decomposition!, Math.max(1, kept), x);
  if (kept >= 1) {
    const tau = kept === 1 ? t * sigma : Math.sqrt(Math.max(0, r * sigma * sigma - dot(S, S)));
    const D = g.map((value, i) => (tau / f) * (value - N[i]! * gn));
    const moved = J(g.map((value, i) => value - D[i]!));
    const T = (i: number): number => (kept === 1 ? t * E[i]! : (r * sigma * E[i]! - S[i]!) / tau);
    return D.map((value, i) => value + moved[i]! + gn * T(i));
  }
  const height = (sigma + t * f) / r;
  const ge = dot(g, E);
  const D = g.map((value, i) => ((t * height) / f) * (value - N[i]! * gn));
  const movedD = J(D);
  const H = g.map((value) => height * value);
  const movedH = J(H);
  const he = dot(H, E);
  const lift = (ge + t * gn) / r;
  return D.map((value, i) => value - movedD[i]! + (movedH[i]! - E[i]! * he) / sigma + lift * (E[i]! + t * N[i]!));
}

/** The largest number of leading singular values, up to k, that alone have no larger stable rank than r. */
function keepable(values: Float64Array, k: number, r: number): number {
  let squares = 0;
  let kept = 0;
  for (const value of values.subarray(0, k)) {
    squares += value * value;
    if (kept > 0 && squares > r * values[0]! * values[0]!) break;
    kept++;
  }
  return kept;
}

function leading({ u, values, v }: Svd, k: number, h: number, w: number): Float64Array {
  const out = new Float64Array(h * w);
  for (let n = 0; n < k; n++) {
    for (let i = 0, at = 0; i < h; i++) {
      const scale = values[n]! * u[n * h + i]!;
      for (let j = 0; j < w; j++, at++) out[at]! += scale * v[n * w + j]!;
    }
  }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}
