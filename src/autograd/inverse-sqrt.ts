import type { Tensor } from '../tensor/tensor.ts';
import { checkSquare, composed, type Decomposition, decompose, sandwiched, symmetricPart } from './_symmetric.ts';
import { lyapunov } from './lyapunov.ts';
import { matmul } from './matmul.ts';
import { neg } from './neg.ts';
import { type Op, record } from './record.ts';

/**
 * The inverse square root `w = (a + eps I)^(-1/2)` of a symmetric positive definite matrix, or of each of a stack
 * `[..., n, n]`: the symmetric w with `w (a + eps I) w = I`, which whitens data of covariance a (ZCA). Of a matrix that
 * is not quite symmetric, `(a + aᵀ) / 2` is taken. Eigenvalues may be equal: in the basis of the eigenvectors the
 * derivative is `-1 / (√λᵢ √λⱼ (√λᵢ + √λⱼ))`, in which nothing cancels.
 *
 * Where `a + eps I` is not positive definite the result is not finite: choose eps well above the rounding of a. Throws
 * a ShapeError for a matrix that is not square and a RangeError for an eps that is negative or not finite. Default: 0.
 *
 * Source of the derivative: J. L. Daleckii, S. G. Krein, Integration and differentiation of functions of Hermitian
 * operators and applications to the theory of perturbations, 1965.
 * @example
 * ```ts
 * toArray(inverseSqrt(tensor([[4, 0], [0, 0.25]]))); // [[0.5, 0], [0, 2]]
 * ```
 */
export function inverseSqrt(a: Tensor, eps = 0): Tensor {
  const { found, w } = decomposedInverseSqrt(a, eps);
  return record(inverseSqrtOp, [a], { inputs: [a], eps, ...found }, w);
}

interface Saved extends Decomposition {
  readonly inputs: readonly Tensor[];
  readonly eps: number;
}

const inverseSqrtOp: Op<Saved> = {
  name: 'inverseSqrt',
  pullback: (dw, { eps, ...found }) => [inverseSqrtGradient(dw, found, eps)],
  definition: ([a], { eps }) => byLyapunov(a!, eps),
};

/** The same with a pullback in primitives, for derivatives of any order. */
function byLyapunov(a: Tensor, eps: number): Tensor {
  const { w } = decomposedInverseSqrt(a, eps);
  return record(byLyapunovOp, [a], { w }, w);
}

const byLyapunovOp: Op<{ w: Tensor }> = {
  name: 'inverseSqrt',
  // From w w (a + eps I) = I: w dw + dw w = -w² da w².
  pullback(dw, { w }) {
    const square = matmul(w, w);
    return [symmetricPart(neg(matmul(matmul(square, lyapunov(w, dw)), square)))];
  },
};

/**
 * `inverseSqrt` with the decomposition that it is made of, unrecorded: for kernels with a backward of their own.
 * @internal
 */
export function decomposedInverseSqrt(a: Tensor, eps: number): { found: Decomposition; w: Tensor } {
  checkSquare('inverseSqrt', a);
  if (!(eps >= 0 && eps < Infinity)) {
    throw new RangeError(`inverseSqrt: eps must be finite and at least 0, got ${eps}; 1e-5 is usual for covariances`);
  }
  const found = decompose(a);
  const roots = new Float64Array(found.values.length);
  for (let i = 0; i < roots.length; i++) roots[i] = 1 / Math.sqrt(found.values[i]! + eps);
  return { found, w: composed(found, roots, a) };
}

/**
 * The gradient of a, which is symmetric, from that of w.
 * @internal
 */
export function inverseSqrtGradient(dw: Tensor, found: Decomposition, eps: number): Tensor {
  const { n, values } = found;
  const factors = new Float64Array(dw.data.length);
  for (let i = 0, to = 0; i < values.length; i++) {
    const first = Math.floor(i / n) * n;
    const p = Math.sqrt(values[i]! + eps);
    for (let j = first; j < first + n; j++) {
      const q = Math.sqrt(values[j]! + eps);
      factors[to++] = -1 / (p * q * (p + q));
    }
  }
  return symmetricPart(sandwiched(found, factors, dw));
}
