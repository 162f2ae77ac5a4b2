import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../../src/autograd/backward.ts';
import type { Digits } from '../../../src/cli/train/data.ts';
import { type Observer, trainOnce } from '../../../src/cli/train/loop.ts';
import { createNetwork } from '../../../src/cli/train/network.ts';
import { parseTrainOptions, type TrainOptions } from '../../../src/cli/train/options.ts';
import { stream } from '../../../src/cli/train/streams.ts';
import { batches } from '../../../src/data/batches.ts';
import { syntheticDigits } from '../../../src/data/synthetic-digits.ts';
import { crossEntropy } from '../../../src/nn/cross-entropy.ts';
import { oneCycle } from '../../../src/optim/schedules.ts';
import { SGD } from '../../../src/optim/sgd.ts';
import { Random } from '../../../src/tensor/random.ts';
import { item } from '../../../src/tensor/read.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';

const test = suite('a training');

const silent: Observer = { step() {}, epoch() {}, stopped: () => false };
const optionsOf = (...args: string[]): TrainOptions =>
  parseTrainOptions(['--epochs', '2', '--batch', '8', ...args])!;

/** 44 digits of 8 by 8 to train with, which is five batches of 8 and a rest, and 10 to test with. */
const digits: Digits = {
  name: 'small digits',
  train: syntheticDigits(44, { random: new Random(1), size: 8 }),
  test: syntheticDigits(10, { random: new Random(2), size: 8 }),
  height: 8,
  width: 8,
  classes: 10,
};

test('is the same again with the same seed, to the last bit, and another one with another seed', async () => {
  const losses = async (...args: string[]): Promise<number[]> =>
    (await trainOnce('batch', digits, optionsOf(...args), silent)).losses;
  const first = await losses();
  assert.is(first.length, 10);
  assert.equal(await losses(), first);
  assert.not.equal(await losses('--seed', '2'), first);
});

test('is one of momentum 0.9 under a one-cycle schedule, which the tests in between do not disturb', async () => {
  const options = optionsOf();
  const network = createNetwork('batch', { ...digits, gain: 1, seed: 1 });
  const optimizer = new SGD(network.parameters(), { momentum: 0.9 });
  const schedule = oneCycle({ steps: 10 });
  const random = stream(1, 'batches');
  const wanted: number[] = [];
  for (let epoch = 0; epoch < 2; epoch++) {
    for (const { images, labels } of batches(digits.train, { size: 8, random, dropLast: true })) {
      optimizer.zeroGrad();
      const loss = crossEntropy(network.forward(images), labels);
      optimizer.groups[0]!.lr = 0.1 * schedule(wanted.length);
      wanted.push(item(loss));
      backward(loss);
      optimizer.step();
    }
  }
  assert.equal((await trainOnce('batch', digits, options, silent)).losses, wanted);
});

test('is tested in eval mode: what a sample scores does not depend on those it is tested with', async () => {
  const options = optionsOf();
  const { images, labels, classes } = digits.test;
  const part = (from: number, to: number): Digits => {
    const data = images.data.slice(from * 64, to * 64);
    return { ...digits, test: { images: new Tensor(data, [to - from, 1, 8, 8]), labels: labels.slice(from, to), classes } };
  };
  const tested = async (from: number, to: number): Promise<{ losses: number[]; hits: number[] }> => {
    const { epochs } = await trainOnce('batch', part(from, to), options, silent);
    return {
      losses: epochs.map(({ testLoss }) => testLoss * (to - from)),
      hits: epochs.map(({ testAccuracy }) => Math.round(testAccuracy * (to - from))),
    };
  };
  const [all, head, tail] = [await tested(0, 10), await tested(0, 3), await tested(3, 10)];
  for (let epoch = 0; epoch < 2; epoch++) {
    const sum = head.losses[epoch]! + tail.losses[epoch]!;
    assert.ok(Math.abs(all.losses[epoch]! - sum) < 1e-5 * sum, `${all.losses[epoch]} is not ${sum}`);
    assert.is(all.hits[epoch], head.hits[epoch]! + tail.hits[epoch]!);
  }
});

test('learns: the loss falls well below that of guessing', async () => {
  const options = optionsOf('--epochs', '8');
  const { status, epochs, losses } = await trainOnce('batch', digits, options, silent);
  assert.is(status, 'done');
  assert.is(epochs.length, 8);
  assert.ok(losses[0]! > 1.8, `first loss ${losses[0]}`);
  assert.ok(epochs[7]!.trainLoss < 0.5, `last loss ${epochs[7]!.trainLoss}`);
  assert.ok(epochs[7]!.trainAccuracy > 0.9);
});

test('that meets a loss that is not finite has diverged and ends there', async () => {
  const options = optionsOf('--lr', '1e38');
  const run = await trainOnce('none', digits, options, silent);
  assert.is(run.status, 'diverged');
  assert.ok(run.losses.length < 10);
  assert.not.ok(Number.isFinite(run.losses[run.losses.length - 1]));
  assert.ok(run.losses.slice(0, -1).every(Number.isFinite));
});

test('ends after the step in which it is stopped', async () => {
  const options = optionsOf();
  let steps = 0;
  const run = await trainOnce('none', digits, options, { ...silent, step: () => steps++, stopped: () => steps === 7 });
  assert.is(run.status, 'stopped');
  assert.is(run.losses.length, 7);
  assert.is(run.epochs.length, 1);
});

test('that is stopped while it is tested has not finished that epoch', async () => {
  const options = optionsOf();
  let [steps, asked] = [0, 0];
  const stopped = (): boolean => steps === 5 && asked++ > 0;
  const run = await trainOnce('none', digits, options, { ...silent, step: () => steps++, stopped });
  assert.is(run.status, 'stopped');
  assert.is(run.losses.length, 5);
  assert.is(run.epochs.length, 0);
});

test('with a norm keeps more for backward than without', async () => {
  const options = optionsOf('--epochs', '1');
  const [none, layer] = [await trainOnce('none', digits, options, silent), await trainOnce('layer', digits, options, silent)];
  // at the least the activations of three convolutions for eight samples
  const activations = 4 * 8 * (8 * 64 + 16 * 16 + 32 * 16);
  assert.ok(none.savedBytes >= activations, String(none.savedBytes));
  assert.ok(layer.savedBytes - none.savedBytes >= activations, String(layer.savedBytes));
});

test.run();
