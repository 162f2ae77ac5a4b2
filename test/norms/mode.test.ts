import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { batchNorm } from '../../src/norms/batch.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { ModeNorm, modeNorm, modeNormDefinition, type ModeNormOptions, modeNormState } from '../../src/norms/mode.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';

const test = suite('mode');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const random = (seed: number, ...shape: number[]): Tensor => normal(new Random(seed), shape, 0.5, 1.5, float64);
const both = [modeNorm, modeNormDefinition];
const mgn = { variant: 'mgn' } as const;

const norm = (x: Tensor, gateWeight: Tensor, gateBias: Tensor, options: ModeNormOptions = {}): Tensor =>
  modeNorm(x, null, null, gateWeight, gateBias, null, options);

/** A layer in float64 whose gates tell samples apart. */
function layerOf(options: Partial<ConstructorParameters<typeof ModeNorm>[1]> = {}): ModeNorm {
  const layer = new ModeNorm(3, { random: new Random(1), ...options, ...float64 });
  for (const [seed, gate] of [layer.gateWeight, layer.gateBias].entries()) gate.data.set(normal(new Random(50 + seed), gate.shape).data);
  return layer;
}

const total = (values: Tensor): number => (values.data as Float64Array).reduce((a, b) => a + b, 0);

test('with one mode "mn" is batch norm, and "mgn" group norm with one group, with their gradients', () => {
  const [x, dy] = [leaf(random(1, 4, 3, 5)), random(2, 4, 3, 5)];
  const [weight, bias] = [random(3, 3), random(4, 3)];
  const gradient = (y: Tensor): Tensor => grad([y], [x], { gradOutputs: [dy] })[0]!;
  const batch = modeNorm(x, weight, bias, random(5, 1, 3), random(6, 1));
  assertClose(batch, batchNorm(x, weight, bias), 1e-14);
  assertClose(gradient(batch), gradient(batchNorm(x, weight, bias)), 1e-14);
  const group = modeNorm(x, weight, bias, random(7, 1), random(8, 1), null, mgn);
  assertClose(group, groupNorm(x, weight, bias, { numGroups: 1 }), 1e-14);
  assertClose(gradient(group), gradient(groupNorm(x, weight, bias, { numGroups: 1 })), 1e-14);
});

test('gates that see nothing, or the same in every mode, give the same: batch norm, and group norm with one group', () => {
  const x = random(9, 4, 3, 5);
  const one = random(10, 1, 3);
  const bias = random(11, 4);
  for (const gateWeight of [zeros([4, 3], float64), concat([one, one, one, one])]) {
    assertClose(norm(x, gateWeight, bias), batchNorm(x), 1e-14);
  }
  for (const value of [0, 0.75]) {
    assertClose(norm(x, full([4], value, float64), bias, mgn), groupNorm(x, null, null, { numGroups: 1 }), 1e-14);
  }
});

test('modes that are equal get no gradient, and so stay equal', () => {
  const [x, dy] = [random(48, 4, 3, 5), random(49, 4, 3, 5)];
  for (const [options, shape] of [[{}, [2, 3]], [mgn, [2]]] as const) {
    const [gateWeight, gateBias] = [leaf(full(shape, 0.5, float64)), leaf(zeros([2], float64))];
    const y = norm(x, gateWeight, gateBias, options);
    for (const found of grad([y], [gateWeight, gateBias], { gradOutputs: [dy] })) assertClose(found, zeros(found.shape, float64), 1e-14);
  }
});

test('gates are shares: none is negative, and those of a sample, or of a channel of it, add up to 1', () => {
  const x = random(12, 5, 3, 2);
  for (const [options, shape] of [[{ numModes: 4 }, [5, 4]], [{ numModes: 4, ...mgn }, [5, 3, 4]]] as const) {
    const gates = layerOf(options).gates(x);
    assert.equal(gates.shape, shape);
    assert.ok(gates.data.every((gate) => gate > 0 && gate < 1));
    assertClose(sum(gates, { axis: -1 }), ones(shape.slice(0, -1), float64), 1e-15);
  }
});

