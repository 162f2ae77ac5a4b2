/** What online norm carries through its stream: by model, at the edges, and what it refuses. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { add } from '../../src/autograd/add.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { sum } from '../../src/autograd/sum.ts';
import { OnlineNorm, onlineNorm, onlineNormDefinition, type OnlineNormOptions, onlineNormState, type OnlineNormState } from '../../src/norms/online.ts';
import { assign } from '../../src/tensor/assign.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { backward as modelBackward, type Channel, forward as modelForward } from '../support/online-stream.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('state of online norm');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const held = (state: OnlineNormState): unknown[] => Object.values(state).map((part: Tensor) => toArray(part));

test('any sequence of training with and without backward, evaluation, saving and loading keeps the state of the recursions', () => {
  const variants = [{ alphaFwd: 0.75, alphaBkw: 0.5 }, { alphaFwd: 0, alphaBkw: 1 }, { alphaFwd: 1, alphaBkw: 0 }];
  const step = (state: PlainState, x: Tensor, variant: number, wentBackward: boolean): PlainState => {
    const stream = { eps: 0.5, ...variants[variant]! };
    const [samples, channels] = x.shape as [number, number];
    const inner = x.data.length / samples / channels;
    const next: Channel[] = [];
    for (let c = 0; c < channels; c++) {
      const channel = {
        mu: state.runningMean![c]!,
        v: state.runningVar![c]!,
        errorMean: state.errorMean![c]!,
        errorProj: state.errorProj![c]!,
      };
      const rows = Array.from({ length: samples }, (_, t) => [...x.data.slice((t * channels + c) * inner, (t * channels + c + 1) * inner)]);
      const normalized = modelForward(channel, rows, stream);
      const gradients = normalized.map(({ y }) => y.map((value) => (Math.abs(value) <= 1 ? 1 : 0)));
      if (wentBackward) modelBackward(channel, normalized, gradients, stream);
      next.push(channel);
    }
    return {
      runningMean: next.map(({ mu }) => mu),
      runningVar: next.map(({ v }) => v),
      errorMean: next.map(({ errorMean }) => errorMean),
      errorProj: next.map(({ errorProj }) => errorProj),
    };
  };
  checkStateful({
    make: (variant) => new OnlineNorm(2, { ...variants[variant]!, eps: 0.5, clampValue: 1, ...float64 }),
    variants: variants.length,
    initial: { runningMean: [0, 0], runningVar: [1, 1], errorMean: [0, 0], errorProj: [0, 0] },
    step,
    shapes: [[1, 2], [4, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('two forwards before their backwards each go backward with their own statistics, and the errors move as they run', () => {
  const x = [normal(new Random(1), [2, 1, 3], 0, 1, float64), normal(new Random(2), [2, 1, 3], 0, 1, float64)];
  const dy = normal(new Random(3), [2, 1, 3], 0, 1, float64);
  const options = { alphaFwd: 0.5, alphaBkw: 0.5 };
  const run = (order: readonly number[], together: boolean): { dx: number[][]; state: OnlineNormState } => {
    const state = onlineNormState(1, float64);
    const inputs = x.map(leaf);
    const dx: number[][] = [];
    const back = (y: Tensor, i: number): void => void (dx[i] = [...grad([y], [inputs[i]!], { gradOutputs: [dy] })[0]!.data]);
    if (together) {
      const ys = inputs.map((input) => onlineNorm(input, null, null, state, options));
      for (const i of order) back(ys[i]!, i);
    } else {
      inputs.forEach((input, i) => back(onlineNorm(input, null, null, state, options), i));
    }
    return { dx, state };
  };
  assert.equal(run([0, 1], true), run([0, 1], false));
  const turned = run([1, 0], true);
  assert.is.not(turned.dx[0]![0], run([0, 1], true).dx[0]![0]);
});

test('the errors move where a gradient of x is given out, and nowhere else', () => {
  for (const norm of [onlineNorm, onlineNormDefinition]) {
    const state = onlineNormState(2, float64);
    const x = normal(new Random(4), [3, 2, 2], 0, 1, float64);
    const [weight, bias] = [leaf(double([2, 3])), leaf(double([0, 1]))];
    const dy = normal(new Random(5), [3, 2, 2], 0, 1, float64);
    const options = { alphaFwd: 1 };
    const alone = grad([norm(x, weight, bias, state, options)], [weight, bias], { gradOutputs: [dy] });
    grad([norm(leaf(x), weight, bias, state, options)], [weight], { gradOutputs: [dy] });
    assert.equal(held(state).slice(2), [[0, 0], [0, 0]]);
    const input = leaf(x);
    const both = grad([norm(input, weight, bias, state, options)], [input, weight, bias], { gradOutputs: [dy] });
    assertClose(both[1]!, alone[0]!, 1e-15);
    assertClose(both[2]!, alone[1]!, 1e-15);
    assert.ok(state.errorMean.data.every((value) => value !== 0) && state.errorProj.data.every((value) => value !== 0));
  }
});

test('a graph with two online norms refuses a second backward before either has moved', () => {
  const [first, second] = [new OnlineNorm(1, float64), new OnlineNorm(1, float64)];
  const x = leaf(double([[1], [2]]));
  const trunk = first.forward(x);
  const [one, two] = [sum(trunk), sum(second.forward(trunk))];
  backward(one, undefined, { retainGraph: true });
  const before = held(second.state);
  const message = /onlineNorm goes backward once for each forward, .*; run the forward again, or add the losses up and go backward once/;
  assertThrows(() => backward(two), 'Error', message);
  assert.equal(held(second.state), before);
  const again = second.forward(first.forward(x));
  backward(add(sum(again), sum(again)));
  assert.is.not(held(second.state)[3], before[3]);
});

test('in evaluation a graph may go backward again, and has higher derivatives of the statistics as they were', () => {
  for (const ecm of ['clamp', 'layerScaling', 'none'] as const) {
    const state = onlineNormState(2, float64);
    const x = leaf(normal(new Random(6), [3, 2, 2], 0, 1, float64));
    const y = onlineNorm(x, double([2, 3]), null, state, { ecm, training: false });
    const dy = normal(new Random(7), [3, 2, 2], 0, 1, float64);
    const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
    assign(state.runningMean, double([7, 7]));
    assertClose(grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!, plain, 0);
    assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-14);
  }
});

test('far from its start the errors overshoot and decay; clamping keeps them at 0, layer scaling keeps them small', () => {
  const peak = (options: OnlineNormOptions): { most: number; last: number } => {
    const state = onlineNormState(1, float64);
    const random = new Random(8);
    let [most, last] = [0, 0];
    for (let t = 0; t < 400; t++) {
      const x = leaf(normal(random, [1, 1, 16], 1000, 1, float64));
      backward(onlineNorm(x, null, null, state, options), normal(random, [1, 1, 16], 0, 1, float64));
      most = Math.max(most, (last = Math.abs(state.errorProj.data[0]!)));
    }
    return { most, last };
  };
  const free = peak({ ecm: 'none' });
  assert.ok(free.most > 1e3 && free.last < 1e-2 * free.most, `${free.most}, ${free.last}`);
  assert.ok(peak({ ecm: 'layerScaling' }).most < 100);
  const state = onlineNormState(1, float64);
  for (let t = 0; t < 20; t++) {
    const x = leaf(full([1, 1, 4], 1000 + t, float64));
    backward(onlineNorm(x, null, null, state, {}), ones([1, 1, 4], float64));
  }
  assert.equal(held(state).slice(2), [[0], [0]]);
});

test('with better statistics written into the state, data far from (0, 1) are normalized from the first sample on', () => {
  const norm = new OnlineNorm(1, float64);
  assign(norm.state.runningMean, double([1000]));
  assign(norm.state.runningVar, double([4]));
  assertClose(norm.forward(double([[[998, 1002]]])), [[[-1, 1]]], 1e-5);
});

test('a constant input lets the variance decay geometrically, and everything stays finite', () => {
  const state = onlineNormState(1, float64);
  const x = leaf(full([60, 1, 3], 0.1, float64));
  assign(state.runningMean, double([0.1]));
  const y = onlineNorm(x, null, null, state, { alphaFwd: 0.5 });
  backward(y, full([60, 1, 3], 1, float64));
  assert.equal([...y.data], new Array(180).fill(0));
  assert.is(state.runningVar.data[0], 0.5 ** 60);
  assert.ok([...x.grad!.data, ...state.errorMean.data, ...state.errorProj.data].every(Number.isFinite));
});

test('a large common offset costs no digits', () => {
  const small = normal(new Random(9), [5, 2, 8]);
  const x = fromArray(small.data.map((value) => 4096 + Math.fround(value * 1024) / 1024), small.shape);
  const exact = fromArray(Float64Array.from(x.data, (value) => value - 4096), x.shape);
  const [offset, plain] = [onlineNormState(2), onlineNormState(2, float64)];
  assign(offset.runningMean, tensor([4096, 4096]));
  const options = { alphaFwd: 0.75, ecm: 'none' } as const;
  assertClose(onlineNorm(x, null, null, offset, options), onlineNorm(exact, null, null, plain, options), 1e-6);
});

test('a value that is not finite spoils the statistics of its channel for good, and no other; alphaFwd 1 keeps them', () => {
  for (const norm of [onlineNorm, onlineNormDefinition]) {
    const x = normal(new Random(10), [3, 2, 2]);
    x.data[4] = NaN;
    const [state, kept] = [onlineNormState(2), onlineNormState(2)];
    const y = norm(x, null, null, state);
    y.data.forEach((value, i) => assert.is(Number.isNaN(value), i === 4 || i === 8 || i === 9, `element ${i}`));
    assert.equal([...state.runningMean.data, ...state.runningVar.data].map(Number.isNaN), [true, false, true, false]);
    norm(x, null, null, kept, { alphaFwd: 1 });
    assert.equal(held(kept), held(onlineNormState(2)));
  }
});

test('no samples give no results and change nothing', () => {
  for (const norm of [onlineNorm, onlineNormDefinition]) {
    for (const ecm of ['clamp', 'layerScaling', 'none'] as const) {
      const state = onlineNormState(2);
      const x = zeros([0, 2, 3], { requiresGrad: true });
      const y = norm(x, ones([2]), null, state, { ecm });
      assert.equal(y.shape, [0, 2, 3]);
      backward(y, zeros([0, 2, 3]));
      assert.equal(held(state), held(onlineNormState(2)));
    }
  }
});

test('a training graph keeps x and two numbers for each channel of a sample, besides weight and bias', () => {
  const x = leaf(zeros([2, 3, 5]));
  const [weight, bias] = [leaf(ones([3])), leaf(zeros([3]))];
  const y = onlineNorm(x, weight, bias, onlineNormState(3));
  assert.is(savedBytes(y, { except: [weight, bias] }), 30 * 4 + 2 * 6 * 8);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of [onlineNorm, onlineNormDefinition]) {
    const state = onlineNormState(3);
    const before = held(state);
    const x = zeros([2, 3]);
    const attempt = (name: string, message: RegExp, options: object, input = x, given: object = state): void => {
      assertThrows(() => norm(input, null, null, given as OnlineNormState, options), name, message);
      assert.equal(held(state), before);
    };
    for (const alpha of [-0.1, 1.1, NaN, '0.9']) {
      attempt('RangeError', /alphaFwd must be in \[0, 1\], got .*; it weighs the past, and is near 1/, { alphaFwd: alpha });
      attempt('RangeError', /alphaBkw must be in \[0, 1\], got/, { alphaBkw: alpha });
    }
    for (const eps of [-1e-5, NaN, Infinity]) {
      attempt('RangeError', /: eps must be finite/, { eps });
      attempt('RangeError', /lsEps must be finite/, { lsEps: eps });
    }
    for (const clampValue of [0, -1, NaN, Infinity]) attempt('RangeError', /clampValue must be finite and above 0, got/, { clampValue });
    attempt('RangeError', /ecm must be 'clamp', 'layerScaling' or 'none', got ac/, { ecm: 'ac' });
    attempt('RangeError', /lsGroupSize must be a positive integer, got 0/, { lsGroupSize: 0 });
    attempt('ShapeError', /lsGroupSize must divide the number of channels, got 2 for 3/, { lsGroupSize: 2 });
    attempt('ShapeError', /of rank at least 2, got shape \[3\]/, {}, zeros([3]));
    attempt('ShapeError', /at least one channel and position, got x of shape \[2, 3, 0\]/, {}, zeros([2, 3, 0]));
    attempt('ShapeError', /runningMean must have shape \[4\]/, {}, zeros([2, 4]));
    attempt('ShapeError', /errorMean must have shape \[3\].*got \[2\]/, {}, x, { ...state, errorMean: zeros([2]) });
    attempt('ShapeError', /errorProj must have shape \[3\].*got \[2\]/, {}, x, { ...state, errorProj: zeros([2]) });
    attempt('TypeError', /errorProj must have the dtype of x, float32, got float64/, {}, x, { ...state, errorProj: zeros([3], float64) });
    attempt('RangeError', /runningVar must not be negative, got -1 at channel 1/, {}, x, { ...state, runningVar: tensor([1, -1, 1]) });
    assertThrows(() => norm(x, ones([2]), null, state), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    assertThrows(() => norm(x, null, ones([4]), state), 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
  }
  assertThrows(() => new OnlineNorm(0), 'RangeError', /OnlineNorm: numFeatures must be a positive integer, got 0/);
  assertThrows(() => new OnlineNorm(3, { alphaFwd: 2 }), 'RangeError', /OnlineNorm: alphaFwd/);
  assertThrows(() => new OnlineNorm(3, { eps: -1 }), 'RangeError', /OnlineNorm: eps/);
  assertThrows(() => new OnlineNorm(3, { lsGroupSize: 2 }), 'ShapeError', /OnlineNorm: lsGroupSize/);
  assertThrows(() => new OnlineNorm(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
});

test('the class holds weight, bias and the four parts of the state, and passes all options on', () => {
  const parts = ['runningMean', 'runningVar', 'errorMean', 'errorProj'];
  assert.equal(Object.keys(new OnlineNorm(2).stateDict()), ['weight', 'bias', ...parts]);
  assert.equal(Object.keys(new OnlineNorm(2, { affine: false }).stateDict()), parts);
  const x = normal(new Random(11), [3, 4, 2], 1, 2, float64);
  for (const options of [{ ecm: 'layerScaling', lsEps: 0.5, lsGroupSize: 2 }, { clampValue: 0.5, alphaFwd: 0.5, alphaBkw: 0.25, eps: 0.125 }] as const) {
    const layer = new OnlineNorm(4, { ...options, ...float64 });
    const state = onlineNormState(4, float64);
    const [a, b] = [leaf(x), leaf(x)];
    const [y, want] = [layer.forward(a), onlineNorm(b, null, null, state, options)];
    backward(sum(y));
    backward(sum(want));
    assert.equal([toArray(y), toArray(a.grad!), held(layer.state)], [toArray(want), toArray(b.grad!), held(state)]);
    assert.equal(toArray(layer.eval().forward(x)), toArray(onlineNorm(x, null, null, state, { ...options, training: false })));
    assert.ok(layer.weight!.grad && layer.bias!.grad);
  }
});

test.run();
