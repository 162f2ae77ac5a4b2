import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { abs } from '../../src/autograd/abs.ts';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { elu } from '../../src/autograd/elu.ts';
import { leakyRelu } from '../../src/autograd/leaky-relu.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { bend, bendOf, type InvertibleActivation, straightened } from '../../src/norms/_invertible.ts';
import { batchNormDefinition, batchNormState } from '../../src/norms/batch.ts';
import { InPlaceABN, inPlaceABN, inPlaceABNDefinition, type InPlaceABNOptions, inPlaceABNState } from '../../src/norms/in-place-abn.ts';
import { TensorCase } from '../../src/oracle/generate/tensor-case.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { checkStateful, type PlainState } from '../support/stateful.ts';
import { tensors } from '../support/tensor-arbitrary.ts';

const test = suite('in-place-abn');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const activations: readonly InvertibleActivation[] = ['leakyRelu', 'elu', 'identity'];

standardizedProperties(test, {
  normalize: (x, eps) => inPlaceABN(x, null, null, null, { eps, activation: 'identity' }),
  shapes: { minRank: 2, maxRank: 4, fits: (shape) => sizeOf(shape) / shape[1]! >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(2))) % shape[1]!,
});

/** Three channels of some data, with parameters of either sign. */
function given(seed: number, shape: readonly number[] = [4, 3, 5]) {
  const x = normal(new Random(seed), shape, 1, 2, float64);
  const dz = normal(new Random(seed + 1), shape, 0, 1, float64);
  return { x, dz, weight: double([1.5, -0.75, 0.5]), bias: double([0.25, -1, 2]) };
}

/** Batch norm and activation one behind the other, from primitives, with everything kept. */
function plain(x: Tensor, weight: Tensor, bias: Tensor, state: ReturnType<typeof batchNormState> | null, options: InPlaceABNOptions): Tensor {
  const { eps = 1e-5, activation = 'leakyRelu', activationParam = 0.01 } = options;
  const y = batchNormDefinition(x, add(abs(weight), eps), bias, state, options);
  if (activation === 'identity') return y;
  return activation === 'elu' ? elu(y, activationParam) : leakyRelu(y, activationParam);
}

test('it is batch norm with the weight |weight| + eps and then the activation: outputs, gradients, state, in training and evaluation', () => {
  const { x, dz, weight, bias } = given(1);
  for (const activation of activations) {
    for (const training of [true, false]) {
      for (const activationParam of [0.01, 1, 3]) {
        const options = { activation, activationParam, training, eps: 0.125, momentum: 0.5 };
        const [got, want] = [inPlaceABN, plain].map((norm) => {
          const inputs = [leaf(x), leaf(weight), leaf(bias)] as const;
          const state = { ...batchNormState(3, float64), runningMean: double([1, -1, 0]), runningVar: double([4, 1, 2]) };
          const z = norm(...inputs, state, options);
          return [z, ...grad([z], inputs, { gradOutputs: [dz] }), ...Object.values(state)];
        });
        got!.forEach((value, i) => assertClose(value, want![i]!, 2e-14));
      }
    }
  }
});

test('a weight and its negative give the same output and the same gradient of x, and gradients of the weight that are negatives', () => {
  const { x, dz, weight, bias } = given(3);
  const [one, other] = [1, -1].map((sign) => {
    const inputs = [leaf(x), leaf(fromArray(weight.data.map((w) => sign * w), [3])), leaf(bias)];
    const z = inPlaceABN(inputs[0]!, inputs[1]!, inputs[2]!);
    return [z, ...grad([z], inputs, { gradOutputs: [dz] })];
  });
  for (const i of [0, 1, 3]) assert.equal(one![i]!.data, other![i]!.data);
  assert.equal(one![2]!.data, other![2]!.data.map((w) => -w));
});

