import { zeros } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { doubles } from '../tensor/matmul-kernel.ts';
import { showShape } from '../tensor/shape.ts';
import { product, transposed } from '../tensor/small-matrix.ts';
import { svd, type Svd } from '../tensor/svd.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { add } from './add.ts';
import { clone } from './clone.ts';
import { matmul } from './matmul.ts';
import { matrixSign } from './matrix-sign.ts';
import { mul } from './mul.ts';
import { type Op, record } from './record.ts';
import { sub } from './sub.ts';
import { transpose } from './transpose.ts';

/**
 * The part of the matrix `m` `[h, w]` that belongs to its `k` largest singular values, `sum over i < k of σᵢ uᵢ vᵢᵀ`:
 * the nearest matrix of rank k (Eckart, Young). `m` itself from `k = min(h, w)` on.
 *
 * In the derivative the singular vectors move too. It exists when `σₖ > σₖ₊₁`, whatever the values
 * among the first k are; with no gap it is not finite. Throws a ShapeError for another rank and a RangeError unless k
 * is a positive integer.
 * @example
 * ```ts
 * toArray(lowRank(tensor([[3, 0], [0, 2]]), 1)); // [[3, 0], [0, 0]]
 * ```
 */
export function lowRank(m: Tensor, k: number): Tensor {
  checkMatrix('lowRank', m);
  if (!Number.isInteger(k) || k < 1) throw new RangeError(`lowRank: k must be a positive integer, got ${k}`);
  const [h, w] = m.shape as [number, number];
  if (k >= Math.min(h, w)) return clone(m);
  const found = svd(m.data, h, w);
  const { u, values, v } = found;
  const scaled = new Float64Array(k * h);
  for (let i = 0; i < scaled.length; i++) scaled[i] = u[i]! * values[Math.floor(i / h)]!;
  const y = new Tensor(rounded(product(transposed(scaled, k, h), v.subarray(0, k * w), h, k, w), m.dtype), m.shape);
  return record(lowRankOp, [m], { inputs: [m], k, ...found }, y);
}

interface Saved extends Svd {
  readonly inputs: readonly Tensor[];
  readonly k: number;
}

const lowRankOp: Op<Saved> = {
  name: 'lowRank',
  pullback: (dy, { k, ...found }) => [new Tensor(rounded(lowRankSlope(found, k, doubles(dy.data)), dy.dtype), dy.shape)],
  definition: ([m], { k, values }) => byProjection(m!, k, (values[k - 1]! ** 2 + values[k]! ** 2) / 2),
};

/**
 * The derivative of `lowRank` applied to `g` `[h, w]`; it is its own adjoint. In the basis of the singular vectors,
 * `G = uᵀ g v` is kept among the first k, dropped among the rest, and between i < k and j >= k is
 * `(σᵢ² Gᵢⱼ + σᵢ σⱼ Gⱼᵢ) / (σᵢ² - σⱼ²)`.
 */
export function lowRankSlope({ u, values, v }: Svd, k: number, g: Float64Array): Float64Array {
  const count = values.length;
  const h = u.length / count;
  const w = v.length / count;
  // The vectors along the shorter side are a whole basis; only those along the longer one leave a rest.
  if (h > w) return transposed(lowRankSlope({ u: v, values, v: u }, k, transposed(g, h, w)), w, h);
  const rows = product(u, g, count, h, w);
  const inner = product(rows, transposed(v, count, w), count, w, count);
  const rest = product(inner, v, count, count, w);
  for (let i = 0; i < count; i++) {
    for (let j = Math.max(i, k); j < count; j++) {
      const p = values[i]!;
      const q = values[j]!;
      const across = inner[i * count + j]!;
      const back = inner[j * count + i]!;
      const gap = (p - q) * (p + q);
      inner[i * count + j] = i < k ? (p * (p * across + q * back)) / gap : 0;
      inner[j * count + i] = i < k ? (p * (p * back + q * across)) / gap : 0;
    }
  }
  const turned = product(inner, v, count, count, w);
  // Beyond the basis singular values are 0, and a row of the first k passes on all that it has there.
  for (let i = 0; i < k * w; i++) turned[i]! += rows[i]! - rest[i]!;
  return product(transposed(u, count, h), turned, h, count, w);
}

/** The same from primitives: m times the projector onto the right singular vectors with `σ² > between`. */
function byProjection(m: Tensor, k: number, between: number): Tensor {
  const [h, w] = m.shape as [number, number];
  if (h < w) return transpose(byProjection(transpose(m), k, between));
  const one = zeros([w, w], { dtype: m.dtype });
  for (let i = 0; i < w; i++) one.data[i * w + i] = 1;
  const sign = matrixSign(sub(matmul(transpose(m), m), mul(one, between)));
  return matmul(m, mul(add(one, sign), 0.5));
}

/** Throws a ShapeError unless `m` is a matrix. */
export function checkMatrix(caller: string, m: Tensor): void {
  if (m.shape.length !== 2) throw new ShapeError(`${caller}: m must be [h, w], got ${showShape(m.shape)}; reshape it`);
}