test('modes that change places change nothing, in training and in evaluation', () => {
  const x = random(13, 5, 3, 2);
  const order = [2, 0, 1];
  const state = { runningMean: random(14, 3, 3), runningVar: double([[1, 2, 3], [0.5, 1, 2], [3, 1, 0.25]]) };
  const turned = { runningMean: take(state.runningMean, order), runningVar: take(state.runningVar, order) };
  const [gateWeight, gateBias] = [random(15, 3, 3), random(16, 3)];
  for (const training of [false, true]) {
    const options = { training };
    const y = modeNorm(x, null, null, gateWeight, gateBias, state, options);
    assertClose(modeNorm(x, null, null, take(gateWeight, order), take(gateBias, order), turned, options), y, 1e-14);
  }
  assertClose(turned.runningVar, take(state.runningVar, order), 1e-14);
  const pooled = random(17, 3);
  assertClose(norm(x, take(pooled, order), take(gateBias, order), mgn), norm(x, pooled, gateBias, mgn), 1e-14);
});

test('a number added to all logits changes nothing, and gradients of gates add up to 0 over the modes', () => {
  const [x, dy] = [random(18, 5, 3, 2), random(19, 5, 3, 2)];
  for (const [options, shape] of [[{}, [4, 3]], [mgn, [4]]] as const) {
    const [gateWeight, gateBias] = [leaf(random(20, ...shape)), leaf(random(21, 4))];
    const y = norm(x, gateWeight, gateBias, options);
    const [dGateWeight, dGateBias] = grad([y], [gateWeight, gateBias], { gradOutputs: [dy] });
    assert.ok(dGateBias!.data.some((value) => Math.abs(value) > 1e-3));
    assertClose(sum(dGateWeight!, { axis: 0 }), zeros(shape.slice(1), float64), 1e-14);
    assert.ok(Math.abs(total(dGateBias!)) < 1e-14);
    const shifted = fromArray(gateBias.data.map((value) => value + 7), [4]);
    assertClose(norm(x, gateWeight, shifted, options), y, 1e-13);
  }
});

test('the residuals of each mode, weighted by the gates, add up to 0 for each channel', () => {
  const layer = layerOf({ numModes: 3, momentum: 1 });
  const x = random(22, 5, 3, 2);
  layer.forward(x);
  const gates = layer.gates(x);
  for (let k = 0; k < 3; k++) {
    for (let c = 0; c < 3; c++) {
      const mean = layer.state!.runningMean.data[3 * k + c]!;
      let rest = 0;
      for (let i = 0; i < x.data.length; i++) {
        if (Math.floor(i / 2) % 3 === c) rest += gates.data[3 * Math.floor(i / 6) + k]! * (x.data[i]! - mean);
      }
      assert.ok(Math.abs(rest) < 1e-14);
    }
  }
});

test('with gates of 0 and 1 it is batch norm of each cluster of samples', () => {
  // the first channel tells the samples apart: the second and the fourth are of another kind
  const x = concat([-3, 4, -3.5, 5, -4].map((offset, n) => concat([full([1, 1, 2], offset, float64), random(23 + n, 1, 2, 2)], 1)));
  const gateWeight = double([[0, 0, 0], [500, 0, 0]]);
  const y = norm(x, gateWeight, double([0, 0]));
  for (const cluster of [[0, 2, 4], [1, 3]]) assertClose(take(y, cluster), batchNorm(take(x, cluster)), 1e-14);
});

test('with gates of 0 and 1 "mgn" is group norm over each cluster of channels', () => {
  const x = concat([-3, 4, -3.5, 5].map((offset, c) => fromArray(random(30 + c, 2, 1, 3).data.map((value) => offset + value / 8), [2, 1, 3])), 1);
  const y = norm(x, double([0, 500]), double([0, 0]), mgn);
  for (const cluster of [[0, 2], [1, 3]]) {
    const alone = groupNorm(take(x, cluster, 1), null, null, { numGroups: 1 });
    assertClose(take(y, cluster, 1), alone, 1e-14);
  }
});

test('in "mgn", and in evaluation, samples do not know of each other, bit by bit', () => {
  const x = random(34, 4, 3, 2);
  for (const layer of [layerOf(mgn), layerOf({ numModes: 3 }).eval()]) {
    const halves = concat([layer.forward(slice(x, 0, 0, 1)), layer.forward(slice(x, 0, 1, 4))]);
    assert.equal(toArray(halves), toArray(layer.forward(x)));
  }
});

test('"mgn" is the same in training and in evaluation, and takes no notice of a state', () => {
  const layer = layerOf(mgn);
  const x = random(35, 4, 3, 2);
  const y = layer.forward(x);
  assert.equal(toArray(layer.eval().forward(x)), toArray(y));
  assert.is(layer.state, null);
  const state = modeNormState(3, float64);
  const [gateWeight, gateBias] = [layer.gateWeight, layer.gateBias];
  for (const call of both) assertClose(call(x, null, null, gateWeight, gateBias, state, { ...mgn, training: false }), y, 1e-14);
  assert.equal(toArray(state.runningMean), [[0, 0, 0], [0, 0, 0]]);
});

