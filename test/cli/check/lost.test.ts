/** `normgrad check` when the harness dies, hangs, is flaky, breaks the protocol, or when Ctrl-C is pressed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Workbench } from './checked.ts';

const test = suite('normgrad check of harnesses that fail');
const bench = new Workbench();
test.after(() => bench.remove());

const regular = ['--phase', 'regular', '--no-shrink'];

test('a harness that dies at every third case is restarted each time, and the run goes on to its end', async () => {
  const report = bench.file('third.jsonl');
  const args = ['check', 'layer', 'rms', '--runs', '8', ...regular, '--report', report, ...bench.harness('dies at every third')];
  const { code, stdout } = await bench.run(args);
  assert.is(code, 3, stdout);
  assert.match(stdout, /the harness died: /);
  assert.match(stdout, /Segmentation fault/);
  assert.match(stdout, /not again in a fresh process/);
  const norms = bench.records(report).filter(({ record }) => record === 'norm');
  assert.equal(norms.map(({ norm, cases }) => [norm, cases]), [['layer', 8], ['rms', 8]]);
  for (const { passed, lost, failed } of norms) {
    assert.ok(lost >= 2, `${lost} lost`);
    assert.equal([passed + lost, failed], [8, 0]);
  }
});

test('a case that always kills the harness has failed, is shrunk, and fails again when it is replayed', async () => {
  const report = bench.file('dies.jsonl');
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '2', '--phase', 'regular', '--report', report, ...bench.harness('dies of layer')]);
  assert.is(code, 3, stdout);
  const [failure] = bench.records(report).filter(({ record }) => record === 'failure');
  assert.equal([failure!.repeated, failure!.kinds], [true, ['died']]);
  assert.ok(failure!.case.calls[0]!.inputs.x.data.length <= 2, stdout);
  const again = await bench.run(['replay', report, ...bench.harness('dies of layer')]);
  assert.is(again.code, 3);
  assert.match(again.stdout, /the harness died/);
});

test('a norm is given up after five cases in a row without a reply, and the next one is checked', async () => {
  const { code, stdout } = await bench.run(['check', 'layer', 'rms', '--runs', '8', ...regular, ...bench.harness('dies of layer')]);
  assert.is(code, 3);
  assert.match(stdout, /layer +5 of 8 cases/);
  assert.match(stdout, /given up: 5 cases in a row without a reply/);
  assert.match(stdout, /\nrms +8 +8 +0 /);
});

test('a failure that does not repeat in a fresh process is reported as that, with exit code 3', async () => {
  const report = bench.file('flaky.jsonl');
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '3', ...regular, '--report', report, ...bench.harness('wrong when used')]);
  assert.is(code, 3, stdout);
  assert.match(stdout, /not again in a fresh process: the harness is flaky/);
  const failures = bench.records(report).filter(({ record }) => record === 'failure');
  assert.equal(failures.map(({ index, repeated }) => [index, repeated]), [[1, false]]);
  const { cases, passed, failed, flaky } = bench.records(report).find(({ record }) => record === 'norm')!;
  assert.equal([cases, passed, failed, flaky], [3, 1, 0, 2]);
});

test('a harness that hangs is lost after --timeout', async () => {
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '1', ...regular, '--timeout', '1', ...bench.harness('hangs')]);
  assert.is(code, 3, stdout);
  assert.match(stdout, /the harness did not answer in time/);
  assert.match(stdout, /1 lost/);
});

test('a reply that cannot be read breaks the protocol', async () => {
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '1', ...regular, ...bench.harness('breaks the protocol')]);
  assert.is(code, 3, stdout);
  assert.match(stdout, /the harness broke the protocol: results is a list/);
});

test('a harness that does not start is exit code 3, with what it said', async () => {
  const { code, stderr } = await bench.run(['check', 'layer', ...bench.harness('no start')]);
  assert.is(code, 3);
  assert.match(stderr, /^normgrad check: [^]*\n {2}\| no licence\n$/);
  const none = await bench.run(['check', 'layer', '--', bench.file('no-such-command')]);
  assert.is(none.code, 3);
  assert.match(none.stderr, /there is no command/);
});

test('a harness that cannot be started again ends the run, with the results so far', async () => {
  const { code, stdout } = await bench.run(['check', 'layer', 'rms', '--runs', '3', ...regular, ...bench.harness('starts once', bench.file('mark'))]);
  assert.is(code, 3, stdout);
  assert.match(stdout, /ended after 1 of 3 cases/);
  assert.match(stdout, /ended: the harness could not be started again/);
  assert.not.match(stdout, /\nrms /);
});

test('an expected failure of a harness that dies does not fail the run', async () => {
  const xfail = bench.file('dies.txt', 'layer regular\n');
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '3', ...regular, '--xfail', xfail, ...bench.harness('dies of layer')]);
  assert.is(code, 0, stdout);
  assert.match(stdout, /3 failed as expected/);
});

test.run();
