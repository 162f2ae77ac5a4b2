/**
 * SparsestMax: sparsemax that a growing radius drives to the corners.
 * W. Shao, T. Meng, J. Li, R. Zhang, Y. Li, X. Wang, P. Luo, SSN: Learning Sparse Switchable Normalization via
 * SparsestMax, CVPR 2019, arXiv 1903.03793.
 *
 *     p = the point nearest to x with p >= 0, sum p = 1, |p - u| >= radius          u = (1/K, ..., 1/K)
 *
 * A radius of 0 is sparsemax; at sqrt((K - 1) / K), the distance of the corners, only they are left. The paper's
 * definition is what is computed here. Its released code agrees where sparsemax gives no zeros; beyond an edge it goes
 * too far out, and at ties it divides 0 by 0.
 */
import { arange } from '../tensor/create.ts';
import { like } from '../tensor/like.ts';
import { circumradius, newFace, projectOutsideBall, pullThroughFace } from '../tensor/simplex-kernel.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { aroundAxis, type AxisView } from './_around-axis.ts';
import { add } from './add.ts';
import { amax } from './amax.ts';
import { amin } from './amin.ts';
import { equal, greater, less } from './compare.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { detach, noGrad, type Op, record } from './record.ts';
import { reshape } from './reshape.ts';
import { sparsemaxDefinition } from './sparsemax.ts';
import { sqrt } from './sqrt.ts';
import { square } from './square.ts';
import { sub } from './sub.ts';
import { sum } from './sum.ts';
import { where } from './where.ts';

/** `sparsestmax` composed from primitives: what higher derivatives are taken of. */
export function sparsestmaxDefinition(x: Tensor, radius = 0, axis = -1): Tensor {
  const { outer, count, inner } = check('sparsestmaxDefinition', x, radius, axis);
  const over = { axis: 1, keepDims: true };
  const slices = reshape(x, [outer, count, inner]);
  const nearest = sparsemaxDefinition(slices, 1);
  if (radius === 0) return reshape(nearest, x.shape);
  const moved = sub(slices, noGrad(() => amax(slices, over)));
  const finite = greater(moved, -Infinity);
  const z = where(finite, moved, 0);
  const rank = noGrad(() => rankOf(moved, outer, count, inner));
  let p = less(rank, 1);
  if (radius < circumradius(count)) p = where(less(rank, 2), onFace(z, less(rank, 2), 2, radius), 0);
  for (let size = 3; size <= count && radius < circumradius(count); size++) {
    const members = less(rank, size);
    if (radius ** 2 < 1 / size - 1 / count) continue;
    const found = onFace(z, members, size, radius);
    const inside = noGrad(() => mul(atLeastZero(amin(where(members, found, 0), over)), amin(where(members, finite, 1), over)));
    p = where(inside, where(members, found, 0), p);
  }
  const distance = noGrad(() => sqrt(sum(square(sub(nearest, 1 / count)), over)));
  return reshape(where(less(distance, radius), p, nearest), x.shape);
}

/** `1 / size + r v / |v|` with `v = z - mean(z)` over the members; what stands elsewhere means nothing. */
function onFace(z: Tensor, members: Tensor, size: number, radius: number): Tensor {
  const over = { axis: 1, keepDims: true };
  const count = z.shape[1]!;
  const own = where(members, z, 0);
  const v = where(members, sub(own, div(sum(own, over), size)), 0);
  const squares = sum(square(v), over);
  const tied = noGrad(() => equal(squares, 0));
  const r = Math.sqrt(Math.max(0, radius ** 2 - (1 / size - 1 / count)));
  const first = noGrad(() => firstOf(members));
  const lean = noGrad(() => div(sub(first, 1 / size), Math.sqrt(1 - 1 / size)));
  const away = div(v, sqrt(where(tied, 1, squares)));
  // the end of an arc on an edge does not move; a tie moves as its centring does, so that training can leave it
  if (size === 2) return add(mul(where(tied, lean, detach(away)), r), 1 / 2);
  return add(where(tied, add(mul(lean, r), sub(v, detach(v))), mul(away, r)), 1 / size);
}

/** 1 where x is 0 or above, and 0 elsewhere. */
function atLeastZero(x: Tensor): Tensor {
  return add(greater(x, 0), equal(x, 0));
}

/** 1 for the first member of each slice, and 0 for all others. */
function firstOf(members: Tensor): Tensor {
  const index = reshape(arange(0, members.shape[1]!, 1, { dtype: members.dtype }), [1, -1, 1]);
  const places = where(members, index, Infinity);
  return equal(places, amin(places, { axis: 1, keepDims: true }));
}

/** How many elements of its slice come before each: those that are larger, and equal ones in front. */
function rankOf(z: Tensor, outer: number, count: number, inner: number): Tensor {
  const own = reshape(z, [outer, count, 1, inner]);
  const others = reshape(z, [outer, 1, count, inner]);
  const index = arange(0, count, 1, { dtype: z.dtype });
  const before = less(reshape(index, [1, 1, count, 1]), reshape(index, [1, count, 1, 1]));
  return sum(add(greater(others, own), mul(equal(others, own), before)), { axis: 2 });
}

