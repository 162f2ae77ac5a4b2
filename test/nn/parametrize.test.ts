import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, grad } from '../../src/autograd/backward.ts';
import { assertGradcheck } from '../../src/autograd/gradcheck.ts';
import { mul } from '../../src/autograd/mul.ts';
import { norm } from '../../src/autograd/norm.ts';
import { noGrad } from '../../src/autograd/record.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import { div } from '../../src/autograd/div.ts';
import { Dropout } from '../../src/nn/dropout.ts';
import { Conv1d } from '../../src/nn/conv1d.ts';
import { Conv2d } from '../../src/nn/conv2d.ts';
import { Conv3d } from '../../src/nn/conv3d.ts';
import { Embedding } from '../../src/nn/embedding.ts';
import { Linear } from '../../src/nn/linear.ts';
import { Module } from '../../src/nn/module.ts';
import { type Parameter, parameter } from '../../src/nn/parameter.ts';
import { cacheWeights, Parametrization, type WeightTransform } from '../../src/nn/parametrization.ts';
import { bake, parametrizationOf, parametrize } from '../../src/nn/parametrize.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { Adam } from '../../src/optim/adam.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { assign } from '../../src/tensor/assign.ts';
import { copy, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { cast } from '../../src/autograd/cast.ts';
import { assertClose } from '../support/assertions.ts';

const test = suite('parametrize');
const float64 = { dtype: 'float64' } as const;

/** A transform with nothing of its own: twice the weight. */
class Twice extends Module {
  forward(weight: Tensor): Tensor {
    return mul(weight, 2);
  }
}

/** A transform with a parameter made from the weight: a length for all of it, as in weight norm. */
class Length extends Module {
  length: Parameter | null = null;

  initialize(weight: Tensor): void {
    this.length = parameter(copy(norm(weight)));
  }

  forward(weight: Tensor): Tensor {
    return mul(div(weight, norm(weight)), this.length!);
  }
}

/** A transform with a state that moves in training: divides by a counter of its own calls. */
class Counted extends Module {
  readonly state = { calls: tensor(0) };

  initialize(weight: Tensor): void {
    this.state.calls = zeros([], { dtype: weight.dtype });
  }

  forward(weight: Tensor): Tensor {
    if (this.training) this.state.calls.data[0]!++;
    return div(weight, this.state.calls.data[0]! + 1);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

const linear = (seed = 1): Linear => new Linear(3, 2, { random: new Random(seed), ...float64 });
const sample = (): Tensor => normal(new Random(7), [4, 3], 0, 1, float64);

test('the layer sees the computed weight, and the gradient goes to the original', () => {
  const layer = linear();
  const original = layer.weight;
  const x = sample();
  const plain = layer.forward(x);
  const [dPlain] = grad([sum(square(layer.forward(x)))], [original]);
  assert.is(parametrize(layer, new Twice()), layer);
  assertClose(layer.weight, mul(original, 2), 0);
  const bias = noGrad(() => layer.forward(zeros([4, 3], float64)));
  assertClose(layer.forward(x), tensorOf(plain, bias, (y, b) => 2 * (y - b) + b), 1e-15);
  assign(layer.bias!, zeros([2], float64));
  const [d] = grad([sum(square(layer.forward(x)))], [original]);
  const [reference] = grad([sum(square(mul(forwardWithoutBias(x, original), 2)))], [original]);
  assertClose(d!, reference!, 1e-14);
  assert.not.equal(toArray(d!), toArray(dPlain!));
});

function tensorOf(a: Tensor, b: Tensor, f: (p: number, q: number) => number): Tensor {
  const out = copy(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = f(a.data[i]!, b.data[i]!);
  return out;
}

function forwardWithoutBias(x: Tensor, weight: Tensor): Tensor {
  const layer = new Linear(3, 2, { random: new Random(1), bias: false, ...float64 }) as { weight: Tensor; forward(x: Tensor): Tensor };
  layer.weight = weight;
  return layer.forward(x);
}

test('every layer with a weight can have a computed one: linear, convolutions, embedding', () => {
  const random = new Random(3);
  const image = (rank: number): Tensor => normal(random, [2, 4, ...Array<number>(rank).fill(5)], 0, 1, float64);
  const options = { kernelSize: 2, random, ...float64 };
  const layers: [Module & { weight: Tensor; forward(x: Tensor): Tensor }, Tensor][] = [
    [new Linear(4, 3, { random, ...float64 }), normal(random, [2, 4], 0, 1, float64)],
    [new Conv1d(4, 6, options), image(1)],
    [new Conv2d(4, 6, { ...options, groups: 2 }), image(2)],
    [new Conv3d(4, 6, options), image(3)],
    [new Embedding(5, 3, { random, ...float64 }), tensor([0, 4, 0])],
  ];
  for (const [layer, x] of layers) {
    const before = layer.forward(x);
    const original = layer.weight;
    parametrize(layer, new Length());
    assertClose(layer.forward(x), before, 1e-14);
    const parameters = layer.parameters();
    assert.ok(parameters.includes(original as Parameter));
    backward(sum(square(layer.forward(x))));
    assert.ok(parameters.every((found) => found.grad !== null && found.grad.data.some((d) => d !== 0)));
  }
});

test('the gradient through the layer is the derivative by the original and by the transform’s own parameter', () => {
  const layer = parametrize(linear(), new Length());
  const { original, transforms } = parametrizationOf(layer)!;
  const length = (transforms[0] as Length).length!;
  const x = sample();
  const f = (weight: Tensor, scale: Tensor): Tensor => {
    const transform = new Length();
    const again = parametrize(linear(), transform);
    Object.defineProperty(parametrizationOf(again)!, 'original', { value: weight });
    Object.defineProperty(transform, 'length', { value: scale });
    return again.forward(x);
  };
  assertGradcheck(f, [copy(original, { requiresGrad: true }), copy(length, { requiresGrad: true })]);
});

test('transforms stack: the first one given is the one nearest to the original', () => {
  class Plus extends Module {
    forward(weight: Tensor): Tensor {
      const out = copy(weight);
      for (let i = 0; i < out.data.length; i++) out.data[i]! += 1;
      return out;
    }
  }
  const layer = linear();
  assign(layer.weight, full([2, 3], 3, float64));
  parametrize(parametrize(layer, new Twice()), new Plus());
  assert.equal(toArray(layer.weight), [[7, 7, 7], [7, 7, 7]]);
  assert.is(parametrizationOf(layer)!.transforms.length, 2);
});

test('initialize is given the weight that the transform will be given, and the weight stays what it was', () => {
  const layer = linear();
  const before = copy(layer.weight);
  parametrize(parametrize(layer, new Twice()), new Length());
  const length = (parametrizationOf(layer)!.transforms[1] as Length).length!;
  assertClose(length, norm(mul(before, 2)), 1e-15);
  assertClose(layer.weight, mul(before, 2), 1e-15);
});

test('names: the original and what transforms own, in the place of the weight', () => {
  const layer = parametrize(parametrize(parametrize(linear(), new Counted()), new Twice()), new Length());
  assert.equal(Object.keys(new Sequential(layer).stateDict()), [
    '0.bias',
    '0.parametrizations.weight.original',
    '0.parametrizations.weight.0.calls',
    '0.parametrizations.weight.2.length',
  ]);
  assert.equal(layer.namedParameters().map(([name]) => name), [
    'bias',
    'parametrizations.weight.original',
    'parametrizations.weight.2.length',
  ]);
  assert.equal(layer.namedBuffers().map(([name]) => name), ['parametrizations.weight.0.calls']);
});

test('what was saved can be loaded into a layer built alike', () => {
  const make = (seed: number): Linear => parametrize(parametrize(linear(seed), new Counted()), new Length());
  const saved = make(1);
  saved.forward(sample());
  const loaded = make(2);
  loaded.loadStateDict(saved.stateDict());
  assert.equal(toArray(loaded.eval().forward(sample())), toArray(saved.eval().forward(sample())));
  assert.throws(() => linear().loadStateDict(saved.stateDict()), /missing weight; unexpected parametrizations\.weight\.original/);
});

test('any parameter of a layer can be computed, by its name', () => {
  const layer = parametrize(linear(), new Twice(), { name: 'bias' });
  assert.is(parametrizationOf(layer), null);
  const { original } = parametrizationOf(layer, { name: 'bias' })!;
  assertClose(layer.forward(zeros([1, 3], float64)), [[2 * original.data[0]!, 2 * original.data[1]!]], 0);
  parametrize(layer, new Twice());
  assert.equal(Object.keys(layer.stateDict()), ['parametrizations.bias.original', 'parametrizations.weight.original']);
  assert.equal(Object.keys(bake(layer).stateDict()), ['weight', 'bias']);
});

test('the weight is computed once in a forward, however often the layer reads it', () => {
  const counted = new Counted();
  const layer = parametrize(new Conv2d(2, 2, { kernelSize: 1, random: new Random(1) }), counted);
  layer.forward(ones([1, 2, 3, 3]));
  assert.is(counted.state.calls.data[0], 1);
  layer.forward(ones([1, 2, 3, 3]));
  assert.is(counted.state.calls.data[0], 2);
});

test('two forwards before one backward have each its own weight', () => {
  const layer = parametrize(linear(), new Counted());
  const { original } = parametrizationOf(layer)!;
  const x = sample();
  const first = sum(layer.forward(x));
  const second = sum(layer.forward(x));
  const [d] = grad([first, second], [original]);
  const [plain] = grad([sum(forwardWithoutBias(x, original))], [original]);
  assertClose(d!, mul(plain!, 1 / 2 + 1 / 3), 1e-14);
});

test('in cacheWeights a layer that is used twice has one weight, computed once', () => {
  const counted = new Counted();
  const layer = parametrize(linear(), counted);
  const x = sample();
  const [first, second] = cacheWeights(() => [layer.forward(x), cacheWeights(() => layer.forward(x))]);
  assert.is(counted.state.calls.data[0], 1);
  assert.equal(toArray(first!), toArray(second!));
  assert.is(cacheWeights(() => layer.weight === layer.weight), true);
  assert.is(counted.state.calls.data[0], 2);
  assert.throws(() => cacheWeights(() => layer.forward(zeros([1]))), /linear: x must be/);
  layer.forward(x);
  layer.forward(x);
  assert.is(counted.state.calls.data[0], 5);
});

test('a weight computed without recording is not used where a gradient may be asked for', () => {
  const layer = parametrize(linear(), new Twice());
  cacheWeights(() => {
    assert.not.ok(noGrad(() => layer.weight).requiresGrad);
    assert.ok(layer.weight.requiresGrad);
  });
});

test('train and eval reach the transform, which starts in the mode of its layer', () => {
  const counted = new Counted();
  const layer = parametrize(parametrize(linear().eval(), new Twice()), counted);
  assert.not.ok(counted.training);
  layer.forward(sample());
  assert.is(counted.state.calls.data[0], 0);
  new Sequential(layer).train();
  assert.ok(counted.training);
  layer.forward(sample());
  assert.is(counted.state.calls.data[0], 1);
  layer.eval().forward(sample());
  assert.is(counted.state.calls.data[0], 1);
});

test('to look at the weight outside of a forward changes no state, and leaves the mode alone', () => {
  const counted = new Counted();
  const layer = parametrize(linear(), counted);
  const original = parametrizationOf(layer)!.original;
  assert.equal(toArray(layer.weight), toArray(original));
  assert.is(counted.state.calls.data[0], 0);
  assert.ok(counted.training);
  assert.ok(layer.weight.requiresGrad);
});

test('any layer of one tensor is a transform: dropout of weights', () => {
  const layer = parametrize(linear(), new Dropout(0.5, { random: new Random(4) }));
  const first = layer.forward(sample());
  assert.not.equal(toArray(layer.forward(sample())), toArray(first));
  assert.equal(toArray(layer.eval().forward(sample())), toArray(bake(layer).forward(sample())));
});

test('bake leaves the values, the object and nothing else', () => {
  const layer = linear();
  const original = layer.weight;
  const keys = Object.keys(layer);
  parametrize(parametrize(layer, new Length()), new Counted());
  layer.forward(sample());
  const want = layer.eval().forward(sample());
  assert.is(bake(layer), layer);
  assert.equal(toArray(layer.forward(sample())), toArray(want));
  assert.is(layer.weight, original);
  assert.equal(Object.keys(layer), keys);
  assert.is(parametrizationOf(layer), null);
  assert.not.ok(Object.prototype.hasOwnProperty.call(layer, 'forward'));
  assert.equal(Object.keys(layer.stateDict()), ['weight', 'bias']);
  assert.is(bake(layer), layer);
  assert.equal(toArray(layer.forward(sample())), toArray(want));
});

test('bake goes through a whole network, and a baked layer can be parametrized again', () => {
  const length = new Length();
  const network = new Sequential(parametrize(linear(), length), parametrize(linear(2), new Twice()));
  bake(network);
  assert.equal(Object.keys(network.stateDict()), ['0.weight', '0.bias', '1.weight', '1.bias']);
  parametrize(network.layers[0]!, length);
  assert.ok(parametrizationOf(network.layers[0]!) instanceof Parametrization);
});

test('bake keeps the values of layers that share an original', () => {
  const first = linear();
  const second = linear();
  (second as { weight: Parameter }).weight = first.weight;
  parametrize(first, new Twice());
  parametrize(parametrize(second, new Twice()), new Twice());
  const wanted = [toArray(first.weight), toArray(second.weight)];
  bake(new Sequential(first, second));
  assert.equal([toArray(first.weight), toArray(second.weight)], wanted);
});

test('a layer whose forward is a field of its own is served too, and has it back afterwards', () => {
  class Field extends Module {
    readonly weight = parameter(tensor([1, 2]));
    forward: (x: Tensor) => Tensor;
    constructor() {
      super();
      this.forward = (x) => mul(x, mul(this.weight, this.weight));
    }
  }
  const layer = new Field();
  const { forward } = layer;
  const counted = new Counted();
  parametrize(layer, counted);
  assert.equal(toArray(layer.forward(ones([2]))), [0.25, 1]);
  assert.is(counted.state.calls.data[0], 1);
  assert.is(bake(layer).forward, forward);
});

test('an optimizer made before goes on with the original, and one made after trains what the transform owns too', () => {
  const layer = linear();
  const before = new SGD(layer.parameters(), { lr: 0.1 });
  parametrize(layer, new Length());
  const { original, transforms } = parametrizationOf(layer)!;
  const length = (transforms[0] as Length).length!;
  const values = [copy(original), copy(length)];
  backward(sum(square(layer.forward(sample()))));
  before.step();
  assert.not.equal(toArray(original), toArray(values[0]!));
  assert.equal(toArray(length), toArray(values[1]!));
  new Adam(layer.parameters(), { lr: 0.1 }).step();
  assert.not.equal(toArray(length), toArray(values[1]!));
});

test('freeze stops the computed weight from wanting a gradient', () => {
  const layer = parametrize(linear(), new Length()).freeze();
  assert.not.ok(layer.weight.requiresGrad);
  assert.ok(layer.unfreeze().weight.requiresGrad);
});

test('a computed weight cannot be set', () => {
  const layer: { weight: Tensor } = parametrize(linear(), new Twice());
  assert.throws(() => (layer.weight = ones([2, 3])), /weight is computed and cannot be set; change the original, or bake/);
});

test('what does not fit is refused, and the layer is as before', () => {
  const layer = linear();
  const keys = Object.keys(layer);
  const refused = (transform: unknown, name: string, pattern: RegExp, options = {}): void => {
    assert.throws(
      () => parametrize(layer, transform as WeightTransform, options),
      (error: Error) => error.name === name && pattern.test(error.message),
    );
    assert.equal(Object.keys(layer), keys);
    assert.is(parametrizationOf(layer), null);
  };
  const via = (forward: (weight: Tensor) => Tensor): Module =>
    new (class extends Module {
      forward = forward;
    })();
  refused((w: Tensor) => w, 'TypeError', /transform must be a Module, got function; make the function the forward/);
  refused(new Twice(), 'TypeError', /holds a parameter, got scale; it has weight, bias/, { name: 'scale' });
  refused(new Twice(), 'TypeError', /got forward; it has weight, bias/, { name: 'forward' });
  refused(via((w) => reshape(w, [3, 2])), 'ShapeError', /keep the shape of the weight, \[2, 3\], got \[3, 2\]/);
  refused(via((w) => cast(w, 'float32')), 'TypeError', /keep the dtype of the weight, float64, got float32/);
  const length = new Length();
  parametrize(linear(2), length);
  refused(length, 'RangeError', /belongs to one weight, got one that is in use; make one for each weight/);
  assert.throws(() => parametrize({} as Module, new Twice()), /layer must be a Module, got object/);
  assert.throws(() => parametrize(new Sequential(layer), new Twice()), /got weight; it has none, its children may/);
});

test('a transform with nothing of its own can serve many layers', () => {
  const twice = new Twice();
  const network = new Sequential(parametrize(linear(), twice), parametrize(linear(2), twice));
  assert.is(network.parameters().length, 4);
});

test.run();