test('the activation undone and done again gives z, and y comes back, within rounding', () => {
  const values = tensors({ minRank: 1, maxRank: 1, among: ['benign', 'outlier', 'scale'] });
  check(
    fc.property(values, fc.constantFrom(...activations), fc.constantFrom(0.01, 0.5, 1, 4), (made, activation, factor) => {
      const shape = bendOf('test', activation, factor);
      // elu tells y from z well down to here
      const y = made.tensor().data.map((value) => Math.max(value, activation === 'elu' ? -6 : -Infinity)) as Float64Array;
      const z = y.slice();
      bend(z, shape);
      const back = straightened(fromArray(z, [z.length]), shape).data as Float64Array;
      const again = back.slice();
      bend(again, shape);
      y.forEach((value, i) => {
        assert.ok(Math.abs(back[i]! - value) <= 1e-12 * Math.abs(value), `y ${value} came back as ${back[i]}`);
        assert.ok(Math.abs(again[i]! - z[i]!) <= 1e-15 * Math.max(factor, Math.abs(z[i]!)));
        assert.is(Math.sign(z[i]!), Math.sign(value));
        if (factor <= 1 && activation === 'leakyRelu') assert.ok(Math.abs(z[i]!) <= Math.abs(value));
        if (activation === 'elu') assert.ok(z[i]! > -factor);
      });
    }),
    // log(1 + z / a) has lost most digits of a y as small as this
    { examples: [[new TensorCase([1], [-42], -24), 'elu', 0.01]] },
  );
});

/** xHat as backward finds it, of each element. */
function recovered(z: Tensor, weight: Tensor, bias: Tensor, options: Required<Pick<InPlaceABNOptions, 'activation' | 'activationParam' | 'eps'>>): number[] {
  const shape = bendOf('test', options.activation, options.activationParam);
  const inner = sizeOf(z.shape.slice(2));
  return Array.from(straightened(z, shape).data, (y, i) => {
    const c = Math.floor(i / inner) % 3;
    return (y - bias.data[c]!) / (Math.abs(weight.data[c]!) + options.eps);
  });
}

/** A sum over each of three channels. */
function perChannel(shape: readonly number[], values: (i: number) => number): number[] {
  const totals = [0, 0, 0];
  const inner = sizeOf(shape.slice(2));
  for (let i = 0; i < sizeOf(shape); i++) totals[Math.floor(i / inner) % 3]! += values(i);
  return totals;
}

test('xHat found from z has mean 0 and mean square v / (v + eps); the gradient of x has sum 0 and hardly any part along xHat', () => {
  const { x, dz, weight, bias } = given(5);
  for (const activation of activations) {
    const options = { activation, activationParam: 0.5, eps: 0.25 };
    const inputs = [leaf(x), leaf(weight), leaf(bias)] as const;
    const z = inPlaceABN(...inputs, null, options);
    const [dx, dWeight] = grad([z], inputs, { gradOutputs: [dz] });
    const xHat = recovered(z, weight, bias, options);
    const n = 20;
    const mean = perChannel(x.shape, (i) => x.data[i]! / n);
    const v = perChannel(x.shape, (i) => (x.data[i]! - mean[Math.floor(i / 5) % 3]!) ** 2 / n);
    perChannel(x.shape, (i) => xHat[i]! / n).forEach((m) => assert.ok(Math.abs(m) < 1e-14));
    perChannel(x.shape, (i) => xHat[i]! ** 2 / n).forEach((m, c) => assert.ok(Math.abs(m - v[c]! / (v[c]! + 0.25)) < 1e-14));
    perChannel(x.shape, (i) => dx!.data[i]!).forEach((total) => assert.ok(Math.abs(total) < 1e-13));
    perChannel(x.shape, (i) => dx!.data[i]! * xHat[i]!).forEach((part, c) => {
      const dScale = dWeight!.data[c]! * Math.sign(weight.data[c]!);
      const want = ((Math.abs(weight.data[c]!) + 0.25) / Math.sqrt(v[c]! + 0.25)) * dScale * (0.25 / (v[c]! + 0.25));
      assert.ok(Math.abs(part - want) < 1e-13, `${part}, want ${want}`);
    });
  }
});

/** The gradients of x and weight by the other published way, which takes sums of g y in place of g xHat, in float64. */
function secondVariant(z: Tensor, dz: Tensor, std: ArrayLike<number>, weight: Tensor, bias: Tensor, options: Parameters<typeof recovered>[3]) {
  const shape = bendOf('test', options.activation, options.activationParam);
  const [, channels] = z.shape as [number, number];
  const inner = sizeOf(z.shape.slice(2));
  const n = z.data.length / channels;
  const channel = (i: number): number => Math.floor(i / inner) % channels;
  const y = Array.from(straightened(z, shape).data);
  const slope = (i: number): number => (z.data[i]! >= 0 ? 1 : shape.exponential ? z.data[i]! + shape.factor : shape.factor);
  const g = y.map((_, i) => dz.data[i]! * slope(i));
  const dBias = perChannel(z.shape, (i) => g[i]!);
  const scale = Array.from(weight.data, (w) => Math.abs(w) + options.eps);
  const dScale = perChannel(z.shape, (i) => g[i]! * y[i]!).map((total, c) => (total - bias.data[c]! * dBias[c]!) / scale[c]!);
  const dx = g.map((value, i) => {
    const c = channel(i);
    const ratio = dScale[c]! / (scale[c]! * n);
    return (scale[c]! / std[c]!) * (value - y[i]! * ratio + bias.data[c]! * ratio - dBias[c]! / n);
  });
  return { dx, dWeight: dScale.map((value, c) => value * (weight.data[c]! < 0 ? -1 : 1)), dBias };
}