/**
 * The point nearest to x among those of the probability simplex over `axis` that are at least `radius` from its centre.
 * A radius of 0, the default, gives sparsemax; one of `sqrt((K - 1) / K)` or more gives 1 to the first largest
 * element. Among equal elements the result leans to the first.
 *
 * No gradient goes to the radius. Where the point lies on the sphere within a face of three or more elements, the
 * gradient has no part along the direction from its centre, and grows as the elements approach each other; at the end
 * of an arc on an edge, and at a corner, it is exactly 0; at a tie it is that of subtracting the mean.
 *
 * -Infinity gets 0; a slice that is all -Infinity, or holds Infinity or NaN, gives NaN. Throws a RangeError for an axis
 * outside the rank or a radius that is negative or not finite. Source: arXiv 1903.03793.
 * @example
 * ```ts
 * const x = tensor([0.5, 0.25, 0.25]);
 * toArray(sparsestmax(x)); // [0.5, 0.25, 0.25]
 * toArray(sparsestmax(x, Math.sqrt(0.24))); // [0.7333333, 0.1333333, 0.1333333]
 * toArray(sparsestmax(x, 0.9)); // [1, 0, 0]
 * ```
 */
export function sparsestmax(x: Tensor, radius = 0, axis = -1): Tensor {
  const view = check('sparsestmax', x, radius, axis);
  const { outer, count, inner } = view;
  const out = like(x);
  const members = new Uint8Array(out.data.length);
  const direction = new Float64Array(out.data.length);
  const scale = new Float64Array(outer * inner);
  const face = newFace(count);
  for (let s = 0; s < scale.length; s++) {
    const start = Math.floor(s / inner) * count * inner + (s % inner);
    for (let j = 0; j < count; j++) face.z[j] = x.data[start + j * inner]!;
    projectOutsideBall(face, radius);
    for (let j = 0; j < count; j++) {
      out.data[start + j * inner] = face.p[j]!;
      members[s * count + j] = face.members[j]!;
      direction[s * count + j] = face.direction[j]!;
    }
    scale[s] = face.scale;
  }
  return record(sparsestmaxOp, [x], { inputs: [x], view, radius, members, direction, scale }, out);
}

interface Saved {
  readonly inputs: readonly [Tensor];
  readonly view: AxisView;
  readonly radius: number;
  readonly members: Uint8Array;
  readonly direction: Float64Array;
  readonly scale: Float64Array;
}

const sparsestmaxOp: Op<Saved> = {
  name: 'sparsestmax',
  // dx = r / |v| (h - d <d, h>) on the sphere within a face, h = dy - mean(dy) and d = v / |v| over its members;
  // dx = h where sparsemax is far enough out
  pullback(dy, { view: { count, inner }, members, direction, scale }) {
    const dx = like(dy);
    const g = new Float64Array(count);
    for (let s = 0; s < scale.length; s++) {
      const start = Math.floor(s / inner) * count * inner + (s % inner);
      const from = s * count;
      for (let j = 0; j < count; j++) g[j] = dy.data[start + j * inner]!;
      pullThroughFace(g, members.subarray(from, from + count), direction.subarray(from, from + count), scale[s]!);
      for (let j = 0; j < count; j++) dx.data[start + j * inner] = g[j]!;
    }
    return [dx];
  },
  definition: ([x], { radius, view }) => sparsestmaxDefinition(x!, radius, view.axis),
};

/**
 * The radius of a schedule that reaches the corners with the last step: `sqrt((count - 1) / count) min(1, step / total)`
 * for `count` elements. Throws a RangeError unless step is at least 0, total above 0 and count a positive integer.
 * @example
 * ```ts
 * sparsestmaxRadius(50, 100, 2); // 0.35355339
 * ```
 */
export function sparsestmaxRadius(step: number, total: number, count: number): number {
  if (!(step >= 0 && total > 0 && Number.isFinite(total) && Number.isInteger(count) && count >= 1)) {
    throw new RangeError(
      `sparsestmaxRadius: step must be at least 0, total finite and above 0, count a positive integer, got ${step}, ` +
        `${total}, ${count}; count is the number of elements that are chosen from`,
    );
  }
  return circumradius(count) * Math.min(1, step / total);
}

function check(caller: string, x: Tensor, radius: number, axis: number): AxisView {
  checkRadius(caller, radius);
  return aroundAxis(caller, x.shape, axis);
}

/** Throws unless the radius is finite and not negative. */
export function checkRadius(caller: string, radius: number): void {
  if (!(typeof radius === 'number' && radius >= 0 && radius < Infinity)) {
    throw new RangeError(
      `${caller}: radius must be finite and at least 0, got ${radius}; 0 gives sparsemax, sparsestmaxRadius a schedule`,
    );
  }
}
