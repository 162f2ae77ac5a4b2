import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { concat } from '../../src/autograd/concat.ts';
import { mean } from '../../src/autograd/mean.ts';
import { mul } from '../../src/autograd/mul.ts';
import { relu } from '../../src/autograd/relu.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { sigmoid as sigmoidOf } from '../../src/autograd/sigmoid.ts';
import { slice } from '../../src/autograd/slice.ts';
import { sub } from '../../src/autograd/sub.ts';
import { take } from '../../src/autograd/take.ts';
import { tanh } from '../../src/autograd/tanh.ts';
import { variance } from '../../src/autograd/variance.ts';
import { linear } from '../../src/nn/linear.ts';
import { adaptiveInstanceNorm } from '../../src/norms/adaptive-instance.ts';
import { groupNorm } from '../../src/norms/group.ts';
import { instanceNorm } from '../../src/norms/instance.ts';
import {
  instanceLevelMetaNorm,
  type InstanceLevelMetaNormOptions,
  type InstanceLevelMetaNormParameters as Given,
} from '../../src/norms/instance-level-meta.ts';
import { layerNorm } from '../../src/norms/layer.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import { type Shape, sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { check } from '../support/property.ts';
import { standardizedProperties } from '../support/standardized.ts';
import { epsilons, tensors } from '../support/tensor-arbitrary.ts';

const test = suite('instance-level meta');
const float64 = { dtype: 'float64' } as const;
const double = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, float64);
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });

/** Random parameters for C channels, by their names. */
function parametersFor(channels: number, keyGroupSize: number, embedSize = 3, seed = 1): Given {
  const random = new Random(seed);
  const keyGroups = channels / keyGroupSize;
  const draw = (...shape: Shape): Tensor => normal(random, shape, 0, 1, float64);
  return {
    weight: draw(channels),
    bias: draw(channels),
    encoderWeight: draw(embedSize, keyGroups),
    weightDecoder: draw(keyGroups, embedSize),
    biasDecoder: draw(keyGroups, embedSize),
  };
}

/** One hidden unit, matrices with one number throughout, weight 0 and bias 0. */
function plain(channels: number, keyGroupSize: number, encoder: number, weightDecoder: number, biasDecoder: number): Given {
  const keyGroups = channels / keyGroupSize;
  const all = (shape: Shape, value: number): Tensor => full(shape, value, float64);
  return {
    weight: zeros([channels], float64),
    bias: zeros([channels], float64),
    encoderWeight: all([1, keyGroups], encoder),
    weightDecoder: all([keyGroups, 1], weightDecoder),
    biasDecoder: all([keyGroups, 1], biasDecoder),
  };
}

/** The parameters, those of the given names replaced by zeros. */
const without = (parameters: Given, ...names: (keyof Given)[]): Given => ({
  ...parameters,
  ...Object.fromEntries(names.map((name) => [name, zeros(parameters[name].shape, float64)])),
});

const each = (parameters: Given, change: (parameter: Tensor) => Tensor): Given => ({
  weight: change(parameters.weight),
  bias: change(parameters.bias),
  encoderWeight: change(parameters.encoderWeight),
  weightDecoder: change(parameters.weightDecoder),
  biasDecoder: change(parameters.biasDecoder),
});

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
const input = (shape: Shape, seed = 2): Tensor => normal(new Random(seed), shape, 0.5, 2, float64);

/** Gradients of x and all parameters. */
function gradients(x: Tensor, parameters: Given, options: InstanceLevelMetaNormOptions, dy: Tensor): Given & { x: Tensor } {
  const given = { x: leaf(x), ...each(parameters, leaf) };
  const found = grad([instanceLevelMetaNorm(given.x, given, options)], Object.values(given), { gradOutputs: [dy] });
  return Object.fromEntries(Object.keys(given).map((name, i) => [name, found[i]!])) as unknown as Given & { x: Tensor };
}

// without a prediction and with a weight of 1/2 it is the standardization alone; statistics come from several key groups
standardizedProperties(test, {
  normalize: (x, eps) => {
    const channels = x.shape[1]!;
    const keyGroupSize = channels % 2 === 0 ? channels / 2 : 1;
    const like = { dtype: x.dtype };
    const keyGroups = channels / keyGroupSize;
    const parameters = {
      weight: full([channels], 0.5, like),
      bias: zeros([channels], like),
      encoderWeight: ones([2, keyGroups], like),
      weightDecoder: zeros([keyGroups, 2], like),
      biasDecoder: zeros([keyGroups, 2], like),
    };
    return instanceLevelMetaNorm(x, parameters, { numGroups: 1, keyGroupSize, eps });
  },
  shapes: { minRank: 2, maxRank: 4, fits: (shape) => sizeOf(shape.slice(1)) >= 2 },
  sliceOf: (shape) => (i) => Math.floor(i / sizeOf(shape.slice(1))),
});

