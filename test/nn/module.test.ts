import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { mul } from '../../src/autograd/mul.ts';
import { sum } from '../../src/autograd/sum.ts';
import { Linear } from '../../src/nn/linear.ts';
import { Module } from '../../src/nn/module.ts';
import { type Parameter, parameter } from '../../src/nn/parameter.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { BatchNorm } from '../../src/norms/batch.ts';
import { full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { ShapeError } from '../../src/tensor/errors.ts';
import { Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const test = suite('Module');

/** A scale with a state, as a norm has it, and a bias that may be absent. */
class Scale extends Module {
  readonly weight = parameter(tensor([2, 3]));
  readonly bias: Parameter | null;
  readonly state = { calls: tensor(0), total: tensor([0, 0]) };

  constructor(bias = false) {
    super();
    this.bias = bias ? parameter(zeros([2])) : null;
  }

  forward(x: Tensor): Tensor {
    return mul(x, this.weight);
  }

  protected override ownBuffers(): Record<string, Tensor> {
    return { ...this.state };
  }
}

/** A network with a child, a list of children, a list of parameters, and fields that are none of it. */
class Network extends Module {
  readonly first = new Scale(true);
  readonly blocks: readonly Module[] = [new Sequential(new Scale(), new Scale()), new Scale()];
  readonly mixing = [parameter(tensor([1])), parameter(tensor([2]))];
  readonly constants = tensor([9]);
  readonly sizes = [1, 2, 3];
  readonly label = 'network';

  forward(x: Tensor): Tensor {
    return this.first.forward(x);
  }
}

const names = (entries: readonly [string, unknown][]) => entries.map(([name]) => name);

test('finds parameters in fields, lists and children by dotted names, own ones before those of children', () => {
  assert.equal(names(new Network().namedParameters()), [
    'mixing.0',
    'mixing.1',
    'first.weight',
    'first.bias',
    'blocks.0.0.weight',
    'blocks.0.1.weight',
    'blocks.1.weight',
  ]);
});

test('finds buffers through ownBuffers, by the same kind of names', () => {
  const module = new Sequential(new Scale(), new BatchNorm(3));
  assert.equal(names(module.namedBuffers()), [
    '0.calls',
    '0.total',
    '1.runningMean',
    '1.runningVar',
    '1.numBatchesTracked',
  ]);
  assert.is(module.buffers().length, 5);
});

test('lists children and modules, parents first', () => {
  const network = new Network();
  assert.equal(names(network.namedChildren()), ['first', 'blocks.0', 'blocks.1']);
  assert.is(network.children()[0], network.first);
  const modules = network.modules();
  assert.is(modules.length, 6);
  assert.is(modules[0], network);
});

test('a parameter of two modules is counted once, and stands in the state dict under each name', () => {
  class Tied extends Module {
    readonly embed = new Scale();
    readonly again = this.embed;
    readonly weight = this.embed.weight;
    forward(): void {}
  }
  const tied = new Tied();
  assert.equal(names(tied.namedParameters()), ['weight']);
  assert.is(tied.parameters()[0], tied.embed.weight);
  assert.is(tied.modules().length, 2);
  assert.equal(
    Object.keys(tied.stateDict()).filter((name) => name.endsWith('weight')),
    ['weight', 'embed.weight', 'again.weight'],
  );
  const other = new Tied();
  other.loadStateDict({ ...tied.stateDict() });
  assert.equal(toArray(other.weight), [2, 3]);
});

test('a module that holds its parent does not go round forever', () => {
  class Child extends Module {
    readonly weight = parameter(tensor([1]));
    parent: Module | null = null;
    forward(): void {}
  }
  const child = new Child();
  const parent = new (class extends Module {
    readonly child = child;
    forward(): void {}
  })();
  child.parent = parent;
  assert.equal(names(parent.namedParameters()), ['child.weight']);
  assert.equal(Object.keys(parent.stateDict()), ['child.weight']);
});

test('train and eval set the flag here and below, and give the module back', () => {
  const network = new Network();
  assert.ok(network.modules().every((module) => module.training));
  assert.is(network.eval(), network);
  assert.ok(network.modules().every((module) => !module.training));
  assert.is(network.train(), network);
  assert.ok(network.modules().every((module) => module.training));
  network.train(false);
  assert.ok(network.modules().every((module) => !module.training));
});

test('freeze drops gradients and stops new ones, unfreeze lets them come again', () => {
  const scale = new Scale();
  backward(sum(scale.forward(ones([2]))));
  assert.ok(scale.weight.grad);
  assert.is(scale.freeze(), scale);
  assert.is(scale.weight.grad, null);
  assert.is(scale.forward(ones([2])).requiresGrad, false);
  assert.is(scale.unfreeze(), scale);
  assert.is(scale.forward(ones([2])).requiresGrad, true);
});

test('zeroGrad drops all gradients', () => {
  const network = new Network();
  for (const found of network.parameters()) found.grad = ones(found.shape);
  network.zeroGrad();
  assert.ok(network.parameters().every((found) => found.grad === null));
});

test('stateDict gives copies, without parameters that are absent', () => {
  const scale = new Scale();
  const dict = scale.stateDict();
  assert.equal(Object.keys(dict), ['weight', 'calls', 'total']);
  dict['weight']!.data[0] = 77;
  assert.equal(toArray(scale.weight), [2, 3]);
  assert.is(dict['weight']!.requiresGrad, false);
});

test('loadStateDict of a stateDict makes a module equal, and keeps its objects', () => {
  const make = (seed: number) => {
    const random = new Random(seed);
    return new Sequential(new Linear(3, 4, { random }), new BatchNorm(4), new Linear(4, 2, { random }));
  };
  const saved = make(1);
  saved.forward(full([5, 3], 1));
  const loaded = make(2);
  const before = [...loaded.parameters(), ...loaded.buffers()];
  assert.equal(loaded.loadStateDict(saved.stateDict()), { missing: [], unexpected: [] });
  const after = [...loaded.parameters(), ...loaded.buffers()];
  assert.ok(before.every((held, i) => held === after[i]));
  assert.equal(
    after.map((held) => toArray(held)),
    [...saved.parameters(), ...saved.buffers()].map((held) => toArray(held)),
  );
  const x = tensor([[1, 2, 3]]);
  assert.equal(toArray(loaded.eval().forward(x)), toArray(saved.eval().forward(x)));
});

test('loadStateDict rounds to the dtype of the module', () => {
  const scale = new Scale();
  scale.loadStateDict({ ...scale.stateDict(), weight: tensor([0.1, 1], { dtype: 'float64' }) });
  assert.is(scale.weight.dtype, 'float32');
  assert.is(scale.weight.data[0], Math.fround(0.1));
});

test('a load is noticed by a graph that needs the old values', () => {
  const scale = new Scale();
  const loss = sum(scale.forward(tensor([1, 1], { requiresGrad: true })));
  scale.loadStateDict(scale.stateDict());
  assert.throws(() => backward(loss), /overwritten/);
});

test('a strict load lists every missing and unexpected key, and changes nothing', () => {
  const scale = new Scale(true);
  const dict = { weight: tensor([7, 7]), gamma: tensor(1), beta: tensor(1) };
  assert.throws(
    () => scale.loadStateDict(dict),
    (error: Error) =>
      error instanceof RangeError &&
      error.message ===
        'loadStateDict: keys and shapes must be those of the module, got missing bias, calls, total; unexpected gamma, ' +
          'beta; rename the keys, or pass { strict: false } to load what fits',
  );
  assert.equal(toArray(scale.weight), [2, 3]);
});

test('shapes must fit even when a load is not strict, and nothing is changed otherwise', () => {
  const scale = new Scale();
  assert.throws(
    () => scale.loadStateDict({ weight: tensor([7, 7]), calls: tensor([1]), total: tensor([1, 2, 3]) }, { strict: false }),
    (error: Error) =>
      error instanceof ShapeError &&
      error.message ===
        'loadStateDict: keys and shapes must be those of the module, got of another shape calls ([], got [1]), total ' +
          '([2], got [3]); build the module with the sizes it was saved with',
  );
  assert.equal(toArray(scale.weight), [2, 3]);
});

test('one message tells of wrong keys and wrong shapes together', () => {
  const { calls, total } = new Scale().stateDict() as { calls: Tensor; total: Tensor };
  assert.throws(
    () => new Scale(true).loadStateDict({ weight: tensor([1]), calls, total, extra: total }),
    /missing bias; unexpected extra; of another shape weight \(\[2\], got \[1\]\)/,
  );
});

test('a load that is not strict writes what fits and reports the rest', () => {
  const scale = new Scale();
  const report = scale.loadStateDict({ weight: tensor([7, 8]), other: tensor(1) }, { strict: false });
  assert.equal(report, { missing: ['calls', 'total'], unexpected: ['other'] });
  assert.equal(toArray(scale.weight), [7, 8]);
});

test('refuses values that are no tensors, and does not take inherited keys for given ones', () => {
  const dict = { ...new Scale().stateDict(), weight: [1, 2] as unknown as Tensor };
  assert.throws(
    () => new Scale().loadStateDict(dict),
    (error: Error) => error instanceof TypeError && /every value must be a tensor, got object for weight/.test(error.message),
  );
  class Odd extends Module {
    override readonly toString = parameter(tensor([1])) as unknown as () => string;
    forward(): void {}
  }
  assert.throws(() => new Odd().loadStateDict({}), /missing toString/);
});

test.run();
