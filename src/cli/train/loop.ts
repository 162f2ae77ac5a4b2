/** One training: the network with one norm, step by step, tested after every epoch. */
import { setImmediate } from 'node:timers/promises';
import { backward } from '../../autograd/backward.ts';
import { mul } from '../../autograd/mul.ts';
import { noGrad } from '../../autograd/record.ts';
import { savedBytes } from '../../autograd/saved-bytes.ts';
import { batches } from '../../data/batches.ts';
import type { Dataset } from '../../data/dataset.ts';
import { crossEntropy } from '../../nn/cross-entropy.ts';
import type { Sequential } from '../../nn/sequential.ts';
import { SyncBatchNorm } from '../../norms/sync-batch.ts';
import { Scheduler } from '../../optim/scheduler.ts';
import { oneCycle } from '../../optim/schedules.ts';
import { SGD } from '../../optim/sgd.ts';
import { allReduceGradients } from '../../parallel/all-reduce-gradients.ts';
import { type Communicator, localCommunicator } from '../../parallel/communicator.ts';
import { item } from '../../tensor/read.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Digits } from './data.ts';
import { createNetwork } from './network.ts';
import type { TrainOptions } from './options.ts';
import { checkEqual, settle, shareOf, totals } from './share.ts';
import { stream } from './streams.ts';

/** What is known after an epoch: means over its steps, and over the test samples. */
export interface Epoch {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
}

/** A training, finished or not. */
export interface Run {
  readonly norm: string;
  /** `diverged`: the loss was not finite, which ended it. `stopped`: from outside. */
  status: 'running' | 'done' | 'diverged' | 'stopped';
  /** Trained numbers of the network. */
  readonly parameters: number;
  /** Bytes that the graph of one step keeps until backward, the parameters not counted. */
  savedBytes: number;
  /** Training loss of every step. */
  readonly losses: number[];
  /** Milliseconds of every step: forward, backward and update. */
  readonly times: number[];
  readonly epochs: Epoch[];
}

/** What a training tells while it goes on, and how it is told to stop. */
export interface Observer {
  /** After every step, with the means of the epoch so far. */
  step(run: Run, epoch: number, loss: number, accuracy: number): void;
  epoch(run: Run, epoch: Epoch): void;
  /** Asked after every step. */
  stopped(): boolean;
}

/** Samples that are tested at a time. */
const TEST_BATCH = 100;

/** Steps of an epoch: full batches only. */
export function stepsPerEpoch(digits: Digits, options: TrainOptions): number {
  return Math.floor(digits.train.labels.length / options.batch);
}

/**
 * Trains the network with the norm of this slug, or with `none`. Goes back to the event loop after every step. With a
 * communicator this is one of several replicas, which all do the same with their parts of each batch.
 */
export async function trainOnce(
  slug: string,
  digits: Digits,
  options: TrainOptions,
  observer: Observer,
  communicator: Communicator = localCommunicator(),
): Promise<Run> {
  const network = createNetwork(slug, { ...digits, gain: options.gain, seed: options.seed });
  for (const module of network.modules()) if (module instanceof SyncBatchNorm) module.communicator = communicator;
  const parameters = network.parameters();
  const optimizer = new SGD(parameters, { lr: options.lr, momentum: 0.9 });
  const scheduler = new Scheduler(optimizer, oneCycle({ steps: options.epochs * stepsPerEpoch(digits, options) }));
  const random = stream(options.seed, 'batches');
  const count = parameters.reduce((sum, parameter) => sum + parameter.data.length, 0);
  const run: Run = { norm: slug, status: 'running', parameters: count, savedBytes: 0, losses: [], times: [], epochs: [] };
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    let [seen, lossSum, correct] = [0, 0, 0];
    for (const batch of batches(digits.train, { size: options.batch, random, dropLast: true })) {
      const start = performance.now();
      optimizer.zeroGrad();
      const { images, labels } = shareOf(batch, communicator);
      const logits = network.forward(images);
      // this replica's part of the mean over the batch: the parts, and their gradients, add up
      const loss = mul(crossEntropy(logits, labels), labels.length / batch.labels.length);
      const [value, right] = totals(communicator, item(loss), hits(logits, labels)) as [number, number];
      if (run.losses.length === 0) run.savedBytes = totals(communicator, savedBytes(loss, { except: parameters }))[0]!;
      run.losses.push(value);
      if (!Number.isFinite(value)) {
        run.status = 'diverged';
        return run;
      }
      backward(loss);
      allReduceGradients(parameters, communicator);
      optimizer.step();
      if (run.losses.length === 1) settle(parameters, communicator);
      scheduler.step();
      run.times.push(performance.now() - start);
      seen += batch.labels.length;
      lossSum += value * batch.labels.length;
      correct += right;
      observer.step(run, epoch, lossSum / seen, correct / seen);
      await setImmediate();
      if (anyStopped(observer, communicator)) {
        run.status = 'stopped';
        return run;
      }
    }
    checkEqual(parameters, communicator);
    const tested = await evaluate(network, digits.test, observer, communicator);
    if (!tested) {
      run.status = 'stopped';
      return run;
    }
    const result = { epoch, trainLoss: lossSum / seen, trainAccuracy: correct / seen, ...tested };
    run.epochs.push(result);
    observer.epoch(run, result);
  }
  run.status = 'done';
  return run;
}

/** Loss and accuracy in eval mode; null when stopped on the way. */
async function evaluate(
  network: Sequential,
  test: Dataset,
  observer: Observer,
  communicator: Communicator,
): Promise<{ testLoss: number; testAccuracy: number } | null> {
  network.eval();
  let [lossSum, correct] = [0, 0];
  for (const batch of batches(test, { size: TEST_BATCH })) {
    const { images, labels } = shareOf(batch, communicator);
    if (labels.length > 0) {
      const logits = noGrad(() => network.forward(images));
      lossSum += item(noGrad(() => crossEntropy(logits, labels, { reduction: 'sum' })));
      correct += hits(logits, labels);
    }
    await setImmediate();
    if (anyStopped(observer, communicator)) return null;
  }
  network.train();
  [lossSum, correct] = totals(communicator, lossSum, correct) as [number, number];
  return { testLoss: lossSum / test.labels.length, testAccuracy: correct / test.labels.length };
}

/** Whether one of the replicas is told to stop: all must end after the same step. */
function anyStopped(observer: Observer, communicator: Communicator): boolean {
  return totals(communicator, observer.stopped() ? 1 : 0)[0]! > 0;
}

/** How many samples have their largest logit at their label. */
function hits(logits: Tensor, labels: readonly number[]): number {
  const classes = logits.shape[1]!;
  let count = 0;
  labels.forEach((label, i) => {
    const row = logits.data.subarray(i * classes, (i + 1) * classes);
    if (row.indexOf(Math.max(...row)) === label) count++;
  });
  return count;
}