test('the other published way, with one multiplication less for each element, gives the same gradients', () => {
  const { x, dz, weight, bias } = given(7);
  for (const activation of activations) {
    const options = { activation, activationParam: 0.5, eps: 0.25 };
    const inputs = [leaf(x), leaf(weight), leaf(bias)] as const;
    const z = inPlaceABN(...inputs, null, options);
    const got = grad([z], inputs, { gradOutputs: [dz] });
    const mean = perChannel(x.shape, (i) => x.data[i]! / 20);
    const v = perChannel(x.shape, (i) => (x.data[i]! - mean[Math.floor(i / 5) % 3]!) ** 2 / 20);
    const want = secondVariant(z, dz, v.map((value) => Math.sqrt(value + 0.25)), weight, bias, options);
    assertClose(got[0]!, fromArray(Float64Array.from(want.dx), x.shape), 1e-13);
    assertClose(got[1]!, want.dWeight, 1e-13);
    assertClose(got[2]!, want.dBias, 1e-13);
  }
});

test('a small weight beside a large bias costs digits of its gradient, about a rounding of the bias divided by the weight', () => {
  const { x, dz } = given(9, [16, 3, 9]);
  const narrow = (values: Tensor): Tensor => fromArray(Float32Array.from(values.data), values.shape, { requiresGrad: true });
  for (const [size, allowed] of [[1e-2, 1e-4], [1e-3, 1e-3]] as const) {
    const [weight, bias] = [[size, -size, size], [1, 1, -1]];
    const [got, want] = [[narrow(x), tensor(weight, { requiresGrad: true }), tensor(bias)], [leaf(x), leaf(double(weight)), double(bias)]].map((inputs) => {
      const z = (inputs[0]!.dtype === 'float32' ? inPlaceABN : plain)(inputs[0]!, inputs[1]!, inputs[2]!, null, {});
      const weights = fromArray(inputs[0]!.dtype === 'float32' ? Float32Array.from(dz.data) : dz.data, dz.shape);
      return grad([z], [inputs[0]!, inputs[1]!], { gradOutputs: [weights] });
    });
    const off = (i: number): number => {
      const scale = Math.max(...Array.from(want![i]!.data, Math.abs));
      return Math.max(...Array.from(got![i]!.data, (value, k) => Math.abs(value - want![i]!.data[k]!))) / scale;
    };
    assert.ok(off(1) < allowed, `the gradient of weights of ${size} is off by ${off(1)}`);
    assert.ok(off(0) < 1e-5, `the gradient of x is off by ${off(0)}`);
  }
});

test('a weight of 0 has the gradient of a positive one, so that the channel can come back', () => {
  const x = leaf(double([[1], [2], [6]]));
  const weight = leaf(double([0]));
  const z = inPlaceABN(x, weight, null, null, { eps: 0.5, activation: 'identity' });
  const dz = double([[1], [0], [0]]);
  const std = Math.sqrt(14 / 3 + 0.5);
  assertClose(z, [[-1 / std], [-0.5 / std], [1.5 / std]], 1e-15);
  assertClose(grad([z], [weight], { gradOutputs: [dz] })[0]!, [-2 / std], 1e-14);
});

test('the slope at y = 0 is 1', () => {
  for (const norm of [inPlaceABN, inPlaceABNDefinition]) {
    for (const activation of activations) {
      const bias = leaf(double([0]));
      const z = norm(full([3, 1], 5, float64), ones([1], float64), bias, null, { activation });
      assert.equal(toArray(z), [[0], [0], [0]]);
      assert.equal(toArray(grad([sum(z)], [bias])[0]!), [3]);
    }
  }
});

