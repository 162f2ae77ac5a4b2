/** Mistakes of norms with a state of their own kind: ActNorm and online norm. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { zeros } from '../../tensor/create.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Answer } from '../answer.ts';
import { type Case, type CaseCall, mapTensors } from '../case.ts';
import { single, type Step, stepByStep } from './change-case.ts';
import { mapped, type Mistake, of } from './mistake.ts';
import { inSteps } from './state.ts';

const fresh = (): Tensors => ({ initialized: zeros([], { dtype: 'float64' }) });

export const actNorm = (): readonly Mistake[] => [
  inSteps(
    'initializes-again-in-eval',
    'with the parameters set again from the batch in evaluation',
    (asked) => of('activation')(asked) && asked.calls.some(({ mode, op }) => mode === 'eval' && op === undefined),
    ({ call, right, again }) => (call.mode === 'eval' && call.op === undefined ? again({ mode: 'train' }, fresh()) : right),
  ),
  inSteps(
    'initializes-in-every-training-call',
    'with the parameters set again in every training call',
    (asked) => of('activation')(asked) && asked.calls.some(({ mode, op }) => mode === 'train' && op === undefined),
    ({ call, right, again }) => (call.mode === 'train' && call.op === undefined ? again({}, fresh()) : right),
  ),
];

/** One sample of every tensor of a call. */
function sample(call: CaseCall, n: number): CaseCall {
  const one = (x: Tensor): Tensor => {
    const length = x.data.length / x.shape[0]!;
    return new Tensor(Float64Array.from(x.data.subarray(n * length, (n + 1) * length)), [1, ...x.shape.slice(1)]);
  };
  return { ...call, inputs: mapTensors(call.inputs, one), gradOutputs: mapTensors(call.gradOutputs, one) };
}

/** Answers to samples as one answer: outputs and dx one after the other, gradients of parameters added up. */
function joined(parts: readonly Answer[], { inputs }: CaseCall): Answer {
  const last = parts[parts.length - 1]!;
  const stacked = (name: string, of: (part: Answer) => Tensor): Tensor => {
    const all = parts.map(of);
    if (inputs[name] || name === 'y') {
      const data = Float64Array.from(all.flatMap((part) => Array.from(part.data)));
      return new Tensor(data, [parts.length, ...all[0]!.shape.slice(1)]);
    }
    return all.reduce((total, more) => mapped(total, (value, i) => value + more.data[i]!));
  };
  return {
    outputs: mapTensors(last.outputs, (_, name) => stacked(name, (part) => part.outputs[name]!)),
    grads: mapTensors(last.grads, (_, name) => stacked(name, (part) => part.grads[name]!)),
    stateAfter: last.stateAfter,
  };
}

/** Online norm sample by sample: which statistics a sample is normalized with, and which the next one sees. */
function stream(
  name: string,
  says: string,
  change: (asked: Case, before: Tensors, moved: Tensors) => { uses?: Tensors; leaves?: Tensors },
): Mistake {
  return {
    name,
    says,
    fits: (asked) => of('online')(asked) && asked.calls.some(({ mode }) => mode === 'train'),
    answer: (asked) =>
      stepByStep(asked, ({ call, from, right }: Step) => {
        if (call.mode !== 'train') return right;
        let state = from.state;
        const parts = Array.from({ length: call.inputs.x!.shape[0]! }, (_, n) => {
          const one = sample(call, n);
          const once = single(asked, one, { params: from.params, state });
          const { runningMean, runningVar } = once.stateAfter;
          const { uses = {}, leaves = {} } = change(asked, state, { runningMean: runningMean!, runningVar: runningVar! });
          const used = single(asked, one, { params: from.params, state: { ...state, ...uses } });
          state = { ...used.stateAfter, runningMean: runningMean!, runningVar: runningVar!, ...leaves };
          return { ...used, stateAfter: state };
        });
        return joined(parts, call);
      }),
  };
}

export const online = (): readonly Mistake[] => [
  stream('online-moved-statistics', 'with each sample normalized with the statistics that it has moved', (_, __, moved) => ({
    uses: moved,
  })),
  stream('online-new-sigma', 'with the deviation that the sample has moved already', (_, __, { runningVar }) => ({
    uses: { runningVar: runningVar! },
  })),
  stream('online-mean-first', 'with the mean moved before the variance uses it', ({ config }, { runningMean }, after) => {
    const { alphaFwd = 0.999 } = config as { alphaFwd?: number };
    if (alphaFwd === 1) return {};
    return {
      leaves: {
        runningVar: mapped(after.runningVar!, (v, c) => {
          const away = (after.runningMean!.data[c]! - runningMean!.data[c]!) / (1 - alphaFwd);
          return v - alphaFwd * (1 - alphaFwd) * away * away * (1 - alphaFwd * alphaFwd);
        }),
      },
    };
  }),
];
