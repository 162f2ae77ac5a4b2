import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Run } from '../../../src/cli/train/loop.ts';
import { summarize } from '../../../src/cli/train/summary.ts';
import { resultTable } from '../../../src/cli/train/table.ts';

const test = suite('the table of results');

const epoch = { epoch: 1, trainLoss: 9, trainAccuracy: 0, testLoss: 9, testAccuracy: 0.9725 };
const run = (more: Partial<Run>): Run => ({
  norm: 'none',
  status: 'done',
  parameters: 12345,
  savedBytes: 358084,
  losses: [4, 2, 1],
  times: [1, 9, 2],
  epochs: [epoch],
  ...more,
});

test('has a line for each training: loss of the last epoch, accuracy, median time, bytes', () => {
  const table = resultTable([
    summarize(run({}), 2),
    summarize(run({ norm: 'layer', status: 'diverged', losses: [3, NaN], times: [1.234], savedBytes: 1234567 }), 2),
    summarize(run({ norm: 'rms', status: 'stopped', losses: [0.012345], times: [3, 4], epochs: [], savedBytes: 999 }), 2),
  ]);
  assert.equal(table.split('\n'), [
    'norm           train loss  test accuracy  ms/step  kept for backward  parameters',
    '─'.repeat(80),
    'none                1.500         97.3 %     2.00           358.1 kB      12,345',
    'layer            diverged              –     1.23            1.23 MB      12,345',
    'rms (stopped)      0.0123              –     3.50              999 B      12,345',
  ]);
});

test('a training without a step has dashes', () => {
  const table = resultTable([summarize(run({ losses: [], times: [], epochs: [] }), 2)]);
  assert.match(table.split('\n')[2]!, /^none +– +– +– /);
});

test.run();
