import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/backward.ts';
import { ReLU, Tanh } from '../../src/nn/activations.ts';
import { crossEntropy } from '../../src/nn/cross-entropy.ts';
import { Linear } from '../../src/nn/linear.ts';
import type { Layer } from '../../src/nn/module.ts';
import { mse } from '../../src/nn/mse.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { Adam } from '../../src/optim/adam.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { tensor } from '../../src/tensor/create.ts';
import { Random } from '../../src/tensor/random.ts';
import { item, toArray } from '../../src/tensor/read.ts';

const test = suite('Sequential');

test('runs its layers in order and is the identity without any', () => {
  const x = tensor([[1, -1]]);
  const first = new Linear(2, 2, { random: new Random(1) });
  const second = new ReLU();
  assert.equal(toArray(new Sequential(first, second).forward(x)), toArray(second.forward(first.forward(x))));
  assert.is(new Sequential().forward(x), x);
});

test('names its layers by their index, and keeps their training flags together', () => {
  const network = new Sequential(new ReLU(), new Sequential(new Linear(2, 1, { random: new Random(1) })));
  assert.equal(Object.keys(network.stateDict()), ['1.0.weight', '1.0.bias']);
  assert.ok(network.eval().modules().every((module) => !module.training));
});

test('refuses what is no module', () => {
  assert.throws(
    () => new Sequential(new ReLU(), (() => 0) as unknown as Layer),
    (error: Error) => error instanceof TypeError && /every layer must be a Module, got function at 1/.test(error.message),
  );
});

test('learns exclusive or from a seed', () => {
  const random = new Random(3);
  const network = new Sequential(new Linear(2, 8, { random }), new Tanh(), new Linear(8, 1, { random }));
  const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]);
  const target = tensor([[0], [1], [1], [0]]);
  const optimizer = new SGD(network.parameters(), { lr: 0.2, momentum: 0.9 });
  let loss = Infinity;
  for (let step = 0; step < 400; step++) {
    optimizer.zeroGrad();
    const error = mse(network.forward(x), target);
    backward(error);
    optimizer.step();
    loss = item(error);
  }
  assert.ok(loss < 1e-4, `the loss is ${loss}`);
});

test('tells two spirals apart after training, from a seed', () => {
  const random = new Random(7);
  const points: number[][] = [];
  const labels: number[] = [];
  for (let i = 0; i < 40; i++) {
    for (const arm of [0, 1]) {
      const radius = 0.1 + i / 40;
      const angle = (i / 40) * 4 + arm * Math.PI;
      points.push([radius * Math.cos(angle), radius * Math.sin(angle)]);
      labels.push(arm);
    }
  }
  const network = new Sequential(
    new Linear(2, 24, { random }),
    new ReLU(),
    new Linear(24, 24, { random }),
    new ReLU(),
    new Linear(24, 2, { random }),
  );
  const optimizer = new Adam(network.parameters(), { lr: 0.02 });
  const x = tensor(points);
  let loss = Infinity;
  for (let step = 0; step < 250; step++) {
    optimizer.zeroGrad();
    const error = crossEntropy(network.forward(x), labels);
    backward(error);
    optimizer.step();
    loss = item(error);
  }
  assert.ok(loss < 0.01, `the loss is ${loss}`);
});

test.run();