test('a constant channel gives the activation of the bias, and gradients that are finite', () => {
  const x = full([2, 3, 2], 0.1, { requiresGrad: true });
  const bias = tensor([-2, 0, 3], { requiresGrad: true });
  const weight = tensor([1, 2, -1], { requiresGrad: true });
  const z = inPlaceABN(x, weight, bias, null, { activationParam: 0.5 });
  z.data.forEach((value, i) => assert.is(value, [-1, 0, 3][Math.floor(i / 2) % 3]));
  backward(z, fromArray(z.data.map((_, i) => i), z.shape));
  for (const { grad: found } of [x, weight, bias]) assert.ok(found!.data.every(Number.isFinite));
});

test('a number added to all of x changes nothing but rounding, also when it is large', () => {
  const small = normal(new Random(11), [8, 3, 4]);
  const x = fromArray(small.data.map((value) => Math.fround(value * 1024) / 1024), small.shape);
  const far = fromArray(x.data.map((value) => Math.fround(value + 4096)), x.shape);
  const exact = fromArray(Float64Array.from(far.data, (value) => value - 4096), x.shape);
  assertClose(inPlaceABN(far), inPlaceABN(exact), 1e-6);
});

test('samples that change places change places in the result', () => {
  const { x, weight, bias } = given(13);
  const order = [2, 0, 3, 1];
  const options = { activation: 'elu', activationParam: 1 } as const;
  assertClose(inPlaceABN(take(x, order, 0), weight, bias, null, options), take(inPlaceABN(x, weight, bias, null, options), order, 0), 1e-14);
});

test('the gradient of the bias is the sum of dz times the slope', () => {
  const { x, dz, weight, bias } = given(15);
  const held = leaf(bias);
  const z = inPlaceABN(x, weight, held, null, { activationParam: 0.25 });
  const want = perChannel(z.shape, (i) => dz.data[i]! * (z.data[i]! >= 0 ? 1 : 0.25));
  assertClose(grad([z], [held], { gradOutputs: [dz] })[0]!, want, 1e-14);
});

test('without weight and bias y is xHat, without eps on it', () => {
  assertClose(inPlaceABN(double([[0], [2]]), null, null, null, { eps: 3 }), [[-0.005], [0.5]], 1e-15);
  assertClose(inPlaceABN(double([[0], [2]]), ones([1], float64), null, null, { eps: 3 }), [[-0.02], [2]], 1e-15);
});

test('in evaluation the gradient of x is slope times |weight| + eps over the deviation, and what is not finite spoils itself alone', () => {
  const state = { ...inPlaceABNState(1, float64), runningMean: double([3]), runningVar: double([3]) };
  const x = leaf(double([[1], [5]]));
  const z = inPlaceABN(x, double([-4]), null, state, { eps: 1, training: false, activationParam: 0.5 });
  assertClose(z, [[-2.5], [5]], 1e-15);
  assert.equal(toArray(grad([z], [x], { gradOutputs: [double([[2], [Infinity]])] })[0]!), [[2.5], [Infinity]]);
});

test('any sequence of training, evaluation, saving and loading keeps the state that the formula gives', () => {
  const variants = [{ momentum: 0.1 }, { momentum: null, activation: 'elu' }, { momentum: 1, affine: false }, { momentum: 0 }] as const;
  const step = (state: PlainState, x: Tensor, variant: number): PlainState => {
    const inner = sizeOf(x.shape.slice(2));
    const count = x.shape[0]! * inner;
    const batches = state.numBatchesTracked![0]! + 1;
    const f = variants[variant]!.momentum ?? 1 / batches;
    const channel = (c: number): number[] => Array.from(x.data).filter((_, i) => Math.floor(i / inner) % 2 === c);
    const mean = [0, 1].map((c) => channel(c).reduce((a, b) => a + b, 0) / count);
    const unbiased = [0, 1].map((c) => channel(c).reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / (count - 1));
    return {
      runningMean: mean.map((m, c) => (1 - f) * state.runningMean![c]! + f * m),
      runningVar: unbiased.map((v, c) => (1 - f) * state.runningVar![c]! + f * v),
      numBatchesTracked: [batches],
    };
  };
  checkStateful({
    make: (variant) => new InPlaceABN(2, { ...variants[variant]!, ...float64 }),
    variants: variants.length,
    initial: { runningMean: [0, 0], runningVar: [1, 1], numBatchesTracked: [0] },
    step,
    shapes: [[2, 2], [5, 2], [1, 2, 3], [3, 2, 2, 2]],
  });
});

test('a value that is not finite spoils its channel and the running statistics of that channel', () => {
  const state = inPlaceABNState(2);
  const z = inPlaceABN(tensor([[NaN, 1], [2, 3]]), null, null, state);
  assert.equal(Array.from(z.data, Number.isNaN), [true, false, true, false]);
  assert.equal([...state.runningMean.data].map(Number.isNaN), [true, false]);
});

