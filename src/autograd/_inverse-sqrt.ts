/** The inverse square root of symmetric matrices and its derivative, for `inverseSqrt` and for kernels that contain it. */
import type { Tensor } from '../tensor/tensor.ts';
import { checkSquare, composed, type Decomposition, decompose, sandwiched, symmetricPart } from './_symmetric.ts';

/** `(a + eps I)^(-1/2)` with the decomposition that it is made of, unrecorded. */
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

/** The gradient of a, which is symmetric, from that of w. */
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
