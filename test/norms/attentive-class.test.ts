import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import {
  AttentiveNorm,
  attentiveNorm,
  attentiveNormDefinition,
  type AttentiveNormLayerOptions,
  type AttentiveNormOptions,
  type AttentiveNormParameters,
  type AttentiveNormState,
  attentiveNormState,
} from '../../src/norms/attentive.ts';
import { ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('attentive, class and arguments');
const float64 = { dtype: 'float64' } as const;
const both = [attentiveNorm, attentiveNormDefinition];
const make = (options: Partial<AttentiveNormLayerOptions> = {}, numFeatures = 3): AttentiveNorm =>
  new AttentiveNorm(numFeatures, { random: new Random(1), numComponents: 2, ...options });

test('every attention mode of the released code is a choice of options, with its own parameters and state', () => {
  const normed = ['attentionNormWeight', 'attentionNormBias'];
  const hidden = ['attentionHiddenWeight', 'attentionHiddenNormWeight', 'attentionHiddenNormBias'];
  const tracked = ['attentionRunningMean', 'attentionRunningVar'];
  const modes: [Partial<AttentiveNormLayerOptions>, string[], string[]][] = [
    [{ attention: 'sigmoid', attentionNorm: 'none' }, ['attentionWeight', 'attentionBias'], []],
    [{ attention: 'sigmoid', attentionNorm: 'none', attentionHidden: 4 }, ['attentionHiddenWeight', 'attentionHiddenBias', 'attentionWeight', 'attentionBias'], []],
    [{}, ['attentionWeight', ...normed], tracked],
    [{ attentionHidden: 4 }, [...hidden, 'attentionWeight', ...normed], ['attentionHiddenRunningMean', 'attentionHiddenRunningVar', ...tracked]],
    [{ attentionNorm: 'none' }, ['attentionWeight', 'attentionBias'], []],
    [{ attention: 'sigmoid' }, ['attentionWeight', ...normed], tracked],
    [{ attention: 'softmax' }, ['attentionWeight', ...normed], tracked],
  ];
  const x = normal(new Random(2), [4, 3, 2, 2]);
  for (const [options, head, state] of modes) {
    for (const backbone of [{ backbone: 'batch' }, { backbone: 'group', numGroups: 3 }] as const) {
      const norm = make({ attentionNorm: 'batch', ...options, ...backbone });
      const own = backbone.backbone === 'batch' ? ['runningMean', 'runningVar'] : [];
      assert.equal(Object.keys(norm.stateDict()), ['weight', 'bias', ...head, ...own, ...state]);
      const { y, attention } = norm.forwardWithAttention(x);
      assert.equal([y.shape, attention.shape], [x.shape, [4, 2]]);
      backward(sum(norm.forward(x)));
      for (const [name, parameter] of norm.namedParameters()) assert.equal(parameter.grad?.shape, parameter.shape, name);
    }
  }
});

test('without further options it is a batch norm with hsigmoid behind a norm and 10 components; with groups the head has a bias', () => {
  const random = new Random(1);
  const norm = new AttentiveNorm(3, { random });
  assert.equal(norm.weight.shape, [10, 3]);
  const x = normal(new Random(2), [4, 3, 5]);
  const given = attentiveNorm(x, norm, null, { backbone: 'batch', attention: 'hsigmoid', attentionNorm: 'batch', descriptor: 'meanStd', eps: 1e-5, attentionEps: 1e-3, unbiased: false });
  assert.equal(toArray(norm.forward(x)), toArray(given.y));
  const grouped = new AttentiveNorm(4, { random, backbone: 'group', numGroups: 2 });
  assert.ok(grouped.attentionBias);
  assert.equal(Object.keys(grouped.state), []);
});

test('the scales begin around 1, the shifts around 0, the head uniform; zeroInit begins with 0 and learns', () => {
  const norm = new AttentiveNorm(64, { random: new Random(3), numComponents: 50, attentionHidden: 16, attentionNorm: 'none' });
  const moments = ({ data }: Tensor): [number, number] => {
    const values = Array.from(data);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return [mean, Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)];
  };
  for (const [table, center] of [[norm.weight, 1], [norm.bias, 0]] as const) {
    const [mean, std] = moments(table);
    assert.ok(Math.abs(mean - center) < 0.01 && Math.abs(std - 0.1) < 0.01);
  }
  const bounded: [Tensor | null, number][] = [[norm.attentionHiddenWeight, 64], [norm.attentionHiddenBias, 64], [norm.attentionWeight, 16], [norm.attentionBias, 16]];
  for (const [values, fanIn] of bounded) {
    const largest = Math.max(...Array.from(values!.data, Math.abs));
    assert.ok(largest <= 1 / Math.sqrt(fanIn) && largest > 0.7 / Math.sqrt(fanIn));
  }
  const zero = make({ zeroInit: true });
  const x = normal(new Random(4), [4, 3, 5]);
  const y = zero.forward(x);
  assert.ok(y.data.every((value) => value === 0));
  backward(y, normal(new Random(5), [4, 3, 5]));
  assert.ok(zero.weight.grad!.data.every((value) => value !== 0));
});

