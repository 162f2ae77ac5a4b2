/** Mistakes of norms with a state of their own kind: ActNorm, online norm, sync batch norm, decorrelated batch norm. */
import type { Tensors } from '../../norms/catalog/entry.ts';
import { zeros } from '../../tensor/create.ts';
import { symmetricEigen } from '../../tensor/eigen.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Answer } from '../answer.ts';
import { type Case, type CaseCall, mapTensors } from '../case.ts';
import { single, type Step, stepByStep } from './change-case.ts';
import { mapped, type Mistake, of, replaced } from './mistake.ts';
import { momentsOf, standardized } from './standardization.ts';
import { inSteps, movedTo, weightOf } from './state.ts';
import { viewOf } from './views.ts';

const fresh = (): Tensors => ({ initialized: zeros([], { dtype: 'float64' }) });

export const actNorm: readonly Mistake[] = [
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
    if (inputs[name] || name === 'y') return new Tensor(Float64Array.from(all.flatMap(({ data }) => Array.from(data))), [parts.length, ...all[0]!.shape.slice(1)]);
    return all.reduce((total, more) => mapped(total, (value, i) => value + more.data[i]!));
  };
  return {
    outputs: mapTensors(last.outputs, (_, name) => stacked(name, (part) => part.outputs[name]!)),
    grads: mapTensors(last.grads, (_, name) => stacked(name, (part) => part.grads[name]!)),
    stateAfter: last.stateAfter,
  };
}

