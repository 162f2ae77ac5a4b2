/** Mistakes in the result of a standardization, and with it in its gradients; and the options of any norm. */
import { bothWays } from './backward.ts';
import { otherConfig } from './change-case.ts';
import type { Mistake } from './mistake.ts';
import { isViewed } from './views.ts';

const numbers = (config: Readonly<Record<string, unknown>>, name: string): number | null =>
  typeof config[name] === 'number' ? (config[name] as number) : null;

/** The option `eps` and its relatives with another value; null for a case that has none, or where it is the same. */
function otherEps(change: (eps: number) => number): (config: Readonly<Record<string, unknown>>) => Record<string, unknown> | null {
  return (config) => {
    const eps = numbers(config, 'eps');
    return eps === null || change(eps) === eps ? null : { eps: change(eps) };
  };
}

/** eps, of any norm that has it. */
export const epsilons = (): readonly Mistake[] => [
  otherConfig('eps-dropped', 'without eps', otherEps(() => 0)),
  otherConfig('eps-doubled', 'with eps counted twice', otherEps((eps) => 2 * eps)),
  otherConfig('eps-squared', 'with eps squared', otherEps((eps) => eps * eps)),
  otherConfig('eps-ignored', 'with an eps of 1e-5, whatever is asked for', otherEps(() => 1e-5)),
  bothWays('eps-outside-root', 'with eps added outside the root', { naive: true }, ({ outside }) => (outside ? null : { outside: true })),
  bothWays('eps-outside-root-differentiated', 'with eps added outside the root, and differentiated there', {}, ({ outside }) =>
    outside ? null : { outside: true },
  ),
  bothWays('eps-inside-root', 'with eps added inside the root', {}, (view) => (view.outside ? { outside: false } : null)),
];

/** Which variance, about what, and over what. */
export const moments = (): readonly Mistake[] => [
  {
    ...otherConfig('biased-unbiased-swapped', 'with n for n - 1, or n - 1 for n, in the variance', ({ unbiased }, { entry }) =>
      typeof unbiased === 'boolean' ? { unbiased: !unbiased } : isViewed(entry.slug) ? {} : null,
    ),
    answer(asked, right, got) {
      const { unbiased } = asked.config;
      const change = otherConfig('', '', () => ({ unbiased: !unbiased }));
      return typeof unbiased === 'boolean' ? change.answer(asked, right, got) : differentiated().answer(asked, right, got);
    },
  },
  bothWays('variance-over-n-1', 'with the variance divided by n - 1', { naive: true, divisor: (n) => n - 1 }, (view) =>
    view.given || view.divisor ? null : {},
  ),
  bothWays('sum-for-mean-of-squares', 'with the sum of squares for the variance', { divisor: () => 1 }, (view) => (view.given ? null : {})),
  bothWays(
    'sum-for-mean-of-squares-forward',
    'with the sum of squares for the variance, and the backward of the mean',
    { naive: true, divisor: () => 1 },
    (view) => (view.given ? null : {}),
  ),
  bothWays('mean-not-subtracted', 'with the statistics about 0 in place of the mean', {}, (view) =>
    view.given || !view.centred ? null : { centred: false },
  ),
  bothWays('mean-subtracted', 'with the mean subtracted', {}, (view) => (view.centred ? null : { centred: true })),
  overLastAxis(),
];

/** The variance divided by n - 1, and its derivative. */
const differentiated = (): Mistake => bothWays('', '', { divisor: (n) => n - 1 }, (view) => (view.given ? null : {}));

/** Statistics of each row of the last axis, whatever is asked for. */
function overLastAxis(): Mistake {
  const last = ({ entry, calls }: Parameters<Mistake['fits']>[0]): number => {
    const { inputs } = calls[0]!;
    const x = inputs.x ?? inputs.weightV ?? inputs.weight;
    return entry.slug === 'sync-batch' || !x ? 0 : (x.shape[x.shape.length - 1] ?? 0);
  };
  return {
    name: 'statistics-over-last-axis',
    says: 'with statistics over the last axis alone',
    fits: (asked) => isViewed(asked.entry.slug) && last(asked) > 0,
    answer: (asked, right, got) =>
      bothWays('', '', {}, (view) =>
        view.given ? null : { statistics: { outer: 1, channel: view.x.length / last(asked), inner: last(asked) } },
      ).answer(asked, right, got),
  };
}