test('samples and positions that change places change places in the result', () => {
  const x = random(36, 4, 3, 5);
  const [gateWeight, gateBias] = [random(37, 2, 3), random(38, 2)];
  const [samples, positions] = [[2, 3, 0, 1], [4, 0, 2, 3, 1]];
  const y = norm(x, gateWeight, gateBias);
  assertClose(norm(take(x, samples), gateWeight, gateBias), take(y, samples), 1e-14);
  assertClose(norm(take(x, positions, 2), gateWeight, gateBias), take(y, positions, 2), 1e-14);
});

test('a number added to all channels changes nothing when the rows of gateWeight have equal sums', () => {
  const x = random(39, 4, 3, 5);
  const gateWeight = double([[1, -2, 3], [0.5, 0.5, 1]]);
  const shifted = fromArray(x.data.map((value) => value + 16), x.shape);
  assertClose(norm(shifted, gateWeight, random(40, 2)), norm(x, gateWeight, random(40, 2)), 1e-13);
  assert.ok(Math.abs(norm(shifted, double([[1, 0, 0], [0, 1, 1]]), random(40, 2)).data[0]! - norm(x, double([[1, 0, 0], [0, 1, 1]]), random(40, 2)).data[0]!) > 1e-3);
});

test('a fresh layer evaluates to x / sqrt(1 + eps) with weight and bias: nearly the identity', () => {
  const layer = layerOf({ numModes: 3, eps: 0.5 });
  layer.weight!.data.set([2, -1, 0.5]);
  layer.bias!.data.set([1, 0, -3]);
  const x = random(41, 4, 3, 2);
  const want = x.data.map((value, i) => (value / Math.sqrt(1.5)) * [2, -1, 0.5][Math.floor(i / 2) % 3]! + [1, 0, -3][Math.floor(i / 2) % 3]!);
  assertClose(layer.eval().forward(x), fromArray(want, x.shape), 1e-14);
});

test('one training call with momentum 1, then evaluation of the same batch, gives the same', () => {
  const layer = layerOf({ numModes: 3, momentum: 1 });
  const x = random(42, 5, 3, 2);
  const trained = layer.forward(x);
  assertClose(layer.eval().forward(x), trained, 1e-13);
});

/** Mean, biased variance and mean square of each of two modes and channels, from the gates of a layer, for `[N, 2, S]`. */
function modesOf(layer: ModeNorm, x: Tensor): { mean: number[]; variance: number[]; square: number[] } {
  const gates = layer.gates(x);
  const inner = sizeOf(x.shape.slice(2));
  const average = (k: number, c: number, f: (value: number) => number): number => {
    let [sumOf, weights] = [0, 0];
    x.data.forEach((value: number, i: number) => {
      if (Math.floor(i / inner) % 2 !== c) return;
      const gate = gates.data[2 * Math.floor(i / inner / 2) + k]!;
      sumOf += gate * f(value);
      weights += gate;
    });
    return sumOf / weights;
  };
  const places = [[0, 0], [0, 1], [1, 0], [1, 1]] as const;
  const mean = places.map(([k, c]) => average(k, c, (value) => value));
  return {
    mean,
    variance: places.map(([k, c], i) => average(k, c, (value) => (value - mean[i]!) ** 2)),
    square: places.map(([k, c]) => average(k, c, (value) => value * value)),
  };
}

