import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { summaryTable, Tally, totalOf } from '../../src/oracle/summary.ts';

const test = suite('the table of norms');

function layer(): Tally {
  const tally = new Tally('layer');
  tally.add({ outcome: 'passed', ratio: 0.25, untested: ['grads of call 1', 'stateAfter'] });
  tally.add({ outcome: 'passed', ratio: 0.30123, untested: ['stateAfter errorMean', 'stateAfter errorProj'] });
  tally.add({ outcome: 'skipped', ratio: 0, untested: [] });
  return tally;
}

function batch(): Tally {
  const tally = new Tally('batch');
  tally.add({ outcome: 'failed', ratio: Infinity, untested: ['grads'] });
  return tally;
}

test('a tally counts outcomes, the largest ratio, and in how many cases a part was left out', () => {
  const { norm, cases, passed, failed, skipped, untested, ratio } = layer();
  assert.equal(
    { norm, cases, passed, failed, skipped, untested, ratio },
    { norm: 'layer', cases: 3, passed: 2, failed: 0, skipped: 1, untested: { grads: 1, stateAfter: 2 }, ratio: 0.30123 },
  );
});

test('each norm has a line, numbers stand flush right, the sum comes last', () => {
  assert.is(
    summaryTable([layer(), batch(), new Tally('weight-standardization')], 16),
    `norm                    cases  passed  failed  skipped  worst ratio (limit 16)  untested
layer                       3       2       0        1                   0.301  grads 1, stateAfter 2
batch                       1       0       1        0                     inf  grads 1
weight-standardization      0       0       0        0                       -
total                       4       2       1        1                     inf  grads 2, stateAfter 2`,
  );
});

test('one norm needs no sum', () => {
  assert.is(summaryTable([layer()], 2).split('\n').length, 2);
});

test('the sum has the counts of all and the largest ratio', () => {
  const { norm, cases, passed, failed, skipped, untested, ratio } = totalOf([layer(), batch()]);
  assert.equal([norm, cases, passed, failed, skipped, ratio], ['total', 4, 2, 1, 1, Infinity]);
  assert.equal(untested, { grads: 2, stateAfter: 2 });
});

test.run();
