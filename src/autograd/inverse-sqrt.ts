import type { Tensor } from '../tensor/tensor.ts';
import { decomposedInverseSqrt, inverseSqrtGradient } from './_inverse-sqrt.ts';
import { type Decomposition, symmetricPart } from './_symmetric.ts';
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