test('one training call with momentum 1, its variances made biased, gives the same in evaluation', () => {
  const x = normal(new Random(6), [5, 3, 4], 1, 2, float64);
  const norm = make({ momentum: 1, attentionHidden: 2, ...float64 });
  const trained = norm.forwardWithAttention(x);
  for (const [name, count] of [['runningVar', 20], ['attentionRunningVar', 5], ['attentionHiddenRunningVar', 5]] as const) {
    const biased = norm.state[name]!.data;
    for (let i = 0; i < biased.length; i++) biased[i]! *= (count - 1) / count;
  }
  const evaluated = norm.eval().forwardWithAttention(x);
  assertClose(evaluated.y, trained.y, 1e-12);
  assertClose(evaluated.attention, trained.attention, 1e-12);
});

test('higher derivatives leave the state alone', () => {
  const x = normal(new Random(7), [4, 3, 2], 1, 2, { ...float64, requiresGrad: true });
  const norm = make(float64);
  const y = norm.forward(x);
  const before = norm.buffers().map((s) => toArray(s));
  const [dx] = grad([sum(y)], [x], { createGraph: true });
  backward(sum(dx!));
  assert.equal(norm.buffers().map((s) => toArray(s)), before);
});

/** Mean and unbiased variance of each column. */
function columns(rows: readonly (readonly number[])[]): { mean: number[]; variance: number[] } {
  const mean = rows[0]!.map((_, c) => rows.reduce((a, row) => a + row[c]!, 0) / rows.length);
  const variance = mean.map((m, c) => rows.reduce((a, row) => a + (row[c]! - m) ** 2, 0) / (rows.length - 1));
  return { mean, variance };
}

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const variants: Partial<AttentiveNormLayerOptions>[] = [{}, { momentum: 1 }, { momentum: 0, attentionHidden: 2 }, { momentum: 0.5, attentionHidden: 2 }];
  for (const options of variants) {
    const build = (): AttentiveNorm => make({ ...options, ...float64 }, 2);
    const { attentionWeight, attentionHiddenWeight } = build();
    const product = (rows: number[][], { shape, data }: Tensor): number[][] =>
      rows.map((row) => Array.from({ length: shape[0]! }, (_, k) => row.reduce((a, value, c) => a + value * data[k * shape[1]! + c]!, 0)));
    const step = (state: PlainState, { shape, data }: Tensor): PlainState => {
      const [N, C] = shape as [number, number];
      const S = sizeOf(shape.slice(2));
      const values = (n: number, c: number): number[] => Array.from(data.slice((n * C + c) * S, (n * C + c + 1) * S));
      const channels = Array.from({ length: N }, (_, n) => Array.from({ length: S }, (_, s) => [0, 1].map((c) => values(n, c)[s]!))).flat();
      const t = Array.from({ length: N }, (_, n) => [0, 1].map((c) => {
        const of = values(n, c);
        const m = of.reduce((a, b) => a + b, 0) / S;
        return m / Math.sqrt(of.reduce((a, b) => a + (b - m) ** 2, 0) / S + 1e-3);
      }));
      const seen: Record<string, ReturnType<typeof columns>> = { running: columns(channels) };
      let last = t;
      if (attentionHiddenWeight) {
        const z = product(t, attentionHiddenWeight);
        const { mean, variance } = (seen.attentionHiddenRunning = columns(z));
        last = z.map((row) => row.map((value, k) => Math.max(0, (value - mean[k]!) / Math.sqrt((variance[k]! * (N - 1)) / N + 1e-5))));
      }
      seen.attentionRunning = columns(product(last, attentionWeight));
      const f = options.momentum ?? 0.1;
      return Object.fromEntries(Object.keys(state).map((name) => {
        const found = seen[name.slice(0, -(name.endsWith('Mean') ? 4 : 3))]![name.endsWith('Mean') ? 'mean' : 'variance'];
        return [name, state[name]!.map((value, i) => (1 - f) * value + f * found[i]!)];
      }));
    };
    const pairs = ['running', ...(attentionHiddenWeight ? ['attentionHiddenRunning'] : []), 'attentionRunning'];
    checkStateful({
      make: build,
      variants: 1,
      initial: Object.fromEntries(pairs.flatMap((name) => [[`${name}Mean`, [0, 0]], [`${name}Var`, [1, 1]]])),
      step: (state, x) => step(state, x),
      shapes: [[2, 2, 3], [5, 2, 1], [3, 2, 2, 2]],
    });
  }
});

