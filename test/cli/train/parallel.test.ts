/** Training on threads: compiled, as the command is, but for one test that starts them from the sources. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Digits } from '../../../src/cli/train/data.ts';
import { type Observer, type Run, trainOnce } from '../../../src/cli/train/loop.ts';
import { parseTrainOptions, type TrainOptions } from '../../../src/cli/train/options.ts';
import { trainParallel as trainParallelFromSource } from '../../../src/cli/train/parallel.ts';
import { checkEqual, settle, shareOf } from '../../../src/cli/train/share.ts';
import { syntheticDigits } from '../../../src/data/synthetic-digits.ts';
import { fromArray, tensor } from '../../../src/tensor/create.ts';
import type { Communicator } from '../../../src/parallel/communicator.ts';
import { Random } from '../../../src/tensor/random.ts';
import { type Compiled, compile } from '../../support/compiled.ts';

const test = suite('a training on threads');

let compiled: Compiled;
let trainParallel: typeof trainParallelFromSource;
test.before(async () => {
  compiled = compile();
  ({ trainParallel } = (await import(compiled.url('src/cli/train/parallel.ts').href)) as { trainParallel: typeof trainParallelFromSource });
});
test.after(() => compiled.remove());

const silent: Observer = { step() {}, epoch() {}, stopped: () => false };
// 9 samples in a batch: two threads have parts of 4 and 5
const optionsOf = (...args: string[]): TrainOptions => parseTrainOptions(['--epochs', '3', '--batch', '9', '--workers', '2', ...args])!;

const digits: Digits = {
  name: 'small digits',
  train: syntheticDigits(40, { random: new Random(1), size: 8 }),
  test: syntheticDigits(11, { random: new Random(2), size: 8 }),
  height: 8,
  width: 8,
  classes: 10,
};

/** The largest relative difference of the losses of two trainings. */
function apart(a: Run, b: Run): number {
  assert.is(a.losses.length, b.losses.length);
  return Math.max(...a.losses.map((loss, i) => Math.abs(loss - b.losses[i]!) / loss));
}

test('with sync-batch has the losses of one process with the whole batch, to rounding; with batch it has not', async () => {
  const options = optionsOf();
  const [whole, threads] = [await trainOnce('sync-batch', digits, options, silent), await trainParallel('sync-batch', digits, options, silent)];
  assert.is(threads.status, 'done');
  assert.is(threads.losses.length, 12);
  // losses are float32, with a unit of 6e-8, and are fed back twelve times
  assert.ok(apart(threads, whole) < 2e-6, `apart by ${apart(threads, whole)}`);
  threads.epochs.forEach((epoch, i) => {
    assert.ok(Math.abs(epoch.testLoss - whole.epochs[i]!.testLoss) < 1e-5);
    assert.is(epoch.testAccuracy, whole.epochs[i]!.testAccuracy);
    assert.is(epoch.trainAccuracy, whole.epochs[i]!.trainAccuracy);
  });
  const alone = await trainParallel('batch', digits, options, silent);
  assert.ok(apart(alone, await trainOnce('batch', digits, options, silent)) > 1e-3);
});

test('tells every step and epoch while it goes on, from the sources too', async () => {
  const seen: string[] = [];
  const run = await trainParallelFromSource('none', digits, optionsOf('--epochs', '1'), {
    step: ({ losses }, epoch, loss, accuracy) => void seen.push(`step ${losses.length} of epoch ${epoch}: ${loss > 0}, ${accuracy >= 0}`),
    epoch: ({ epochs }, { epoch }) => void seen.push(`epoch ${epoch}, ${epochs.length}`),
    stopped: () => false,
  });
  assert.equal(seen, [...[1, 2, 3, 4].map((step) => `step ${step} of epoch 1: true, true`), 'epoch 1, 1']);
  assert.is(run.times.length, 4);
});

test('stops all threads after the same step when it is told to', async () => {
  let steps = 0;
  const options = optionsOf('--epochs', '100000');
  const run = await trainParallel('sync-batch', digits, options, { ...silent, step: () => steps++, stopped: () => steps >= 3 });
  assert.is(run.status, 'stopped');
  assert.ok(run.losses.length >= 3 && run.losses.every(Number.isFinite));
});