test('there are as many spatial axes as one likes', () => {
  const x = normal(new Random(17), [2, 3, 1, 2, 1, 2, 2], 0, 1, float64);
  const flat = inPlaceABN(fromArray(x.data, [2, 3, 8]));
  assert.equal(inPlaceABN(x).data, flat.data);
  assertClose(inPlaceABNDefinition(x), fromArray(flat.data, x.shape), 1e-14);
});

test('bad input is refused, and the state stays as it was', () => {
  for (const norm of [inPlaceABN, inPlaceABNDefinition]) {
    const state = inPlaceABNState(3);
    const x = zeros([2, 3]);
    const attempt = (name: string, message: RegExp, options: object, input = x, weight: Tensor | null = null, bias: Tensor | null = null, held = state): void => {
      assertThrows(() => norm(input, weight, bias, held, options), name, message);
      assert.equal(toArray(state.numBatchesTracked), 0);
      assert.equal(toArray(state.runningVar), [1, 1, 1]);
    };
    for (const activationParam of [0, -1, NaN, Infinity]) {
      for (const activation of ['leakyRelu', 'elu']) {
        attempt('RangeError', /activationParam must be finite and above 0 for '\w+' to be undone, got/, { activation, activationParam });
      }
      norm(x, null, null, null, { activation: 'identity', activationParam });
    }
    attempt('RangeError', /activation must be 'leakyRelu', 'elu' or 'identity', got 'swish'; one that does not rise/, { activation: 'swish' });
    attempt('RangeError', /\|weight\| \+ eps must be above 0 to be undone, got weight 0 at channel 1 and eps 0/, { eps: 0 }, x, tensor([1, 0, 2]));
    attempt('ShapeError', /more than one value per channel, got x of shape \[1, 3\]/, {}, zeros([1, 3]));
    attempt('ShapeError', /x must be \[N, C, \.\.\.spatial\], of rank at least 2, got shape \[3\]/, {}, zeros([3]));
    attempt('ShapeError', /weight must have shape \[3\].*got \[2\]/, {}, x, ones([2]));
    attempt('ShapeError', /bias must have shape \[3\].*got \[4\]/, {}, x, null, ones([4]));
    attempt('TypeError', /weight must have the dtype of x, float32, got float64/, {}, x, ones([3], float64));
    attempt('RangeError', /runningVar must not be negative, got -1 at channel 1/, {}, x, null, null, { ...state, runningVar: tensor([1, -1, 1]) });
    for (const momentum of [-0.1, 1.1, NaN]) attempt('RangeError', /momentum must be in \[0, 1\]/, { momentum });
    for (const eps of [-1e-5, NaN, Infinity]) attempt('RangeError', /eps must be finite and at least 0/, { eps });
  }
  assertThrows(() => new InPlaceABN(0), 'RangeError', /numFeatures must be a positive integer, got 0/);
  assertThrows(() => new InPlaceABN(3, { activationParam: 0 }), 'RangeError', /InPlaceABN: activationParam/);
  assertThrows(() => new InPlaceABN(3, { momentum: 2 }), 'RangeError', /InPlaceABN: momentum/);
  assertThrows(() => new InPlaceABN(3, { eps: -1 }), 'RangeError', /InPlaceABN: eps/);
  assertThrows(() => new InPlaceABN(3).forward(zeros([2, 4])), 'ShapeError', /x must have 3 channels at axis 1, got shape \[2, 4\]/);
});

test('the class holds what its options ask for', () => {
  const state = ['runningMean', 'runningVar', 'numBatchesTracked'];
  assert.equal(Object.keys(new InPlaceABN(2).stateDict()), ['weight', 'bias', ...state]);
  assert.equal(Object.keys(new InPlaceABN(2, { affine: false }).stateDict()), state);
  const options = { activation: 'elu', activationParam: 2, eps: 0.5, momentum: 1, ...float64 } as const;
  const layer = new InPlaceABN(2, options);
  const x = normal(new Random(19), [5, 2], 1, 2, float64);
  const z = inPlaceABN(x, layer.weight, layer.bias, null, options);
  assert.equal(layer.forward(x).data, z.data);
  assert.is(layer.state.numBatchesTracked.data[0], 1);
  assert.not.equal(layer.eval().forward(x).data, z.data);
  backward(sum(z));
  assert.ok(layer.weight!.grad && layer.bias!.grad);
});

test.run();