/** Online norm sample by sample: which statistics a sample is normalized with, and which the next one sees. */
function stream(name: string, says: string, change: (asked: Case, before: Tensors, moved: Tensors) => { uses?: Tensors; leaves?: Tensors }): Mistake {
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

export const online: readonly Mistake[] = [
  stream('online-moved-statistics', 'with each sample normalized with the statistics that it has moved', (_, __, moved) => ({ uses: moved })),
  stream('online-new-sigma', 'with the deviation that the sample has moved already', (_, __, { runningVar }) => ({ uses: { runningVar: runningVar! } })),
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

/** Sync batch norm with other pooled moments; running values move to them too. */
function pooled(name: string, says: string, pool: (parts: readonly { mean: number; variance: number }[], right: { mean: number; variance: number }) => { mean: number; variance: number }): Mistake {
  return {
    name,
    says,
    fits: (asked) => of('sync-batch')(asked) && Object.keys(asked.calls[0]!.inputs).length > 1,
    answer: (asked) =>
      stepByStep(asked, ({ call, from, right }) => {
        const view = viewOf({ ...asked, ...from, calls: [call] }, [], 0);
        if (!view || view.given) return right;
        const xs = Object.values(call.inputs);
        const channels = view.statistics.channel;
        const exact = momentsOf(view, (n) => n);
        const parts = xs.map((x) => {
          const inner = x.data.length / (x.shape[0]! * channels);
          return momentsOf({ ...view, x: Float64Array.from(x.data), statistics: { outer: x.shape[0]!, channel: channels, inner } }, (n) => n);
        });
        const found = Array.from({ length: channels }, (_, c) =>
          pool(parts.map(({ mean, variance }) => ({ mean: mean[c]!, variance: variance[c]! })), { mean: exact.mean[c]!, variance: exact.variance[c]! }),
        );
        const moments = { mean: found.map(({ mean }) => mean), variance: found.map(({ variance }) => variance) };
        const result = standardized(view, { moments, own: true });
        const grads = view.grads(result);
        const parameters: Tensors = right.grads.weight ? { weight: new Tensor(result.dWeight, right.grads.weight.shape) } : {};
        let stateAfter = right.stateAfter;
        if (stateAfter.runningMean) {
          const n = view.statistics.inner;
          const weight = weightOf(asked.config, stateAfter);
          stateAfter = movedTo(stateAfter, from.state, 'runningMean', weight, (_, c) => moments.mean[c]!);
          stateAfter = movedTo(stateAfter, from.state, 'runningVar', weight, (_, c) => (moments.variance[c]! * n) / (n - 1));
        }
        return { outputs: { ...right.outputs, ...view.outputs(result.y) }, grads: { ...right.grads, ...grads, ...parameters, ...copies(right, result.dBias, asked, call, moments) }, stateAfter };
      }),
  };
}

/** The gradients of the copies of weight in each replica, of xHat with these moments. */
function copies(right: Answer, _: Float64Array, asked: Case, call: CaseCall, { mean, variance }: { mean: readonly number[]; variance: readonly number[] }): Tensors {
  const { eps = 1e-5 } = asked.config as { eps?: number };
  return Object.fromEntries(
    Object.keys(call.inputs).flatMap((name) => {
      const r = name.slice(1);
      const [x, dy] = [call.inputs[name]!, call.gradOutputs[`y${r}`]];
      if (!right.grads[`weight${r}`] || !dy) return [];
      const channels = mean.length;
      const inner = x.data.length / (x.shape[0]! * channels);
      const sums = new Float64Array(channels);
      x.data.forEach((value, i) => {
        const c = Math.floor(i / inner) % channels;
        sums[c]! += (dy.data[i]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + eps);
      });
      return [[`weight${r}`, new Tensor(sums, [channels])] as const];
    }),
  );
}

const average = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;

export const replicas: readonly Mistake[] = [
  pooled('replica-means-averaged', 'with the means of replicas averaged, whatever their sizes', (parts, right) => ({ ...right, mean: average(parts.map(({ mean }) => mean)) })),
  pooled('replica-moments-averaged', 'with mean and mean square of replicas averaged, whatever their sizes', (parts) => {
    const mean = average(parts.map((part) => part.mean));
    return { mean, variance: average(parts.map((part) => part.variance + part.mean ** 2)) - mean ** 2 };
  }),
  pooled('replica-variances-averaged', 'with the variances of replicas averaged, without the spread between them', (parts) => ({
    mean: average(parts.map(({ mean }) => mean)),
    variance: average(parts.map(({ variance }) => variance)),
  })),
];

/** Whether the covariance of a group of channels has an eigenvalue twice. */
function repeats(x: Tensor, group: number, size: number): boolean {
  const [samples, channels] = x.shape as [number, number];
  const inner = x.data.length / (samples * channels);
  const row = (c: number): Float64Array =>
    Float64Array.from({ length: samples * inner }, (_, i) => x.data[(Math.floor(i / inner) * channels + c) * inner + (i % inner)]!);
  const centred = Array.from({ length: size }, (_, k) => {
    const values = row(group * size + k);
    const mean = average(Array.from(values));
    return values.map((value) => value - mean);
  });
  const covariance = centred.flatMap((a) => centred.map((b) => a.reduce((total, value, i) => total + value * b[i]!, 0) / a.length));
  const { values } = symmetricEigen(covariance, size);
  return values.some((value, i) => i > 0 && Math.abs(value - values[i - 1]!) <= 1e-9 * Math.abs(values[0]!));
}

export const whitening: readonly Mistake[] = [
  {
    name: 'eigenvalue-gaps-divide',
    says: 'with a derivative that divides by differences of eigenvalues, and is NaN where two are equal',
    fits: (asked) => of('decorrelated-batch')(asked) && asked.config.method === 'zca',
    answer: (asked, right) =>
      replaced(right, ({ grads }, index) => {
        const { mode, inputs } = asked.calls[index]!;
        const x = inputs.x!;
        if ((mode === 'eval' && asked.state.runningMean) || !grads.x) return null;
        const [samples, channels] = x.shape as [number, number];
        const inner = x.data.length / (samples * channels);
        const size = channels / ((asked.config.numGroups as number | undefined) ?? 1);
        const spoilt = Array.from({ length: channels / size }, (_, g) => size > 1 && repeats(x, g, size));
        return { grads: { x: mapped(grads.x, (value, i) => (spoilt[Math.floor((Math.floor(i / inner) % channels) / size)] ? NaN : value)) } };
      }),
  },
];
