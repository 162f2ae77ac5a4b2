/** SparsestMax, an operation beside the norms, as cases are made of it. */
import { sparsestmax, sparsestmaxDefinition } from '../../autograd/sparsestmax.ts';
import { item } from '../../tensor/read.ts';
import { extents } from './choices.ts';
import type { Entry } from './entry.ts';
import { isSteady } from './steady.ts';

export const opSparsestmax: Entry = {
  slug: 'op-sparsestmax',
  constants: ['radius'],
  apply(form, { config: { axis = -1 }, inputs: { x, radius } }) {
    return { y: (form === 'fused' ? sparsestmax : sparsestmaxDefinition)(x!, radius ? item(radius) : 0, axis as number) };
  },
  smooth: ({ config: { axis = -1 }, inputs: { x, radius } }) => isSteady(x!, item(radius!), axis as number),
  draw(choose) {
    const rank = choose.integer(1, 3);
    return {
      sizes: extents(choose, ['D0', 'D1', 'D2'].slice(0, rank), 5),
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
      inputs: { x: { axes: x, filling: filling as 'data' | 'parameter' }, radius: { axes: [], filling: 'positive' } },
      outputs: { y: x },
      modes: ['eval'],
    };
  },
};
