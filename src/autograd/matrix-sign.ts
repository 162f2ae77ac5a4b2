import type { Tensor } from '../tensor/tensor.ts';
import { checkSquare, composed, decompose, symmetricPart } from './_symmetric.ts';
import { lyapunov } from './lyapunov.ts';
import { matmul } from './matmul.ts';
import { type Op, record } from './record.ts';
import { sub } from './sub.ts';

/**
 * The sign of a symmetric matrix, or of each of a stack `[..., n, n]`: the same eigenvectors, with 1 for a positive
 * eigenvalue, -1 for a negative one, 0 for 0. `(I + matrixSign(a - μ I)) / 2` projects onto the eigenvectors whose
 * eigenvalues are above μ. Of a matrix that is not quite symmetric, `(a + aᵀ) / 2` is taken.
 *
 * The derivative does not mind equal eigenvalues of one sign; it is large when a has eigenvalues close to 0 on both
 * sides. Throws a ShapeError for a matrix that is not square.
 * @example
 * ```ts
 * toArray(matrixSign(tensor([[3, 0], [0, -2]]))); // [[1, 0], [0, -1]]
 * ```
 */
export function matrixSign(a: Tensor): Tensor {
  checkSquare('matrixSign', a);
  const found = decompose(a);
  const s = composed(found, found.values.map(Math.sign), a);
  return record(matrixSignOp, [a], { a, s }, s);
}

const matrixSignOp: Op<{ a: Tensor; s: Tensor }> = {
  name: 'matrixSign',
  // Between eigenvectors of one sign nothing changes; between others ds = 2 da / (|λᵢ| + |λⱼ|), and s a = |a|.
  pullback(ds, { a, s }) {
    const across = sub(ds, matmul(matmul(s, ds), s));
    return [symmetricPart(lyapunov(matmul(s, symmetricPart(a)), across))];
  },
};