test('with an encoder of 0, or decoders of 0, it is group norm with a weight that is larger by 1/2', () => {
  const x = input([3, 6, 4]);
  const parameters = parametersFor(6, 2);
  const { weight, bias } = parameters;
  for (const zero of [without(parameters, 'encoderWeight'), without(parameters, 'weightDecoder', 'biasDecoder')]) {
    for (const numGroups of [1, 2, 3, 6]) {
      const options = { numGroups, keyGroupSize: 2, eps: 0.25 };
      assertClose(instanceLevelMetaNorm(x, zero, options), groupNorm(x, add(weight, 0.5), bias, options), 1e-14);
    }
    const all = instanceLevelMetaNorm(x, zero, { numGroups: 6, keyGroupSize: 2 });
    assertClose(all, instanceNorm(x, add(weight, 0.5), bias), 1e-14);
  }
  // the same statistics, where each normalization group lies in one key group
  for (const keyGroupSize of [1, 2, 6]) {
    const zero = without(parametersFor(6, keyGroupSize), 'encoderWeight');
    const options = { numGroups: 6, keyGroupSize };
    const want = groupNorm(x, add(zero.weight, 0.5), zero.bias, options);
    assert.equal(toArray(instanceLevelMetaNorm(x, zero, options)), toArray(want));
  }
  const half = { ...without(parameters, 'encoderWeight', 'bias'), weight: full([6], 0.5, float64) };
  const one = instanceLevelMetaNorm(x, half, { numGroups: 1, keyGroupSize: 2 });
  assertClose(one, layerNorm(x, null, null, { normalizedShape: [6, 4] }), 1e-14);
});

test('with as many groups as channels it is adaptive instance norm with the predicted scale and shift as statistics', () => {
  const x = input([2, 4, 5]);
  const { weight, bias, encoderWeight, weightDecoder, biasDecoder } = parametersFor(4, 1);
  const predicted = (feature: Tensor, decoder: Tensor): Tensor => linear(relu(linear(feature, encoderWeight)), decoder);
  const styleStd = add(weight, sigmoidOf(predicted(variance(x, { axis: 2 }), weightDecoder)));
  const styleMean = add(bias, tanh(predicted(mean(x, { axis: 2 }), biasDecoder)));
  const parameters = { weight, bias, encoderWeight, weightDecoder, biasDecoder };
  const y = instanceLevelMetaNorm(x, parameters, { numGroups: 4, keyGroupSize: 1 });
  assertClose(y, adaptiveInstanceNorm(x, { styleMean, styleStd }), 1e-14);
});

test('the prediction moves no element further from group norm than |xHat| + 1', () => {
  const batches = tensors({ minRank: 3, maxRank: 4, fits: (shape) => shape[1]! % 2 === 0 && sizeOf(shape.slice(2)) > 1 });
  check(
    fc.property(batches, epsilons(), fc.nat(), (made, eps, seed) => {
      const x = made.tensor();
      const channels = x.shape[1]!;
      const parameters = parametersFor(channels, 2, 3, seed);
      const options = { numGroups: channels / 2, keyGroupSize: 2, eps };
      const y = instanceLevelMetaNorm(x, parameters, options);
      const near = groupNorm(x, parameters.weight, parameters.bias, options);
      const xHat = groupNorm(x, null, null, options);
      y.data.forEach((value, i) => {
        const bound = Math.abs(xHat.data[i]!) + 1;
        assert.ok(Math.abs(value - near.data[i]!) <= bound * (1 + 1e-12), `element ${i}`);
      });
    }),
  );
});

test('scale comes from the variance and shift from the mean of the key group', () => {
  // variance 4 and mean 2, then variance 1 and mean 7
  const x = double([[0, 4, 6, 8]]);
  const parameters = {
    ...plain(4, 2, 0, 0, 0),
    encoderWeight: double([[1, 0], [0, 1]]),
    weightDecoder: double([[0.5, 0], [0, -0.25]]),
    biasDecoder: double([[0.125, 0], [0, 0.0625]]),
  };
  const y = instanceLevelMetaNorm(x, parameters, { numGroups: 2, keyGroupSize: 2, eps: 0 });
  const [a, b, c, d] = [sigmoid(2), Math.tanh(0.25), sigmoid(-0.25), Math.tanh(7 / 16)];
  assertClose(y, [[b - a, b + a, d - c, d + c]], 1e-15);
});

