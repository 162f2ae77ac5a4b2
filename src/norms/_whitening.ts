/**
 * Whitening matrices: the inverse square roots of the covariances of groups of channels, by either method, and the
 * derivative. Covariances are sums in double over centred values, whatever the dtype of x.
 */
import { decomposedInverseSqrt, inverseSqrtGradient } from '../autograd/_inverse-sqrt.ts';
import type { FloatArray } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import { newtonSchulz, newtonSchulzBackward } from './_newton-schulz.ts';
import { type Grouped, scatter } from './_whiten.ts';

/** How x is read and whitened. */
export interface WhiteningSettings extends Grouped {
  readonly eps: number;
  readonly method: 'zca' | 'iterative';
  readonly numIterations: number;
  /** Whether mean and matrices are those of x, or given. */
  readonly own: boolean;
}

/** The matrices, and what their backward needs: eigenvalues and eigenvectors, or the covariances with eps. */
export interface Whitening {
  readonly w: Float64Array;
  readonly values?: Float64Array;
  readonly vectors?: Float64Array;
  readonly sigma?: Float64Array;
}

/** The matrices `[groups, size, size]` that whiten `x - mean`. */
export function whiteningOf(x: FloatArray, mean: Float64Array, settings: WhiteningSettings): Whitening {
  const { view, numGroups, size, eps, method, numIterations } = settings;
  const sigma = scatter(x, settings, mean).map((value) => value / (view.outer * view.inner));
  if (method === 'zca') {
    const { found, w } = decomposedInverseSqrt(new Tensor(sigma, [numGroups, size, size]), eps);
    return { w: w.data as Float64Array, values: found.values, vectors: found.vectors };
  }
  for (let c = 0; c < view.channel; c++) sigma[c * size + (c % size)]! += eps;
  return { w: eachGroup(sigma, size, (at) => newtonSchulz(matrixAt(sigma, at, size), size, numIterations)), sigma };
}

/** `(dsigma + dsigmaᵀ) / M` of each group from the gradient of its matrix: what `x - mean` is multiplied by in dx. */
export function whiteningBackward(dw: Float64Array, saved: WhiteningSettings & Whitening): Float64Array {
  const { view, numGroups, size, eps, numIterations, values, vectors, sigma } = saved;
  const dSigma = sigma
    ? eachGroup(dw, size, (at) => newtonSchulzBackward(matrixAt(dw, at, size), matrixAt(sigma, at, size), size, numIterations))
    : inverseSqrtGradient(new Tensor(dw, [numGroups, size, size]), { n: size, values: values!, vectors: vectors! }, eps).data;
  const k = new Float64Array(dw.length);
  for (let row = 0, i = 0; row < view.channel; row++) {
    const first = row - (row % size);
    for (let j = first; j < first + size; j++, i++) {
      k[i] = (dSigma[i]! + dSigma[j * size + (row - first)]!) / (view.outer * view.inner);
    }
  }
  return k;
}

function matrixAt(matrices: Float64Array, at: number, size: number): Float64Array {
  return matrices.subarray(at, at + size * size);
}

/** A stack of matrices like `like`, each computed from where it begins. */
function eachGroup(like: Float64Array, size: number, compute: (at: number) => Float64Array): Float64Array {
  const out = new Float64Array(like.length);
  for (let at = 0; at < out.length; at += size * size) out.set(compute(at), at);
  return out;
}
