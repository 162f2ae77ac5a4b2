import { ShapeError } from '../tensor/errors.ts';
import { sameShape, showShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkSquare, decompose, sandwiched, symmetricPart } from './_symmetric.ts';
import { add } from './add.ts';
import { matmul } from './matmul.ts';
import { neg } from './neg.ts';
import { type Op, record } from './record.ts';
import { checkSameDtype } from './same-dtype.ts';
import { transpose } from './transpose.ts';

/**
 * The solution x of the Lyapunov equation `a x + x a = b` for symmetric `a` `[..., n, n]` and any `b` of the same shape:
 * in the basis of the eigenvectors of a, `x[i, j] = b[i, j] / (λᵢ + λⱼ)`. Derivatives of functions of symmetric matrices
 * are of this form. Of a matrix that is not quite symmetric, `(a + aᵀ) / 2` is taken.
 *
 * The result is not finite when two eigenvalues sum to 0. Throws a ShapeError for other shapes and a TypeError for
 * different dtypes.
 * @example
 * ```ts
 * toArray(lyapunov(tensor([[1, 0], [0, 3]]), tensor([[2, 4], [4, 6]]))); // [[1, 1], [1, 1]]
 * ```
 */
export function lyapunov(a: Tensor, b: Tensor): Tensor {
  checkSameDtype('lyapunov', [a, b]);
  checkSquare('lyapunov', a);
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError(`lyapunov: a and b must have one shape, got ${showShape(a.shape)} and ${showShape(b.shape)}`);
  }
  const found = decompose(a);
  const { n, values } = found;
  const factors = new Float64Array(a.data.length);
  for (let i = 0, to = 0; i < values.length; i++) {
    const first = Math.floor(i / n) * n;
    for (let j = first; j < first + n; j++) factors[to++] = 1 / (values[i]! + values[j]!);
  }
  const x = sandwiched(found, factors, b);
  return record(lyapunovOp, [a, b], { a, x }, x);
}

const lyapunovOp: Op<{ a: Tensor; x: Tensor }> = {
  name: 'lyapunov',
  // From a dx + dx a = db - da x - x da; the equation is its own adjoint.
  pullback(dx, { a, x }, needs) {
    const db = lyapunov(a, dx);
    if (!needs[0]) return [null, db];
    const da = neg(add(matmul(db, transpose(x)), matmul(transpose(x), db)));
    return [symmetricPart(da), needs[1] ? db : null];
  },
};
