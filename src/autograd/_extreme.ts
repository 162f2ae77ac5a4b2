/** What `amax` and `amin` share. */
import { full } from '../tensor/create.ts';
import { ShapeError } from '../tensor/errors.ts';
import { keepAxes, normalizeAxes, showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { expand, reduceTo, rounded, walkRows } from '../tensor/walk.ts';
import { broadcastTo } from './broadcast-to.ts';
import { div } from './div.ts';
import { gate } from './gate.ts';
import type { ReduceOptions } from './sum.ts';

/** The largest (`sign` 1) or smallest (`sign` -1) elements over axes, which stay with extent 1; NaN wins. */
export function extreme(caller: string, x: Tensor, sign: number, axis: ReduceOptions['axis']): Tensor {
  const axes = normalizeAxes(caller, axis, x.shape.length);
  const out = full(keepAxes(x.shape, axes), -sign * Infinity, { dtype: x.dtype });
  if (x.data.length === 0 && out.data.length > 0) {
    throw new ShapeError(`${caller}: there must be an element to choose, got shape ${showShape(x.shape)}, axes [${axes}]`);
  }
  const length = x.shape.length === 0 ? 1 : x.shape[x.shape.length - 1]!;
  walkRows(out.shape, x.shape, (start, at, step) => {
    for (let i = 0; i < length; i++) {
      const value = x.data[start + i]!;
      const place = at + i * step;
      if (sign * value > sign * out.data[place]! || value !== value) out.data[place] = value;
    }
  });
  return out;
}

/** The pullback: the gradient goes to the chosen elements, in equal shares. A NaN was chosen if there is one. */
export function shareAmongTies(dy: Tensor, { x, y }: { x: Tensor; y: Tensor }): Tensor[] {
  const best = expand(y.data, y.shape, x.shape);
  const chosen = new Float32Array(best.length);
  for (let i = 0; i < best.length; i++) {
    const value = x.data[i]!;
    chosen[i] = value === best[i] || (value !== value && best[i] !== best[i]) ? 1 : 0;
  }
  const counts = new Tensor(rounded(reduceTo(chosen, x.shape, y.shape), dy.dtype), y.shape);
  return [gate(broadcastTo(div(dy, counts), x.shape), chosen)];
}
