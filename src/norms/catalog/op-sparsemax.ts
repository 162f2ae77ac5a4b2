/** Sparsemax, an operation beside the norms, as cases are made of it. */
import { sparsemax, sparsemaxDefinition } from '../../autograd/sparsemax.ts';
import { extents } from './choices.ts';
import type { Entry } from './entry.ts';
import { isSteady } from './steady.ts';

export const opSparsemax: Entry = {
  slug: 'op-sparsemax',
  apply(form, { config: { axis = -1 }, inputs }) {
    return { y: (form === 'fused' ? sparsemax : sparsemaxDefinition)(inputs.x!, axis as number) };
  },
  smooth: ({ config: { axis = -1 }, inputs }) => isSteady(inputs.x!, 0, axis as number),
  draw(choose) {
    const rank = choose.integer(1, 3);
    return {
      sizes: extents(choose, ['D0', 'D1', 'D2'].slice(0, rank), 6),
      options: { axis: choose.integer(-rank, rank - 1), filling: choose.oneOf(['data', 'parameter', 'parameter']) },
    };
  },
  plan({ sizes, options: { axis, filling } }) {
    const x = Object.keys(sizes);
    if (x.length === 0 || (axis as number) < -x.length || (axis as number) >= x.length) return null;
    return {
      config: { axis },
      params: {},
      state: {},
      inputs: { x: { axes: x, filling: filling as 'data' | 'parameter' } },
      outputs: { y: x },
      modes: ['eval'],
    };
  },
};
