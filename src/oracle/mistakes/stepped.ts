/** Mistakes with a number of their own, which is taken from the answer. */
import { type Mistake, replaced } from './mistake.ts';
import { standardized } from './standardization.ts';
import { isViewed, viewOf } from './views.ts';

export const stepped = (): readonly Mistake[] => [
  {
    name: 'weight-read-after-update',
    says: 'with the weight read in the backward after a step of training has changed it',
    fits: ({ entry, params }) => isViewed(entry.slug) && Boolean(params.weight),
    // dx is linear in the weight: how long the step was is what fits best
    answer: (asked, right, got) =>
      replaced(right, (_, index) => {
        const view = viewOf(asked, right, index);
        if (!view?.weight) return null;
        const found = standardized(view);
        if (found.dWeight.length !== view.weight.length) return null;
        const step = standardized({ ...view, weight: found.dWeight });
        const names = Object.keys(view.grads(found)).filter((name) => name.startsWith('x'));
        const along = view.grads(step);
        let [off, size] = [0, 0];
        for (const name of names) {
          const given = got[index]?.grads?.[name];
          if (!given || given.data.length !== along[name]!.data.length) continue;
          along[name]!.data.forEach((d, i) => {
            off += d * (right[index]!.grads[name]!.data[i]! - given.data[i]!);
            size += d * d;
          });
        }
        const rate = size > 0 ? off / size : 0;
        const weight = view.weight.map((w, a) => w - rate * found.dWeight[a]!);
        const grads = view.grads(standardized({ ...view, weight }));
        return { grads: Object.fromEntries(names.map((name) => [name, grads[name]!])) };
      }),
  },
];