test('each decoder sees all key groups of its sample, through an encoder that both share', () => {
  const x = double([[0, 4, 6, 8], [1, 3, -4, 2]]);
  const parameters = {
    ...plain(4, 2, 0, 0, 0),
    encoderWeight: double([[1, 0.5], [-1, 2]]),
    weightDecoder: double([[0.25, 0.5], [-0.5, 0.125]]),
    biasDecoder: double([[0.0625, 0], [-0.125, 0.0625]]),
  };
  // variances 4 and 1, then 1 and 9; means 2 and 7, then 2 and -1; a hidden unit of -2 or -4 is 0
  const ofVariances = [[4.5, 0], [5.5, 17]];
  const ofMeans = [[5.5, 12], [1.5, 0]];
  const y = instanceLevelMetaNorm(x, parameters, { numGroups: 2, keyGroupSize: 2, eps: 0 });
  const through = (hidden: number[], { data }: Tensor): number[] =>
    [0, 1].map((j) => hidden[0]! * data[2 * j]! + hidden[1]! * data[2 * j + 1]!);
  const want = [0, 1].map((n) => {
    const scale = through(ofVariances[n]!, parameters.weightDecoder).map(sigmoid);
    const shift = through(ofMeans[n]!, parameters.biasDecoder).map(Math.tanh);
    return [shift[0]! - scale[0]!, shift[0]! + scale[0]!, shift[1]! - scale[1]!, shift[1]! + scale[1]!];
  });
  assertClose(y, want, 1e-15);
});

