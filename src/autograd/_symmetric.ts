/**
 * Functions of symmetric matrices through their eigenvalues: `f(a) = Vᵀ f(Λ) V`, where the rows of V are eigenvectors.
 *
 * The derivative is `dy -> Vᵀ (F ∘ (V dy Vᵀ)) V` with the divided differences `F[i, j] = (f(λᵢ) - f(λⱼ)) / (λᵢ - λⱼ)`
 * (Daleckii, Krein). Each function gives F in a form in which nothing cancels, so that equal eigenvalues are no special
 * case: the differences of eigenvalues that appear when vectors and values are differentiated by themselves are an
 * artefact.
 */
import { symmetricEigen } from '../tensor/eigen.ts';
import { ShapeError } from '../tensor/errors.ts';
import { doubles } from '../tensor/matmul-kernel.ts';
import { showShape } from '../tensor/shape.ts';
import { product, transposed } from '../tensor/small-matrix.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { transpose } from './transpose.ts';

/** The eigen-decompositions of a stack of matrices. */
export interface Decomposition {
  /** Extent of each matrix. */
  readonly n: number;
  /** `[count, n]` */
  readonly values: Float64Array;
  /** `[count, n, n]`, vectors in rows */
  readonly vectors: Float64Array;
}

/** Throws a ShapeError unless `a` is a matrix as high as wide, or a stack of them. */
export function checkSquare(caller: string, a: Tensor): void {
  const rank = a.shape.length;
  if (rank < 2 || a.shape[rank - 1] !== a.shape[rank - 2]) {
    throw new ShapeError(`${caller}: a must be [..., n, n], got ${showShape(a.shape)}; a covariance is, and so is xᵀx`);
  }
}

/** Decomposes `(a + aᵀ) / 2` for each matrix of `a` `[..., n, n]`. */
export function decompose(a: Tensor): Decomposition {
  const n = a.shape[a.shape.length - 1]!;
  const size = n * n;
  const count = size === 0 ? 0 : a.data.length / size;
  const values = new Float64Array(count * n);
  const vectors = new Float64Array(count * size);
  for (let m = 0; m < count; m++) {
    const found = symmetricEigen(a.data.subarray(m * size, (m + 1) * size), n);
    values.set(found.values, m * n);
    vectors.set(found.vectors, m * size);
  }
  return { n, values, vectors };
}

/** `Vᵀ diag(values) V` for each matrix, in the shape and dtype of `a`. */
export function composed({ n, vectors }: Decomposition, values: Float64Array, a: Tensor): Tensor {
  const scaled = new Float64Array(vectors.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = vectors[i]! * values[Math.floor(i / n)]!;
  const out = new Float64Array(a.data.length);
  for (let at = 0; at < out.length; at += n * n) {
    const rows = vectors.subarray(at, at + n * n);
    out.set(product(transposed(rows, n, n), scaled.subarray(at, at + n * n), n, n, n), at);
  }
  return new Tensor(rounded(out, a.dtype), a.shape);
}

/** `Vᵀ (factors ∘ (V b Vᵀ)) V` for each matrix, in the shape and dtype of `b`. */
export function sandwiched({ n, vectors }: Decomposition, factors: Float64Array, b: Tensor): Tensor {
  const data = doubles(b.data);
  const out = new Float64Array(data.length);
  for (let at = 0; at < out.length; at += n * n) {
    const rows = vectors.subarray(at, at + n * n);
    const columns = transposed(rows, n, n);
    const inner = product(product(rows, data.subarray(at, at + n * n), n, n, n), columns, n, n, n);
    for (let i = 0; i < inner.length; i++) inner[i]! *= factors[at + i]!;
    out.set(product(product(columns, inner, n, n, n), rows, n, n, n), at);
  }
  return new Tensor(rounded(out, b.dtype), b.shape);
}

/** `(x + xᵀ) / 2`: the gradient of a function that sees only the symmetric part of its argument. */
export function symmetricPart(x: Tensor): Tensor {
  return mul(add(x, transpose(x)), 0.5);
}
