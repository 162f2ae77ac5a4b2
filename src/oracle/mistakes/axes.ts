/** Mistakes in which elements belong together: groups, windows, axes. */
import { Tensor } from '../../tensor/tensor.ts';
import type { Answer } from '../answer.ts';
import type { Case } from '../case.ts';
import { moved, otherConfig } from './change-case.ts';
import { bothWays } from './backward.ts';
import { type Fits, type Mistake, of } from './mistake.ts';

/** The indices of an axis in another order: element i of the result is element `order[i]` of x. */
export function reordered(x: Tensor, axis: number, order: readonly number[]): Tensor {
  const inner = x.shape.slice(axis + 1).reduce((n, extent) => n * extent, 1);
  const extent = x.shape[axis]!;
  const data = Float64Array.from(x.data, (_, i) => {
    const at = Math.floor(i / inner) % extent;
    return x.data[i + (order[at]! - at) * inner]!;
  });
  return new Tensor(data, x.shape);
}

/** Channels of `[N, C, ...]` and `[C]` in another order. */
function channels(asked: Case, order: readonly number[]): Answer[] {
  const back = order.map((_, c) => order.indexOf(c));
  const by = (to: readonly number[]) => (x: Tensor): Tensor => {
    if (x.shape.length === 1) return x.shape[0] === to.length ? reordered(x, 0, to) : x;
    return x.shape[1] === to.length ? reordered(x, 1, to) : x;
  };
  const matrices = (move: (x: Tensor) => Tensor) => (x: Tensor, name: string): Tensor => (name === 'runningWhitening' ? x : move(x));
  return moved(asked, matrices(by(order)), matrices(by(back)));
}

const groupsOf = ({ config, calls }: Case): { groups: number; channels: number } => ({
  groups: (config.numGroups as number | undefined) ?? 1,
  channels: calls[0]!.inputs.x?.shape[1] ?? 0,
});

export const groups = (): readonly Mistake[] => [
  {
    name: 'group-is-c-mod-g',
    says: 'with channel c in group c mod G',
    fits(asked) {
      const { groups: count, channels: all } = groupsOf(asked);
      return of('group', 'decorrelated-batch')(asked) && count > 1 && count < all;
    },
    answer(asked) {
      const { groups: count, channels: all } = groupsOf(asked);
      const order = Array.from({ length: all }, (_, i) => Math.floor(i / (all / count)) + count * (i % (all / count)));
      return channels(asked, order);
    },
  },
  bothWays('statistics-over-the-batch', 'with the statistics of all samples together', {}, (view) =>
    view.given || view.affine.outer === 1 || view.statistics.outer > 1 || view.affine.inner === 1 ? null : { statistics: view.affine },
  ),
  {
    ...bothWays('statistics-of-the-kernel', 'with the squares added up over the kernel alone, without the axis of the inputs', {}),
    fits: of('weight-demodulation', 'weight-standardization'),
    answer: (asked, right, got) =>
      bothWays('', '', {}, ({ x, statistics }) => {
        const inputs = asked.calls[0]!.inputs.weight!.shape[1]!;
        const view = { outer: 1, channel: statistics.channel * inputs, inner: x.length / (statistics.channel * inputs) };
        return { statistics: view };
      }).answer(asked, right, got),
  },
];

/** The option that names an axis. */
const axisNames = ['axis', 'dim'] as const;

export const axes = (): readonly Mistake[] => [
  otherConfig('negative-axis-off-by-one', 'with a negative axis off by one', (config, { calls }) => {
    const name = axisNames.find((candidate) => typeof config[candidate] === 'number');
    const axis = name && (config[name] as number);
    if (axis === undefined || axis >= 0) return null;
    const { inputs } = calls[0]!;
    const rank = (inputs.x ?? inputs.weight ?? inputs.weightV)?.shape.length ?? 0;
    return { [name!]: Math.max(0, axis + rank - 1) };
  }),
  otherConfig('axis-ignored', 'with the default axis, whatever is asked for', (config, { entry }) => {
    const name = axisNames.find((candidate) => candidate in config);
    if (!name) return null;
    const usual = entry.slug.startsWith('op-') ? -1 : 0;
    return config[name] === usual ? null : { [name]: usual };
  }),
];

const lrn: Fits = ({ entry }) => entry.slug === 'local-response';

/** Dimensions of the window: the channels, or all spatial axes. */
function windowAxes({ config }: Case, x: Tensor): number[] {
  return config.normRegion === 'withinChannel' ? x.shape.map((_, axis) => axis).slice(2) : [1];
}

export const windows = (): readonly Mistake[] => [
  {
    name: 'even-window-shifted',
    says: 'with an even window shifted by one, as in ONNX',
    fits: (asked) => lrn(asked) && (asked.config.size as number) % 2 === 0,
    answer(asked) {
      const backwards = (extent: number): number[] => Array.from({ length: extent }, (_, i) => extent - 1 - i);
      const mirror = (x: Tensor): Tensor =>
        windowAxes(asked, x).reduce((turned, axis) => reordered(turned, axis, backwards(x.shape[axis]!)), x);
      return moved(asked, mirror, mirror);
    },
  },
  otherConfig('alpha-not-divided', 'with alpha not divided by the size of the window', ({ divideBySize = true }, asked) =>
    lrn(asked) && divideBySize === true ? { divideBySize: false } : null,
  ),
  otherConfig('alpha-divided', 'with alpha divided by the size of the window', ({ divideBySize = true }, asked) =>
    lrn(asked) && divideBySize === false ? { divideBySize: true } : null,
  ),
  otherConfig('alpha-divided-once', 'with alpha divided by the size once, whatever the dimensions of the window', (config, asked) => {
    const { divideBySize = true, size = 5, alpha = 1e-4 } = config as { divideBySize?: boolean; size?: number; alpha?: number };
    const dimensions = lrn(asked) ? windowAxes(asked, asked.calls[0]!.inputs.x!).length : 0;
    return divideBySize && dimensions > 1 ? { alpha: alpha * size ** (dimensions - 1) } : null;
  }),
];
