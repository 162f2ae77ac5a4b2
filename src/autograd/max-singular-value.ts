import { svd } from '../tensor/svd.ts';
import { allocate } from '../tensor/dtype.ts';
import { like } from '../tensor/like.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkMatrix, lowRank } from './low-rank.ts';
import { norm } from './norm.ts';
import { type Op, record } from './record.ts';

/**
 * The largest singular value of a matrix `m` `[h, w]`, as a scalar: its norm as a map of vectors. 0 for a matrix
 * without elements.
 *
 * The derivative is `u vᵀ`, the singular vectors of that value, where no other singular value equals it; otherwise it is
 * that for one of the pairs, a subgradient. Throws a ShapeError for another rank.
 * @example
 * ```ts
 * item(maxSingularValue(tensor([[3, 0], [0, 1]]))); // 3
 * ```
 */
export function maxSingularValue(m: Tensor): Tensor {
  checkMatrix('maxSingularValue', m);
  const [h, w] = m.shape as [number, number];
  const { u, values, v } = svd(m.data, h, w);
  const out = new Tensor(allocate(m.dtype, 1), []);
  out.data[0] = values[0] ?? 0;
  return record(maxSingularValueOp, [m], { inputs: [m], u: u.slice(0, h), v: v.slice(0, w) }, out);
}

const maxSingularValueOp: Op<{ inputs: readonly Tensor[]; u: Float64Array; v: Float64Array }> = {
  name: 'maxSingularValue',
  pullback(dy, { inputs, u, v }) {
    const dm = like(inputs[0]!);
    const factor = dy.data[0]!;
    if (dm.data.length === 0) return [dm];
    for (let i = 0, to = 0; i < u.length; i++) {
      for (let j = 0; j < v.length; j++) dm.data[to++] = factor * u[i]! * v[j]!;
    }
    return [dm];
  },
  definition: ([m]) => norm(lowRank(m!, 1)),
};
