/**
 * Sparsemax: like softmax, but its results can be exactly 0.
 * A. Martins, R. Astudillo, From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label Classification,
 * ICML 2016, arXiv 1602.02068.
 */
import { like } from '../tensor/like.ts';
import { newFace, projectOntoSimplex } from '../tensor/simplex-kernel.ts';
import { Tensor } from '../tensor/tensor.ts';
import { rounded } from '../tensor/walk.ts';
import { aroundAxis } from './_around-axis.ts';
import { add } from './add.ts';
import { amax } from './amax.ts';
import { less } from './compare.ts';
import { div } from './div.ts';
import { gate } from './gate.ts';
import { mul } from './mul.ts';
import { noGrad, type Op, record } from './record.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { sub } from './sub.ts';
import { sum } from './sum.ts';
import { where } from './where.ts';

/** `sparsemax` composed from primitives. */
export function sparsemaxDefinition(x: Tensor, axis = -1): Tensor {
  const { outer, count, inner } = aroundAxis('sparsemaxDefinition', x.shape, axis);
  const slices = reshape(x, [outer, count, inner]);
  const most = noGrad(() => amax(slices, { axis: 1, keepDims: true }));
  const z = sub(slices, most);
  const members = noGrad(() => {
    const above = sub(reshape(z, [outer, 1, count, inner]), reshape(z, [outer, count, 1, inner]));
    return less(sum(relu(above), { axis: 2 }), 1);
  });
  const total = sum(where(members, z, 0), { axis: 1, keepDims: true });
  const tau = div(sub(total, 1), sum(members, { axis: 1, keepDims: true }));
  const p = where(members, sub(z, tau), 0);
  // a maximum that is not finite leaves no distribution
  return reshape(add(p, noGrad(() => mul(most, 0))), x.shape);
}

/**
 * The point of the probability simplex nearest to x: `y = max(x - tau, 0)`, with the tau for which the sum over `axis`
 * is 1. Elements that are at tau or below get exactly 0; with one that is 1 or more above all others, that one gets
 * exactly 1.
 *
 * The gradient is `dy - mean(dy)` over the elements above 0, and 0 for the others, also for one that lies exactly at
 * tau. An element of -Infinity gets 0; a slice that is all -Infinity, or holds Infinity or NaN, gives NaN.
 *
 * Throws a RangeError for an axis outside the rank. Source: arXiv 1602.02068.
 * @example
 * ```ts
 * toArray(sparsemax(tensor([1, 0.5, -1]))); // [0.75, 0.25, 0]
 * ```
 */
export function sparsemax(x: Tensor, axis = -1): Tensor {
  const view = aroundAxis('sparsemax', x.shape, axis);
  const { outer, count, inner } = view;
  const out = like(x);
  const face = newFace(count);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = o * count * inner + i;
      for (let j = 0; j < count; j++) face.z[j] = x.data[start + j * inner]!;
      projectOntoSimplex(face);
      for (let j = 0; j < count; j++) out.data[start + j * inner] = face.p[j]!;
    }
  }
  return record(sparsemaxOp, [x], { y: out, axis: view.axis }, out);
}

const sparsemaxOp: Op<{ y: Tensor; axis: number }> = {
  name: 'sparsemax',
  // dx = dy - mean(dy) over the elements above 0, where a step of x moves y by its part along the face; else 0
  pullback(dy, { y, axis }) {
    const { outer, count, inner } = aroundAxis('sparsemax', y.shape, axis);
    const members = new Float32Array(y.data.length);
    const sizes = new Float64Array(outer * inner);
    for (let at = 0; at < members.length; at++) {
      const slice = Math.floor(at / (count * inner)) * inner + (at % inner);
      members[at] = y.data[at] === 0 ? 0 : 1;
      sizes[slice]! += y.data[at] === y.data[at] ? members[at]! : NaN;
    }
    const shape = y.shape.map((extent, k) => (k === axis ? 1 : extent));
    const mean = div(sum(gate(dy, members), { axis, keepDims: true }), new Tensor(rounded(sizes, dy.dtype), shape));
    return [gate(sub(dy, mean), members)];
  },
};
