/** Mistakes of sync batch norm: the moments of replicas pooled as if they were of one size. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Case, CaseCall } from '../case.ts';
import { stepByStep } from './change-case.ts';
import { type Mistake, of } from './mistake.ts';
import { momentsOf, standardized } from './standardization.ts';
import { movedTo, weightOf } from './state.ts';
import { viewOf } from './views.ts';

/** Mean and biased variance of a channel. */
interface Moments {
  readonly mean: number;
  readonly variance: number;
}

/** Sync batch norm with other pooled moments; running values move to them too. */
function pooled(name: string, says: string, pool: (parts: readonly Moments[], right: Moments) => Moments): Mistake {
  return {
    name,
    says,
    fits: (asked) => of('sync-batch')(asked) && Object.keys(asked.calls[0]!.inputs).length > 1,
    answer: (asked) =>
      stepByStep(asked, ({ call, from, right }) => {
        const view = viewOf({ ...asked, ...from, calls: [call] }, [], 0);
        if (!view || view.given) return right;
        const exact = momentsOf(view, (n) => n);
        const parts = Object.values(call.inputs).map((x) => {
          const statistics = replicaView(x);
          return momentsOf({ ...view, x: Float64Array.from(x.data), statistics }, (n) => n);
        });
        const at = ({ mean, variance }: typeof exact, c: number): Moments => ({ mean: mean[c]!, variance: variance[c]! });
        const found = Array.from(exact.mean, (_, c) => pool(parts.map((part) => at(part, c)), at(exact, c)));
        const moments = { mean: found.map(({ mean }) => mean), variance: found.map(({ variance }) => variance) };
        const result = standardized(view, { moments, own: true });
        const weight = right.grads.weight && { weight: new Tensor(result.dWeight, right.grads.weight.shape) };
        const copies = weightCopies(call, right.grads, asked, found);
        let stateAfter = right.stateAfter;
        if (stateAfter.runningMean) {
          const n = view.statistics.inner;
          const momentum = weightOf(asked.config, stateAfter);
          stateAfter = movedTo(stateAfter, from.state, 'runningMean', momentum, (_, c) => moments.mean[c]!);
          stateAfter = movedTo(stateAfter, from.state, 'runningVar', momentum, (_, c) => (moments.variance[c]! * n) / (n - 1));
        }
        return {
          outputs: { ...right.outputs, ...view.outputs(result.y) },
          grads: { ...right.grads, ...view.grads(result), ...weight, ...copies },
          stateAfter,
        };
      }),
  };
}

/** A replica as `[N, C, positions]`. */
function replicaView(x: Tensor): { outer: number; channel: number; inner: number } {
  const [outer, channel] = x.shape as [number, number];
  return { outer, channel, inner: x.data.length / (outer * channel) };
}

/** The gradients of the weight of each replica, `sum dy xHat` with these moments. */
function weightCopies({ inputs, gradOutputs }: CaseCall, grads: Tensors, { config }: Case, found: readonly Moments[]): Tensors {
  const { eps = 1e-5 } = config as { eps?: number };
  const copies: Tensors = {};
  for (const [name, x] of Object.entries(inputs)) {
    const r = name.slice(1);
    const dy = gradOutputs[`y${r}`];
    if (!grads[`weight${r}`] || !dy) continue;
    const { inner } = replicaView(x);
    const sums = new Float64Array(found.length);
    x.data.forEach((value, i) => {
      const c = Math.floor(i / inner) % found.length;
      sums[c]! += (dy.data[i]! * (value - found[c]!.mean)) / Math.sqrt(found[c]!.variance + eps);
    });
    copies[`weight${r}`] = new Tensor(sums, [found.length]);
  }
  return copies;
}

const average = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;

export const replicas = (): readonly Mistake[] => [
  pooled('replica-means-averaged', 'with the means of replicas averaged, whatever their sizes', (parts, right) => ({
    ...right,
    mean: average(parts.map(({ mean }) => mean)),
  })),
  pooled('replica-moments-averaged', 'with mean and mean square of replicas averaged, whatever their sizes', (parts) => {
    const mean = average(parts.map((part) => part.mean));
    return { mean, variance: average(parts.map((part) => part.variance + part.mean ** 2)) - mean ** 2 };
  }),
  pooled('replica-variances-averaged', 'with the variances of replicas averaged, without the spread between them', (parts) => ({
    mean: average(parts.map(({ mean }) => mean)),
    variance: average(parts.map(({ variance }) => variance)),
  })),
];
