import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Run } from '../../../src/cli/train/loop.ts';
import { Progress } from '../../../src/cli/train/progress.ts';

const test = suite('progress');

const plan = { norms: ['none', 'instance'], epochs: 4, stepsPerEpoch: 10, batch: 8 };
const result = { epoch: 2, trainLoss: 0.1234, trainAccuracy: 0.5, testLoss: 0.2, testAccuracy: 0.875 };

function runOf(steps: number, more: Partial<Run> = {}): Run {
  const losses = new Array<number>(steps).fill(1);
  return { norm: 'none', status: 'running', parameters: 1, savedBytes: 0, times: [], losses, epochs: [], ...more };
}

function screen(isTTY: boolean, columns = 100): { isTTY: boolean; columns: number; text: string; write(text: string): void } {
  return {
    isTTY,
    columns,
    text: '',
    write(text: string) {
      this.text += text;
    },
  };
}

test('on a terminal one line is redrawn: bar, epoch, loss, accuracy, speed, time left of all trainings', () => {
  const out = screen(true);
  let now = 0;
  const progress = new Progress(out, plan, () => now);
  now = 2000;
  progress.step(runOf(20), 2, 0.4567, 0.75);
  assert.is(out.text, '\rnone     ██████████░░░░░░░░░░ 2/4  loss 0.457  acc 75.0 %  80/s  0:06 left\x1b[K');
});

test('a terminal is not redrawn for every step', () => {
  const out = screen(true);
  let now = 0;
  const progress = new Progress(out, plan, () => now);
  for (let step = 1; step <= 20; step++) {
    now += 10;
    progress.step(runOf(step), 1, 1, 0);
  }
  assert.is(out.text.split('\r').length - 1, 3);
});

test('the line does not wrap on a narrow terminal', () => {
  const out = screen(true, 30);
  new Progress(out, plan, () => 1).step(runOf(1), 1, 1, 0);
  assert.is(out.text.replace('\r', '').replace('\x1b[K', '').length, 29);
});

test('a training that is over leaves its line, and the next one starts its own clock', () => {
  const out = screen(true);
  let now = 0;
  const progress = new Progress(out, plan, () => now);
  now = 1500;
  progress.finish(runOf(40, { status: 'done', epochs: [result] }));
  assert.is(out.text, '\rnone      loss 0.123  test 87.5 %  1.5 s\x1b[K\n');
  out.text = '';
  now = 2500;
  progress.step(runOf(10, { norm: 'instance' }), 1, 1, 0);
  assert.match(out.text, / 80\/s {2}0:02 left/);
});

test('elsewhere there is a line for each epoch, with nothing redrawn', () => {
  const out = screen(false);
  let now = 0;
  const progress = new Progress(out, plan, () => now);
  now = 1000;
  progress.step(runOf(20), 2, 1, 0);
  progress.epoch(runOf(20), result);
  progress.finish(runOf(40, { status: 'done', epochs: [result] }));
  assert.is(out.text, 'none      epoch 2/4  loss 0.123  train 50.0 %  test 87.5 %  160 samples/s\n');
});

test('a divergence and a stop are told everywhere', () => {
  const out = screen(false);
  const progress = new Progress(out, plan, () => 0);
  progress.finish(runOf(3, { status: 'diverged' }));
  progress.finish(runOf(25, { status: 'stopped', epochs: [result] }));
  progress.finish(runOf(2, { status: 'stopped' }));
  assert.equal(out.text.split('\n'), [
    'none      diverged at step 3',
    'none      stopped after step 25  loss 0.123  test 87.5 %',
    'none      stopped after step 2  no epoch finished',
    '',
  ]);
});

test.run();