const x = normal(new Random(8), [4, 3, 2]);
const base: AttentiveNormParameters = {
  weight: ones([2, 3]), bias: zeros([2, 3]), attentionWeight: ones([2, 3]), attentionNormWeight: ones([2]), attentionNormBias: zeros([2]),
};

/** Asserts that both forms refuse a call, and that the state stays as it was. */
function refused(parameters: object, options: object, name: string, message: RegExp, given = x, state: AttentiveNormState | null = null): void {
  const before = state && Object.values(state).map((s) => toArray(s));
  for (const form of both) assertThrows(() => form(given, { ...base, ...parameters }, state, options as AttentiveNormOptions), name, message);
  assert.equal(state && Object.values(state).map((s) => toArray(s)), before);
}

test('shapes that do not fit are refused, and what they should be is said', () => {
  refused({}, {}, 'ShapeError', /x must be \[N, C, \.\.\.spatial\], of rank 3 to 5/, zeros([4, 3]));
  refused({ weight: ones([3]) }, {}, 'ShapeError', /weight must be \[numComponents, 3\]/);
  refused({ weight: ones([0, 3]) }, {}, 'ShapeError', /weight must be \[numComponents, 3\]/);
  refused({ bias: ones([3, 3]) }, {}, 'ShapeError', /bias must have shape \[2, 3\]/);
  refused({ attentionWeight: ones([2, 4]) }, {}, 'ShapeError', /attentionWeight must have shape \[2, 3\]/);
  refused({ attentionNormBias: ones([3]) }, {}, 'ShapeError', /attentionNormBias must have shape \[2\]/);
  refused({ weight: ones([2, 3], float64) }, {}, 'TypeError', /weight must have the dtype of x, float32, got float64/);
  const hidden = { attentionHiddenWeight: ones([5, 3]), attentionHiddenNormWeight: ones([5]), attentionHiddenNormBias: ones([5]) };
  refused(hidden, {}, 'ShapeError', /attentionWeight must have shape \[2, 5\]/);
  refused({ ...hidden, attentionWeight: ones([2, 5]), attentionHiddenNormWeight: ones([4]) }, {}, 'ShapeError', /attentionHiddenNormWeight must have shape \[5\]/);
});

test('tensors of the head that are missing or have no part are refused by name', () => {
  refused({ attentionNormWeight: null }, {}, 'TypeError', /attentionNorm 'batch' has attentionWeight, attentionNormWeight, attentionNormBias, got no attentionNormWeight/);
  refused({ attentionBias: ones([2]) }, {}, 'TypeError', /got attentionBias/);
  refused({}, { attentionNorm: 'none' }, 'TypeError', /attentionNorm 'none' has attentionWeight, attentionBias, got no attentionBias/);
  refused({ attentionHiddenBias: ones([2]) }, {}, 'TypeError', /a head without a hidden layer has no attentionHidden tensors, got attentionHiddenBias/);
  refused({ attentionHiddenWeight: ones([2, 3]) }, {}, 'TypeError', /got no attentionHiddenNormWeight/);
});