test('key groups are blocks of neighbouring channels, of all positions, whatever the normalization groups are', () => {
  const means = [3, 1, 2];
  const x = fromArray(Float64Array.from({ length: 12 }, (_, i) => means[i >> 2]! + [-1, 1, 2, -2][i & 3]!), [1, 6, 2]);
  const parameters = {
    ...plain(6, 2, 0, 0, 0),
    encoderWeight: double([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    weightDecoder: zeros([3, 3], float64),
    biasDecoder: double([[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]),
  };
  for (const numGroups of [1, 2, 3, 6]) {
    const options = { numGroups, keyGroupSize: 2 };
    const shift = sub(instanceLevelMetaNorm(x, parameters, options), mul(groupNorm(x, null, null, options), 0.5));
    shift.data.forEach((value, i) => assert.ok(Math.abs(value - Math.tanh(means[i >> 2]! / 10)) < 1e-14));
  }
});

test('where key groups and normalization groups overlap partly, each element is what the formula says', () => {
  const x = input([2, 6, 2]);
  const parameters = parametersFor(6, 3, 2);
  const { weight, bias, encoderWeight, weightDecoder, biasDecoder } = parameters;
  /** Mean and variance of the run of `size` neighbours that an element is in. */
  const runOf = (i: number, size: number): [number, number] => {
    const run = Array.from(x.data.slice(i - (i % size), i - (i % size) + size));
    const mean = run.reduce((a, b) => a + b) / size;
    return [mean, run.reduce((a, b) => a + (b - mean) ** 2, 0) / size];
  };
  const logit = (i: number, which: 0 | 1, { data: decoder }: Tensor): number => {
    const sample = i - (i % 12);
    const [a, b] = [runOf(sample, 6)[which], runOf(sample + 6, 6)[which]];
    const e = encoderWeight.data;
    const hidden = [Math.max(0, e[0]! * a + e[1]! * b), Math.max(0, e[2]! * a + e[3]! * b)];
    const key = (i % 12) < 6 ? 0 : 1;
    return hidden[0]! * decoder[2 * key]! + hidden[1]! * decoder[2 * key + 1]!;
  };
  const y = instanceLevelMetaNorm(x, parameters, { numGroups: 3, keyGroupSize: 3, eps: 0.5 });
  y.data.forEach((value, i) => {
    const [mean, variance] = runOf(i, 4);
    const c = (i % 12) >> 1;
    const scale = weight.data[c]! + sigmoid(logit(i, 1, weightDecoder));
    const want = ((x.data[i]! - mean) / Math.sqrt(variance + 0.5)) * scale + bias.data[c]! + Math.tanh(logit(i, 0, biasDecoder));
    assert.ok(Math.abs(value - want) < 1e-14, `element ${i}: got ${value}, want ${want}`);
  });
});

test('with one group and one key group the features are the statistics of layer norm', () => {
  const x = input([2, 3, 4]);
  const y = instanceLevelMetaNorm(x, plain(3, 3, 1, 0.125, 0.25), { numGroups: 1, keyGroupSize: 3, eps: 0 });
  const xHat = layerNorm(x, null, null, { normalizedShape: [3, 4], eps: 0 });
  for (const n of [0, 1]) {
    const values = Array.from(x.data.slice(12 * n, 12 * n + 12));
    const mean = values.reduce((a, b) => a + b) / 12;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / 12;
    values.forEach((_, i) => {
      const want = xHat.data[12 * n + i]! * sigmoid(variance / 8) + Math.tanh(Math.max(0, mean) / 4);
      assert.ok(Math.abs(y.data[12 * n + i]! - want) < 1e-14);
    });
  }
});

test('a batch in parts gives what the whole gives, bit by bit', () => {
  const x = normal(new Random(3), [4, 6, 3]);
  const parameters = each(parametersFor(6, 3), (p) => tensor(toArray(p)));
  const norm = (part: Tensor): Tensor => instanceLevelMetaNorm(part, parameters, { numGroups: 2, keyGroupSize: 3 });
  const parts = concat([norm(slice(x, 0, 0, 1)), norm(slice(x, 0, 1, 4))]);
  assert.equal(toArray(parts), toArray(norm(x)));
});

test('positions that change places change places in the result', () => {
  const x = input([2, 4, 5]);
  const parameters = parametersFor(4, 2);
  const options = { numGroups: 2, keyGroupSize: 2 };
  const order = [3, 1, 4, 0, 2];
  const want = take(instanceLevelMetaNorm(x, parameters, options), order, 2);
  assertClose(instanceLevelMetaNorm(take(x, order, 2), parameters, options), want, 1e-14);
});

test('key groups of one normalization group, with their rows, columns and parameters, that change places do so in the result', () => {
  const x = input([2, 8, 3]);
  const parameters = parametersFor(8, 2);
  const { weight, bias, encoderWeight, weightDecoder, biasDecoder } = parameters;
  const options = { numGroups: 2, keyGroupSize: 2 };
  const keys = [1, 0, 2, 3];
  const channels = keys.flatMap((key) => [2 * key, 2 * key + 1]);
  const moved = {
    weight: take(weight, channels),
    bias: take(bias, channels),
    encoderWeight: take(encoderWeight, keys, 1),
    weightDecoder: take(weightDecoder, keys),
    biasDecoder: take(biasDecoder, keys),
  };
  const want = take(instanceLevelMetaNorm(x, parameters, options), channels, 1);
  const got = (given: Given): Tensor => instanceLevelMetaNorm(take(x, channels, 1), given, options);
  assertClose(got(moved), want, 1e-14);
  assert.ok(Math.abs(got({ ...moved, encoderWeight }).data[0]! - want.data[0]!) > 1e-3);
});

test('without the decoder of shifts a number added to x changes nothing, and dx adds up to 0 in groups made of key groups', () => {
  const x = input([2, 8, 3]);
  const dy = input([2, 8, 3], 4);
  const parameters = without(parametersFor(8, 2), 'biasDecoder');
  for (const numGroups of [1, 2, 4]) {
    const options = { numGroups, keyGroupSize: 2 };
    assertClose(instanceLevelMetaNorm(add(x, 40), parameters, options), instanceLevelMetaNorm(x, parameters, options), 1e-11);
    const dx = gradients(x, parameters, options, dy).x.data as Float64Array;
    const size = dx.length / (2 * numGroups);
    for (let at = 0; at < dx.length; at += size) assert.ok(Math.abs(dx.slice(at, at + size).reduce((a, b) => a + b)) < 1e-13);
  }
  const first = (given: Tensor): number => instanceLevelMetaNorm(given, parametersFor(8, 2), { numGroups: 2, keyGroupSize: 2 }).data[0]!;
  assert.ok(Math.abs(first(add(x, 4)) - first(x)) > 1e-3);
});

test('the gradients of weight and bias are those of group norm', () => {
  const x = input([3, 6, 2]);
  const dy = input([3, 6, 2], 5);
  const parameters = parametersFor(6, 3);
  const options = { numGroups: 2, keyGroupSize: 3 };
  const [weight, bias] = [leaf(parameters.weight), leaf(parameters.bias)];
  const want = grad([groupNorm(x, weight, bias, options)], [weight, bias], { gradOutputs: [dy] });
  const found = gradients(x, parameters, options, dy);
  assertClose(found.weight, want[0]!, 1e-14);
  assertClose(found.bias, want[1]!, 1e-14);
});

test('the two predictions add up: y without one, and without the other, less y without both, is y', () => {
  const x = input([2, 6, 4]);
  const parameters = parametersFor(6, 2);
  const norm = (...names: (keyof Given)[]): Tensor =>
    instanceLevelMetaNorm(x, without(parameters, ...names), { numGroups: 3, keyGroupSize: 2 });
  const both = norm('weightDecoder', 'biasDecoder');
  assertClose(sub(add(norm('weightDecoder'), norm('biasDecoder')), both), norm(), 1e-14);
});

test('where weight and bias are the same in a key group, y there is one straight line over xHat', () => {
  const x = input([2, 6, 4]);
  const parameters = { ...parametersFor(6, 3), weight: double([2, 2, 2, -1, -1, -1]), bias: double([0, 0, 0, 5, 5, 5]) };
  const options = { numGroups: 2, keyGroupSize: 3 };
  const y = instanceLevelMetaNorm(x, parameters, options).data;
  const xHat = groupNorm(x, null, null, options).data;
  for (let start = 0; start < y.length; start += 12) {
    const slope = (y[start + 1]! - y[start]!) / (xHat[start + 1]! - xHat[start]!);
    for (let i = start; i < start + 12; i++) assert.ok(Math.abs(y[i]! - y[start]! - slope * (xHat[i]! - xHat[start]!)) < 1e-12);
  }
});

test('an encoder times a power of two, with decoders divided by it, changes no bit', () => {
  const x = input([2, 6, 4]);
  const parameters = parametersFor(6, 2);
  const options = { numGroups: 3, keyGroupSize: 2 };
  const by = (name: keyof Given, factor: number): Tensor => mul(parameters[name], factor);
  const decoders = { weightDecoder: by('weightDecoder', 1 / 8), biasDecoder: by('biasDecoder', 1 / 8) };
  const scaled = { ...parameters, encoderWeight: by('encoderWeight', 8), ...decoders };
  assert.equal(toArray(instanceLevelMetaNorm(x, scaled, options)), toArray(instanceLevelMetaNorm(x, parameters, options)));
});

test('the gradient goes through the statistics of the key groups', () => {
  const x = double([[1, 2, 4, 9]]);
  const dy = double([[1, 0, 0, 0]]);
  // dShift of the key group is 1: through tanh' and the mean of 4 values each gets a quarter of its part
  const parameters = plain(4, 4, 0.25, 0, 0.5);
  const options = { numGroups: 1, keyGroupSize: 4, eps: 0 };
  const { x: dx } = gradients(x, parameters, options, dy);
  const { x: cut } = gradients(x, without(parameters, 'encoderWeight'), options, dy);
  const want = 0.125 * (1 - Math.tanh(0.5) ** 2) * 0.25;
  for (let i = 0; i < 4; i++) assert.ok(Math.abs(dx.data[i]! - cut.data[i]! - want) < 1e-15);
});

test('it keeps x, and a few numbers for each group of each sample', () => {
  const x = zeros([2, 6, 16, 16], { requiresGrad: true });
  const parameters = each(parametersFor(6, 2, 4), (p) => tensor(toArray(p)));
  const y = instanceLevelMetaNorm(x, parameters, { numGroups: 2, keyGroupSize: 2 });
  // mean and rstd of 2 groups; twice a feature and a logit of 3 key groups and 4 hidden units
  assert.is(savedBytes(y, { except: [x, ...Object.values(parameters)] }), 8 * 2 * (2 * 2 + 2 * (2 * 3 + 4)));
});

test('all parameters get gradients through one backward', () => {
  const parameters = each(parametersFor(4, 2), leaf);
  const y = instanceLevelMetaNorm(input([2, 4, 3]), parameters, { numGroups: 2, keyGroupSize: 2 });
  backward(y, input([2, 4, 3], 9));
  each(parameters, (p) => {
    assert.ok(Array.from(p.grad!.data).some((value) => Math.abs(value) > 1e-6));
    return p;
  });
});

test.run();
