import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import type { Verdict } from '../../src/oracle/judge.ts';
import { caseRecord, failureRecord, normRecord, runRecord } from '../../src/oracle/records.ts';
import { Tally } from '../../src/oracle/summary.ts';

const test = suite('the records of a report');

const verdict: Verdict = {
  outcome: 'failed',
  ratio: Infinity,
  findings: [{ call: 0, part: 'outputs', name: 'y', index: [1, 2], got: NaN, want: -0, absolute: Infinity, relative: -Infinity, ratio: Infinity }],
  untested: ['grads'],
  message: 'call 0, outputs y[1, 2]: got NaN, want -0',
};
const finding = { ...verdict.findings[0], got: 'NaN', want: '-0', absolute: 'Infinity', relative: '-Infinity', ratio: 'Infinity' };

test('a case has its norm, index, phase, flags and verdict, on one line', () => {
  const line = caseRecord({ norm: 'layer', index: 3, phase: 'offset', flags: ['offset', 'N = 1'], verdict });
  assert.not.match(line, /\n/);
  assert.equal(JSON.parse(line), {
    record: 'case', norm: 'layer', index: 3, phase: 'offset', flags: ['offset', 'N = 1'], outcome: 'failed', ratio: 'Infinity',
    findings: [finding], untested: ['grads'], message: verdict.message,
  });
});

test('a failure has the shrunk case, the command and the diagnosis as well', () => {
  const shrunk = { norm: 'layer', calls: [] };
  const line = failureRecord({ norm: 'layer', index: 3, verdict, factor: 16, shrunk, replay: 'normgrad replay', diagnosis: ['eps doubled'] });
  assert.equal(JSON.parse(line), {
    record: 'failure', norm: 'layer', index: 3, flags: [], ratio: 'Infinity', limit: 16, findings: [finding], untested: ['grads'],
    message: verdict.message, case: shrunk, diagnosis: ['eps doubled'], notes: [], replay: 'normgrad replay',
  });
});

test('a norm and the run have their counts; the run has what else is known of it', () => {
  const tally = new Tally('layer');
  tally.add({ outcome: 'passed', ratio: 0.5, untested: ['grads'] });
  const counts = { cases: 1, passed: 1, failed: 0, skipped: 0, untested: { grads: 1 }, ratio: 0.5 };
  assert.equal(JSON.parse(normRecord(tally)), { record: 'norm', norm: 'layer', ...counts });
  assert.equal(JSON.parse(runRecord(tally, { seed: 7, exitCode: 0 })), { record: 'run', seed: 7, exitCode: 0, ...counts });
});

test.run();
