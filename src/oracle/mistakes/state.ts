/** Mistakes in what is carried from call to call, and in which statistics a call uses. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { type Answer, answer } from '../answer.ts';
import type { Case } from '../case.ts';
import { otherConfig, type Step, stepByStep } from './change-case.ts';
import { type Fits, mapped, type Mistake } from './mistake.ts';

const stateful: Fits = ({ state }) => Object.keys(state).length > 0;
const inMode = (mode: 'train' | 'eval'): Fits => (asked) => stateful(asked) && asked.calls.some((call) => call.mode === mode);
const both = (...all: readonly Fits[]): Fits => (asked) => all.every((fits) => fits(asked));

/** A mistake in single calls; what they leave behind goes on into the next. */
export function inSteps(name: string, says: string, fits: Fits, change: (step: Step, asked: Case) => Answer): Mistake {
  return { name, says, fits, answer: (asked) => stepByStep(asked, (step) => change(step, asked)) };
}

/** Values of a channel that a running variance is of. */
function countOf(asked: Case, { inputs }: Step['call']): number {
  const replicas = Object.entries(inputs).filter(([name]) => /^x\d*$/.test(name)).map(([, x]) => x);
  const [first] = replicas;
  if (!first) return NaN;
  if (asked.entry.slug === 'instance') return first.data.length / (first.shape[0]! * first.shape[1]!);
  return replicas.reduce((total, x) => total + x.data.length, 0) / first.shape[1]!;
}

/** A running value as it would be, had the call moved it to `change(what it moved it to)`; the weight of the new value is `weight`. */
export function movedTo(after: Tensors, from: Tensors, name: string, weight: number, change: (value: number, i: number) => number): Tensors {
  if (!(weight > 0)) return after;
  const old = from[name]!.data;
  return {
    ...after,
    [name]: mapped(after[name]!, (value, i) => {
      const fresh = (value - (1 - weight) * old[i]!) / weight;
      return (1 - weight) * old[i]! + weight * change(fresh, i);
    }),
  };
}

/** How much a training call moves a running value; momentum null is the average over all calls. */
export function weightOf(config: Case['config'], after: Tensors): number {
  const { momentum = 0.1 } = config as { momentum?: number | null };
  return momentum ?? 1 / after.numBatchesTracked!.data[0]!;
}

const unbiasedVariance: Fits = ({ entry, state }) =>
  Boolean(state.runningVar) && ['batch', 'instance', 'conditional-batch', 'sync-batch', 'in-place-abn'].includes(entry.slug);

export const states = (): readonly Mistake[] => [
  inSteps('running-var-biased', 'with the biased variance in runningVar', both(unbiasedVariance, inMode('train')), ({ call, from, right }, asked) => {
    if (call.mode !== 'train' || !right.stateAfter.runningVar) return right;
    const n = countOf(asked, call);
    const momentum = weightOf(asked.config, right.stateAfter);
    return { ...right, stateAfter: movedTo(right.stateAfter, from.state, 'runningVar', momentum, (v) => (v * (n - 1)) / n) };
  }),
  // before the next one: for a first batch they are the same
  otherConfig('momentum-zero-is-none', 'with a momentum of 0 taken for none', ({ momentum }) => (momentum === 0 ? { momentum: null } : null)),
  otherConfig('momentum-reversed', 'with the weights of old and new running values exchanged', (config) => {
    const reversed = Object.fromEntries(
      ['momentum', 'movingSpeed', 'alphaFwd'].flatMap((name) => (typeof config[name] === 'number' ? [[name, 1 - config[name]]] : [])),
    );
    return Object.keys(reversed).length > 0 ? reversed : null;
  }),
  otherConfig('momentum-ignored', 'with a momentum of 0.1, whatever is asked for', ({ momentum }) =>
    momentum === undefined || momentum === 0.1 ? null : { momentum: 0.1 },
  ),
  inSteps('state-not-moved', 'with a state that does not move', inMode('train'), ({ from, right }) => ({
    ...right,
    stateAfter: { ...right.stateAfter, ...from.state },
  })),
  inSteps(
    'running-var-not-moved',
    'with a runningVar that does not move',
    both(inMode('train'), ({ state }) => Boolean(state.runningVar)),
    ({ from, right }) => ({ ...right, stateAfter: { ...right.stateAfter, runningVar: from.state.runningVar! } }),
  ),
  inSteps(
    'batches-not-counted',
    'with a numBatchesTracked that does not count',
    both(inMode('train'), ({ state }) => Boolean(state.numBatchesTracked)),
    ({ from, right }) => ({ ...right, stateAfter: { ...right.stateAfter, numBatchesTracked: from.state.numBatchesTracked! } }),
  ),
  inSteps('statistics-updated-in-eval', 'with a state that moves in evaluation', inMode('eval'), ({ call, right, again }) =>
    call.mode === 'eval' ? { ...right, stateAfter: again({ mode: 'train' }).stateAfter } : right,
  ),
  inSteps('batch-statistics-in-eval', 'with the statistics of the batch in evaluation', inMode('eval'), ({ call, right, again }) =>
    call.mode === 'eval' ? { ...again({ mode: 'train' }), stateAfter: right.stateAfter } : right,
  ),
  inSteps('train-mode-in-eval', 'with evaluation run as training', inMode('eval'), ({ call, right, again }) =>
    call.mode === 'eval' ? again({ mode: 'train' }) : right,
  ),
  inSteps('running-statistics-in-training', 'with the running statistics in training', inMode('train'), ({ call, right, again }) =>
    call.mode === 'train' ? { ...again({ mode: 'eval' }), stateAfter: right.stateAfter } : right,
  ),
];

/** What goes wrong between two calls of one object. */
export const calls = (): readonly Mistake[] => [
  {
    name: 'saved-x-hat-reused',
    says: 'with what the last call saved in the backward of every call',
    fits: ({ calls: all }) => all.length > 1,
    // every backward is that of the last call, with a dy of its own
    answer(asked, right) {
      const last = asked.calls.length - 1;
      const from = right[last - 1]!.stateAfter;
      const held = { params: { ...asked.params, ...only(from, asked.params) }, state: { ...asked.state, ...only(from, asked.state) } };
      return right.map((call, i) => {
        const { gradOutputs } = asked.calls[i]!;
        const [found] = answer({ ...asked, ...held, calls: [{ ...asked.calls[last]!, gradOutputs }] }, 'definition');
        return { ...call, grads: { ...call.grads, ...only(found!.grads, call.grads) } };
      });
    },
  },
  {
    name: 'gradients-not-cleared',
    says: 'with the gradients of the calls before added',
    fits: ({ calls: all, params }) => all.length > 1 && Object.keys(params).length > 0,
    answer(asked, right) {
      const sums: Tensors = {};
      return right.map((call) => {
        for (const [name, gradient] of Object.entries(call.grads)) {
          if (asked.params[name]) sums[name] = mapped(gradient, (value, i) => value + (sums[name]?.data[i] ?? 0));
        }
        return { ...call, grads: { ...call.grads, ...only(sums, call.grads) } };
      });
    },
  },
];

/** The tensors of those names that `names` has. */
function only(tensors: Readonly<Tensors>, names: Readonly<Tensors>): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names[name]));
}
