import { allocate } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { matmulKernel } from '../tensor/matmul-kernel.ts';
import { broadcastShapes, showShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Op, record } from './record.ts';
import { reshape } from './reshape.ts';
import { checkSameDtype } from './same-dtype.ts';
import { sumTo } from './sum.ts';
import { transpose } from './transpose.ts';

/**
 * `y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]`, by the rules of NumPy: the last two axes are matrices,
 * the axes before them broadcast, and a vector is a row on the left and a column on the right whose axis the result
 * does not have. So two vectors give a scalar, `[n]` and `[n, m]` give `[m]`, and `[m, n]` and `[n]` give `[m]`. Sums
 * are taken in double.
 *
 * Throws a ShapeError for a scalar, for inner extents that differ, or for leading axes that do not broadcast, and a
 * TypeError for different dtypes.
 * @example
 * ```ts
 * toArray(matmul(tensor([[1, 2], [3, 4]]), tensor([[0, 1], [1, 0]]))); // [[2, 1], [4, 3]]
 * toArray(matmul(tensor([1, 2, 3]), tensor([4, 5, 6]))); // 32
 * ```
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkSameDtype('matmul', [a, b]);
  const p = a.shape.length;
  const q = b.shape.length;
  if (p === 0 || q === 0) {
    throw new ShapeError(
      `matmul: both tensors must have an axis, got ${showShape(a.shape)} and ${showShape(b.shape)}; use mul for scalars`,
    );
  }
  const inner = a.shape[p - 1]!;
  if (inner !== b.shape[q === 1 ? 0 : q - 2]) {
    throw new ShapeError(
      `matmul: the last axis of a and the last but one of b must have one extent, got ${showShape(a.shape)} and ` +
        `${showShape(b.shape)}; transpose one of them`,
    );
  }
  const left = p === 1 ? reshape(a, [1, inner]) : a;
  const right = q === 1 ? reshape(b, [inner, 1]) : b;
  // One matrix on the right: all matrices on the left are the rows of one, and its gradient is one product too.
  const folded = p > 2 && q <= 2;
  const y = folded ? product(reshape(left, [sizeOf(a.shape.slice(0, -1)), inner]), right) : product(left, right);
  if (!folded && p > 1 && q > 1) return y;
  const leading = folded ? a.shape.slice(0, -2) : y.shape.slice(0, -2);
  const row = p === 1 ? [] : [a.shape[p - 2]!];
  const column = q === 1 ? [] : [b.shape[q - 1]!];
  return reshape(y, [...leading, ...row, ...column]);
}

/** The product of two stacks of matrices. */
function product(a: Tensor, b: Tensor): Tensor {
  const batch = broadcastShapes('matmul (leading axes)', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, a.shape[a.shape.length - 2]!, b.shape[b.shape.length - 1]!];
  const out = new Tensor(allocate(a.dtype, sizeOf(shape)), shape);
  matmulKernel(out.data, a.data, a.shape, b.data, b.shape, batch);
  return record(matmulOp, [a, b], { a, b }, out);
}

const matmulOp: Op<{ a: Tensor; b: Tensor }> = {
  name: 'matmul',
  pullback: (dy, { a, b }, needs) => [
    needs[0] ? sumTo(matmul(dy, transpose(b)), a.shape) : null,
    needs[1] ? sumTo(matmul(transpose(a), dy), b.shape) : null,
  ],
};