const pairOf = (momentum: number): ModeNorm => {
  const layer = new ModeNorm(2, { momentum, random: new Random(1), ...float64 });
  layer.gateWeight.data.set([1, -0.5, 0.25, 2]);
  layer.gateBias.data.set([0.5, -0.25]);
  return layer;
};

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const momenta = [0.1, 1, 0];
  const step = (state: PlainState, x: Tensor, variant: number): PlainState => {
    const p = momenta[variant]!;
    const { mean, variance } = modesOf(pairOf(p), x);
    const delta = mean.map((m, i) => m - state.runningMean![i]!);
    return {
      runningMean: delta.map((d, i) => state.runningMean![i]! + p * d),
      runningVar: delta.map((d, i) => (1 - p) * state.runningVar![i]! + p * variance[i]! + p * (1 - p) * d * d),
    };
  };
  checkStateful({
    make: (variant) => pairOf(momenta[variant]!),
    variants: momenta.length,
    initial: { runningMean: [0, 0, 0, 0], runningVar: [1, 1, 1, 1] },
    step,
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('running variance plus squared running mean is the running average of the mean square', () => {
  const layer = pairOf(0.25);
  let squares = [1, 1, 1, 1];
  for (let call = 0; call < 6; call++) {
    const x = random(60 + call, 4, 2, 3);
    const { square } = modesOf(layer, x);
    squares = squares.map((value, i) => 0.75 * value + 0.25 * square[i]!);
    layer.forward(x);
  }
  const { runningMean, runningVar } = layer.state!;
  assertClose(fromArray(runningVar.data.map((v, i) => v + runningMean.data[i]! ** 2), [4]), squares, 1e-14);
});

test('the running variance keeps its digits in float32 at a mean of 1000 and a standard deviation of 0.1', () => {
  const layer = new ModeNorm(1, { numModes: 1, momentum: 0.5, random: new Random(2) });
  const x = normal(new Random(3), [64, 1, 16], 1000, 0.1);
  for (let call = 0; call < 60; call++) layer.forward(x);
  const wide = fromArray(Float64Array.from(x.data), x.shape);
  const mean = total(wide) / wide.data.length;
  const variance = total(fromArray(wide.data.map((value) => (value - mean) ** 2), x.shape)) / wide.data.length;
  assertClose(layer.state!.runningMean, [[mean]], 1e-6);
  assert.ok(Math.abs(layer.state!.runningVar.data[0]! / variance - 1) < 1e-3);
});

test('no gradient goes through the statistics of the state, but one goes through the gates', () => {
  const state = { runningMean: double([[1], [-1]]), runningVar: double([[3], [0]]) };
  const x = leaf(double([[2], [0.5]]));
  const y = modeNorm(x, double([4]), null, double([[0], [0]]), double([0, Math.log(3)]), state, { eps: 1, training: false });
  // gates 1/4 and 3/4, standard deviations 2 and 1
  assertClose(y, [[0.5 + 9], [-0.25 + 4.5]], 1e-15);
  assertClose(grad([y], [x], { gradOutputs: [double([[1], [-2]])] })[0]!, [[3.5], [-7]], 1e-15);
  const gated = leaf(double([[2]]));
  const z = modeNorm(gated, null, null, double([[0], [1]]), double([0, 0]), state, { eps: 1, training: false });
  const gate = 1 / (1 + Math.exp(-2));
  const want = (1 - gate) / 2 + gate + gate * (1 - gate) * (3 - 0.5);
  assertClose(grad([z], [gated], { gradOutputs: [double([[1]])] })[0]!, [[want]], 1e-14);
});

test('higher derivatives see the running statistics as they were, and leave the state alone', () => {
  for (const training of [true, false]) {
    const state = { runningMean: double([[1, 2], [0, -1]]), runningVar: double([[2, 0.5], [1, 3]]) };
    const [x, dy] = [leaf(random(43, 2, 2, 3)), random(44, 2, 2, 3)];
    const y = modeNorm(x, null, null, random(45, 2, 2), random(46, 2), state, { training });
    const before = Object.values(state).map((s) => toArray(s));
    const plain = grad([y], [x], { gradOutputs: [dy], retainGraph: true })[0]!;
    const kept = state.runningMean.data[0]!;
    state.runningMean.data[0] = 77;
    assertClose(grad([y], [x], { gradOutputs: [dy], createGraph: true })[0]!, plain, 1e-13);
    state.runningMean.data[0] = kept;
    assert.equal(Object.values(state).map((s) => toArray(s)), before);
  }
});

test('bad input is refused, and the state stays as it was', () => {
  for (const call of both) {
    const state = modeNormState(3);
    const [gateWeight, gateBias] = [zeros([2, 3]), zeros([2])];
    const attempt = (name: string, message: RegExp, options: object, x = zeros([2, 3]), w = gateWeight, b = gateBias, held: object = state): void => {
      assertThrows(() => call(x, null, null, w, b, held as typeof state, options), name, message);
      assert.equal(toArray(state.runningVar), [[1, 1, 1], [1, 1, 1]]);
      assert.equal(toArray(state.runningMean), [[0, 0, 0], [0, 0, 0]]);
    };
    attempt('RangeError', /variant must be 'mn' or 'mgn', got gn/, { variant: 'gn' });
    attempt('ShapeError', /gateBias must have one number for each mode, \[numModes\], got shape \[\]/, {}, zeros([2, 3]), gateWeight, zeros([]));
    attempt('ShapeError', /gateBias must have one number for each mode.*\[0\]/, {}, zeros([2, 3]), gateWeight, zeros([0]));
    attempt('ShapeError', /gateWeight must have shape \[2, 3\].*got \[2\]/, {}, zeros([2, 3]), zeros([2]));
    attempt('ShapeError', /gateWeight must have shape \[2\].*got \[2, 3\]/, mgn);
    attempt('ShapeError', /gateWeight must have shape \[4, 3\].*got \[2, 3\]/, {}, zeros([2, 3]), gateWeight, zeros([4]));
    attempt('TypeError', /gateWeight must have the dtype of x, float32, got float64/, {}, zeros([2, 3]), zeros([2, 3], float64));
    attempt('TypeError', /gateBias must have the dtype of x, float32, got float64/, {}, zeros([2, 3]), gateWeight, zeros([2], float64));
    attempt('ShapeError', /rank at least 2, got shape \[3\]/, {}, zeros([3]));
    attempt('ShapeError', /at least one value, got x of shape \[0, 3\]/, {}, zeros([0, 3]));
    attempt('ShapeError', /at least one value, got x of shape \[2, 3, 0\]/, {}, zeros([2, 3, 0]));
    attempt('ShapeError', /runningMean must have shape \[4, 3\].*got \[2, 3\]/, {}, zeros([2, 3]), zeros([4, 3]), zeros([4]));
    const negative = { ...state, runningVar: tensor([[1, 1, 1], [1, -1, 1]]) };
    attempt('RangeError', /runningVar must not be negative, got -1 at \[1, 1\]/, {}, zeros([2, 3]), gateWeight, gateBias, negative);
    for (const eps of [-1e-5, NaN, Infinity]) attempt('RangeError', /eps must be finite/, { eps });
    for (const momentum of [-0.1, 1.1, NaN]) attempt('RangeError', /momentum must be in \[0, 1\]/, { momentum });
    assertThrows(() => call(zeros([2, 3]), ones([2]), null, gateWeight, gateBias), 'ShapeError', /weight must have shape \[3\].*got \[2\]/);
    assertThrows(() => call(zeros([2, 3]), null, ones([4]), gateWeight, gateBias), 'ShapeError', /bias must have shape \[3\].*got \[4\]/);
  }
  const make = (options: object, features = 3): ModeNorm => new ModeNorm(features, { random: new Random(1), ...options });
  assertThrows(() => make({}, 0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => make({ numModes: 1.5 }), 'RangeError', /numModes must be a positive integer, got 1.5/);
  assertThrows(() => make({ variant: 'bn' }), 'RangeError', /ModeNorm: variant must be/);
  assertThrows(() => make({ momentum: 2 }), 'RangeError', /momentum/);
  assertThrows(() => make({ eps: -1 }), 'RangeError', /eps/);
  assertThrows(() => make({ random: undefined }), 'TypeError', /random must be a generator/);
  assertThrows(() => make({}).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
  assertThrows(() => make({}).gates(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
  assertThrows(() => make({}).gates(zeros([3])), 'ShapeError', /rank at least 2/);
});

test('the class holds what its options ask for', () => {
  const names = ['gateWeight', 'gateBias', 'weight', 'bias'];
  const make = (options: object = {}): ModeNorm => new ModeNorm(3, { random: new Random(7), ...options });
  assert.equal(Object.keys(make().stateDict()), [...names, 'runningMean', 'runningVar']);
  assert.equal(Object.keys(make(mgn).stateDict()), names);
  assert.equal(Object.keys(make({ affine: false }).stateDict()), ['gateWeight', 'gateBias', 'runningMean', 'runningVar']);
  const { gateWeight, gateBias, state } = make({ numModes: 4 });
  assert.equal([gateWeight.shape, gateBias.shape, state!.runningVar.shape], [[4, 3], [4], [4, 3]]);
  assert.equal(toArray(gateWeight), toArray(normal(new Random(7), [4, 3], 1 / 4, 0.01)));
  assert.equal(make(mgn).gateWeight.shape, [2]);
  const layer = layerOf();
  backward(sum(layer.forward(random(47, 4, 3, 2))));
  assertClose(layer.bias!.grad!, [8, 8, 8], 1e-15);
  assert.ok(layer.gateWeight.grad && layer.gateBias.grad && layer.weight!.grad);
});

test.run();
