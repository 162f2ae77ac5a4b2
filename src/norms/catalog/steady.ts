/** Whether sparse ratios are far enough from where their gradient jumps for differences to show it. */
import { newFace, projectOutsideBall } from '../../tensor/simplex-kernel.ts';
import { normalizeAxis, sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** The way a point lies changes with none of its elements within this distance. */
const margin = 2 ** -6;

/** Whether every slice of x along `axis` stays on its face when one of its elements moves a little either way. */
export function isSteady(x: Tensor, radius: number, axis = -1): boolean {
  const at = normalizeAxis('isSteady', axis, x.shape.length);
  const inner = sizeOf(x.shape.slice(at + 1));
  const count = x.shape[at]!;
  for (let s = 0; s < x.data.length / count; s++) {
    const start = Math.floor(s / inner) * count * inner + (s % inner);
    const values = Float64Array.from({ length: count }, (_, j) => x.data[start + j * inner]!);
    const lies = faceOf(values, radius);
    for (let j = 0; j < count; j++) {
      for (const step of [-margin, margin]) {
        if (faceOf(values.map((value, k) => (k === j ? value + step : value)), radius) !== lies) return false;
      }
    }
  }
  return true;
}

/** The face that the point lies on and how it moves there, as text. */
function faceOf(values: Float64Array, radius: number): string {
  const face = newFace(values.length);
  face.z.set(values);
  projectOutsideBall(face, radius);
  const { p, members, direction, scale } = face;
  const free = direction.every((d) => d === 0);
  return `${members} ${p.map((value) => (value === 0 ? 0 : 1))} ${p.indexOf(Math.max(...p))} ${free} ${scale === 0}`;
}