test('options outside their range are refused', () => {
  refused({}, { backbone: 'layer' }, 'RangeError', /backbone must be 'batch' or 'group', got layer/);
  refused({}, { attention: 'tanh' }, 'RangeError', /attention must be 'hsigmoid' or 'sigmoid' or 'softmax', got tanh/);
  refused({}, { attentionNorm: 'layer' }, 'RangeError', /attentionNorm must be 'batch' or 'none'/);
  refused({}, { descriptor: 'std' }, 'RangeError', /descriptor must be 'mean' or 'meanStd'/);
  refused({}, { eps: -1 }, 'RangeError', /: eps must be finite/);
  refused({}, { attentionEps: NaN }, 'RangeError', /attentionEps must be finite/);
  refused({}, { momentum: 2 }, 'RangeError', /momentum must be in \[0, 1\]/);
  refused({}, { numGroups: 3 }, 'RangeError', /numGroups is for the backbone 'group', got 3 for 'batch'/);
  refused({}, { backbone: 'group' }, 'RangeError', /numGroups must be a positive integer/);
  refused({}, { backbone: 'group', numGroups: 2 }, 'ShapeError', /numGroups must divide the number of channels, got 2 for 3/);
});

test('statistics of a single value are refused: a batch of one behind a norm in the head, one value per channel, one position when unbiased', () => {
  refused({}, {}, 'ShapeError', /more than one value per component, got x of shape \[1, 3, 2\]/, zeros([1, 3, 2]));
  const biased = { attentionNormWeight: null, attentionNormBias: null, attentionBias: zeros([2]) };
  refused(biased, { attentionNorm: 'none' }, 'ShapeError', /more than one value per channel, got x of shape \[1, 3, 1\]/, zeros([1, 3, 1]));
  refused({}, { unbiased: true }, 'ShapeError', /two positions when unbiased, got x of shape \[4, 3, 1\]/, zeros([4, 3, 1]));
  refused({}, {}, 'ShapeError', /need a position, got x of shape \[4, 3, 0\]/, zeros([4, 3, 0]));
  // none of these is an obstacle to evaluation with a state, and one sample is enough where only its channels are averaged over
  const state = attentiveNormState(3, { numComponents: 2 });
  assert.equal(attentiveNorm(zeros([1, 3, 1]), base, state, { training: false }).y.shape, [1, 3, 1]);
  assert.equal(attentiveNorm(zeros([1, 3, 2]), { ...base, ...biased }, null, { attentionNorm: 'none' }).y.shape, [1, 3, 2]);
});

test('a state that lacks statistics, or does not fit, is refused and not changed', () => {
  const state = attentiveNormState(3, { numComponents: 2 });
  const { attentionRunningVar: _var, ...without } = state;
  refused({}, {}, 'TypeError', /the state must have attentionRunningMean and attentionRunningVar; make it with attentiveNormState/, x, without);
  refused({}, {}, 'ShapeError', /attentionRunningMean must have shape \[2\]/, x, { ...state, attentionRunningMean: zeros([3]) });
  refused({}, { training: false }, 'RangeError', /attentionRunningVar must not be negative, got -1 at channel 1/, x, { ...state, attentionRunningVar: tensor([1, -1]) });
  refused({}, { training: false }, 'RangeError', /: runningVar must not be negative, got -2 at channel 0/, x, { ...state, runningVar: tensor([-2, 1, 1]) });
  refused({}, { eps: -1 }, 'RangeError', /eps/, x, state);
});

test('a class is refused for what its norm would be refused for', () => {
  assertThrows(() => make({}, 0), 'RangeError', /AttentiveNorm: numFeatures must be a positive integer, got 0/);
  assertThrows(() => make({ numComponents: 0 }), 'RangeError', /numComponents must be a positive integer, got 0/);
  assertThrows(() => make({ attentionHidden: -1 }), 'RangeError', /attentionHidden must be a positive integer, got -1/);
  assertThrows(() => new AttentiveNorm(3, {} as AttentiveNormLayerOptions), 'TypeError', /random must be a generator/);
  assertThrows(() => make({ backbone: 'group', numGroups: 2 }), 'ShapeError', /numGroups must divide/);
  assertThrows(() => make({ momentum: -1 }), 'RangeError', /momentum/);
  assertThrows(() => make().forward(zeros([4, 2, 2])), 'ShapeError', /AttentiveNorm: x must have 3 channels at axis 1, got shape \[4, 2, 2\]/);
});

test.run();