test('has equal copies also where a norm sets its parameters from the samples it sees first', async () => {
  const { status, losses } = await trainParallel('activation', digits, optionsOf(), silent);
  assert.is(status, 'done');
  assert.ok(losses[11]! < losses[0]!);
});

test('with online has a stream of its own in each thread, and equal copies all the same', async () => {
  const threads = await trainParallel('online', digits, optionsOf(), silent);
  assert.is(threads.status, 'done');
  assert.is(threads.losses.length, 12);
  assert.ok(threads.losses.every(Number.isFinite));
  assert.ok(apart(threads, await trainOnce('online', digits, optionsOf(), silent)) > 1e-3);
});

test('gives parameters that replicas have set their mean, leaves equal ones alone, and notices when copies differ', () => {
  const among = (size: number, theirs: readonly number[]): Communicator => ({
    rank: 0,
    size,
    allReduce: (values) => values.forEach((value, i) => (values[i] = value + theirs[i]!)),
  });
  const weight = tensor([0.1, 3]);
  const before = Array.from(weight.data);
  settle([weight], among(3, before.map((value) => 2 * value)));
  assert.equal(Array.from(weight.data), before);
  checkEqual([weight], among(2, [0, before[0]! + 2 * before[1]!]));
  assert.throws(() => checkEqual([weight], among(2, [0, 6])), /the replicas must have the same parameters, and parameter 0 differs/);
  settle([weight], among(2, [0.3, 1]));
  assert.equal(Array.from(weight.data), Array.from(Float32Array.of((before[0]! + 0.3) / 2, 2)));
});

test('gives each replica its part of a batch, unequal where it must be, and all of it together', () => {
  const images = fromArray(Float32Array.from({ length: 14 }, (_, i) => i), [7, 1, 2, 1]);
  const parts = [0, 1, 2].map((rank) => shareOf({ images, labels: [0, 1, 2, 3, 4, 5, 6] }, { rank, size: 3, allReduce() {} }));
  assert.equal(parts.map(({ labels }) => labels), [[0, 1], [2, 3], [4, 5, 6]]);
  assert.equal(parts.map((part) => [...part.images.data]), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11, 12, 13]]);
  assert.equal(parts[2]!.images.shape, [3, 1, 2, 1]);
  assert.equal(shareOf({ images, labels: [1] }, { rank: 0, size: 2, allReduce() {} }).images.shape, [0, 1, 2, 1]);
});

/** Runs the compiled command; `onOutput` may end it. */
function normgrad(args: readonly string[], onOutput: (soFar: string, interrupt: () => void) => void = () => {}) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [compiled.path('src/cli/main.ts'), ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      onOutput(stdout, () => child.kill('SIGINT'));
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('is what the command does with --workers', async () => {
  const out = join(dirname(compiled.path('package.ts')), 'runs');
  const args = ['train', '--norm', 'sync-batch', '--workers', '2', '--epochs', '1', '--train-size', '32', '--test-size', '5', '--out', out];
  const { code, stdout, stderr } = await normgrad(args);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.match(stdout, /epochs 1, seed 1 · 2 workers\n/);
  assert.match(stdout, /\nsync-batch {2}epoch 1\/1 {2}loss \d/);
  const { options, runs } = JSON.parse(readFileSync(join(out, 'train-plain.json'), 'utf8')) as {
    options: { workers: number };
    runs: { norm: string; status: string; losses: number[] }[];
  };
  assert.is(options.workers, 2);
  assert.equal(runs.map(({ norm, status, losses }) => [norm, status, losses.length]), [['none', 'done', 2], ['sync-batch', 'done', 2]]);
});

test('ends at Ctrl-C with the results so far', async () => {
  const out = join(dirname(compiled.path('package.ts')), 'runs');
  let sent = false;
  const { code, stdout, stderr } = await normgrad(
    ['train', '--norm', 'none', '--workers', '2', '--epochs', '100000', '--train-size', '16', '--test-size', '5', '--out', out],
    (soFar, interrupt) => {
      if (sent || !soFar.includes('epoch 2/')) return;
      sent = true;
      interrupt();
    },
  );
  assert.is(code, 130, stderr);
  assert.match(stdout, /\nnone +stopped after step \d+ /);
});

test.run();
