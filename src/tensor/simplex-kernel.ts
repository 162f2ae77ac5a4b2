/**
 * Nearest points of the probability simplex `{ p >= 0, sum p = 1 }`, and of what is left of it without the ball of some
 * radius around its centre. One slice of numbers at a time, in double: the caller fills `z`.
 *
 * What is found is a point on a face (some members positive, the others 0) and how it moves with z. All the ways there
 * are have one form, over the members, with h = g - mean(g):
 *
 *     dz = scale (h - direction <direction, h>)
 */

/** A slice, the point that was found for it, and memory to find it with. */
export interface Face {
  /** The slice; moved by its maximum when it has been projected. */
  readonly z: Float64Array;
  readonly p: Float64Array;
  /** 1 for the members of the face, which p moves along; else 0. */
  readonly members: Uint8Array;
  /** A unit vector in the face that p does not move along, or 0. */
  readonly direction: Float64Array;
  /** How far p moves for a step of z in the face. */
  scale: number;
  /** The elements from the largest to the smallest; the first of equal ones first. */
  readonly order: Int32Array;
  readonly sorted: Float64Array;
}

/** Memory for slices of `count` elements. */
export function newFace(count: number): Face {
  return {
    z: new Float64Array(count),
    p: new Float64Array(count),
    members: new Uint8Array(count),
    direction: new Float64Array(count),
    scale: 1,
    order: new Int32Array(count),
    sorted: new Float64Array(count),
  };
}

/**
 * The point of the simplex nearest to z: `p = max(z - tau, 0)` with the tau that makes the sum 1. An element of -Infinity
 * gets 0; all of -Infinity, Infinity or NaN among them make the point NaN.
 */
export function projectOntoSimplex({ z, p, sorted }: Face): void {
  const count = z.length;
  let most = -Infinity;
  for (let i = 0; i < count; i++) {
    if (z[i]! > most || z[i] !== z[i]) most = z[i]!;
    if (most !== most) break;
  }
  // the largest becomes exactly 0, and with it a single member exactly 1
  for (let i = 0; i < count; i++) z[i]! -= most;
  if (!Number.isFinite(most)) {
    p.fill(NaN);
    return;
  }
  sorted.set(z);
  sorted.sort();
  let total = 0;
  let tau = 0;
  for (let k = 1; k <= count; k++) {
    const value = sorted[count - k]!;
    total += value;
    if (!(1 + k * value > total)) break;
    tau = (total - 1) / k;
  }
  for (let i = 0; i < count; i++) p[i] = z[i]! > tau ? z[i]! - tau : 0;
}

/** The distance from the centre of a simplex of `count` corners to each of them: `sqrt((count - 1) / count)`. */
export function circumradius(count: number): number {
  return Math.sqrt((count - 1) / count);
}

/**
 * The point nearest to z among those of the simplex that are at least `radius` from its centre; of equally near ones the
 * one that leans to the first element. A radius beyond the corners counts as theirs.
 */
export function projectOutsideBall(face: Face, radius: number): void {
  projectOntoSimplex(face);
  const { z, p, members, direction, order } = face;
  const count = z.length;
  direction.fill(0);
  face.scale = 1;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    members[i] = p[i] === 0 ? 0 : 1;
    squares += (p[i]! - 1 / count) ** 2;
  }
  if (squares !== squares) face.scale = NaN;
  if (radius <= 0 || !(Math.sqrt(squares) < radius)) return;
  const finite = sort(z, order);
  p.fill(0);
  members.fill(0);
  face.scale = 0;
  if (radius >= circumradius(count)) {
    p[order[0]!] = 1;
    return;
  }
  for (let size = finite; size >= 2; size--) if (pushed(face, size, radius * radius - (1 / size - 1 / count))) return;
}

/** Fills `order`; gives the number of elements above -Infinity. By insertion: what follows takes squares as well. */
function sort(z: Float64Array, order: Int32Array): number {
  let finite = 0;
  for (let i = 0; i < z.length; i++) {
    let at = i;
    for (; at > 0 && z[order[at - 1]!]! < z[i]!; at--) order[at] = order[at - 1]!;
    order[at] = i;
    if (z[i]! > -Infinity) finite++;
  }
  return finite;
}

/**
 * The point on the sphere within the face of the `size` largest elements, in the direction in which z lies there:
 * `p = 1 / size + r v / |v|`, v = z - mean(z). False when it is outside the face; the smallest face has it always.
 */
function pushed(face: Face, size: number, radiusSquared: number): boolean {
  const { z, p, members, direction, order } = face;
  if (radiusSquared < 0 && size > 2) return false;
  const radius = Math.sqrt(Math.max(0, radiusSquared));
  // in units of the range, so that squares of tiny differences do not vanish
  const range = z[order[0]!]! - z[order[size - 1]!]!;
  let mean = 0;
  for (let k = 0; k < size; k++) mean += range === 0 ? 0 : z[order[k]!]! / range / size;
  let squares = 0;
  for (let k = 0; k < size; k++) {
    // without a direction of its own, where all are equal, z leans to the first
    const v = range === 0 ? (k === 0 ? 1 : 0) - 1 / size : z[order[k]!]! / range - mean;
    direction[order[k]!] = v;
    squares += v * v;
  }
  const length = Math.sqrt(squares);
  let least = Infinity;
  for (let k = 0; k < size; k++) {
    const i = order[k]!;
    direction[i]! /= length;
    p[i] = 1 / size + radius * direction[i]!;
    least = Math.min(least, p[i]!);
  }
  if (least < 0 && size > 2) {
    p.fill(0);
    direction.fill(0);
    return false;
  }
  for (let k = 0; k < size; k++) {
    const i = order[k]!;
    p[i] = Math.min(1, Math.max(0, p[i]!));
    // the end of an arc on an edge does not move
    members[i] = size > 2 ? 1 : 0;
    if (range === 0 || size === 2) direction[i] = 0;
  }
  // at a tie the derivative of the centring stands in, so that training can leave it
  face.scale = size === 2 ? 0 : range === 0 ? 1 : radius / (range * length);
  return true;
}

/** `dz = scale (h - direction <direction, h>)` over the members, h = g - mean(g), written over g; 0 elsewhere. */
export function pullThroughFace(g: Float64Array, members: Uint8Array, direction: Float64Array, scale: number): void {
  let size = 0;
  let total = 0;
  for (let i = 0; i < g.length; i++) {
    if (members[i] === 0) continue;
    size++;
    total += g[i]!;
  }
  const mean = total / size;
  let along = 0;
  for (let i = 0; i < g.length; i++) if (members[i] !== 0) along += direction[i]! * (g[i]! - mean);
  for (let i = 0; i < g.length; i++) g[i] = members[i] === 0 ? 0 : scale * (g[i]! - mean - direction[i]! * along);
}
