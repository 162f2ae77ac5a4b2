/** `normgrad check` from outside: right and wrong harnesses, what is found and how small it is made. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Workbench } from './checked.ts';

const test = suite('normgrad check');
const bench = new Workbench();
test.after(() => bench.remove());

const regular = ['--phase', 'regular'];

test('a right harness passes in every phase, with exit code 0, a table and the worst ratio', async () => {
  const { code, stdout, stderr } = await bench.run(['check', 'layer', 'rms', '--runs', '12', ...bench.harness('right')]);
  assert.is(code, 0, stdout + stderr);
  assert.match(stdout, /^normgrad \S+ \(TypeScript\): 2 norms in float32, 12 cases each, seed 1, profile standard\n/);
  assert.match(stdout, /\nlayer +12 cases .* worst [\d.e-]+\n/);
  assert.match(stdout, /\nlayer +12 +12 +0 +0 +[\d.e-]+\n/);
  assert.match(stdout, /\nall passed: 24 cases, worst ratio 0[\d.e-]* \((layer|rms)\)\n$/);
});

test('a wrong dx is exit code 1, and a case of at most two elements that fails again when it is replayed', async () => {
  const report = bench.file('dx.jsonl');
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '4', ...regular, '--report', report, ...bench.harness('wrong dx')]);
  assert.is(code, 1, stdout);
  assert.match(stdout, /FAILED {2}layer, case 0: regular/);
  assert.match(stdout, /call 0, grads x\[/);
  assert.match(stdout, /shrunk in \d+ steps?, \d+ cases? asked/);
  assert.match(stdout, /\nlayer +4 +0 +4 +0 /);
  assert.match(stdout, /\nlayer: grads x in 4 cases\n1 of 1 failed: layer\n$/);
  const line = /^ *case: +(\{.*\})$/m.exec(stdout)![1]!;
  const shown = JSON.parse(line) as { calls: { inputs: { x: { data: unknown[] } } }[] };
  assert.ok(shown.calls[0]!.inputs.x.data.length <= 2, line);
  const again = await bench.run(['replay', bench.file('dx.json', line), ...bench.harness('wrong dx')]);
  assert.is(again.code, 1, again.stdout);
  assert.match(again.stdout, /call 0, grads x\[/);
  const failures = bench.records(report).filter(({ record }) => record === 'failure');
  assert.equal(failures.map((found) => found.case), [JSON.parse(line)]);
  assert.is((await bench.run(['replay', report, ...bench.harness('wrong dx')])).code, 1);
  assert.is((await bench.run(['replay', report, ...bench.harness('right')])).code, 0);
});

test('a smaller case fails in the same tensor as the one it comes from, and keeps what makes it fail', async () => {
  const report = bench.file('tail.jsonl');
  await bench.run(['check', 'layer', '--runs', '6', ...regular, '--report', report, ...bench.harness('wrong tail')]);
  const [failure] = bench.records(report).filter(({ record }) => record === 'failure');
  assert.equal(failure!.kinds, ['grads x']);
  const size = failure!.case.calls[0]!.inputs.x.data.length;
  assert.ok(size <= 3 && size > 0, `${size} elements`);
});

test('a mistake that is in the catalogue is named', async () => {
  const report = bench.file('eps.jsonl');
  const { stdout } = await bench.run(['check', 'layer', '--runs', '4', ...regular, '--report', report, ...bench.harness('eps counted twice')]);
  assert.match(stdout, /\n {2}diagnosis: your (y|dx|dweight)\b.* ours with eps counted twice\n/);
  const failure = bench.records(report).find(({ record }) => record === 'failure')!;
  assert.match(failure.diagnosis[0]!, /ours with eps counted twice$/);
  const again = await bench.run(['replay', report, ...bench.harness('eps counted twice')]);
  assert.match(again.stdout, /\n {2}diagnosis: your .* ours with eps counted twice\n/);
});

test('a smaller case is believed only when it fails in a fresh process', async () => {
  const report = bench.file('used.jsonl');
  const { stdout } = await bench.run(['check', 'layer', '--runs', '4', ...regular, '--report', report, ...bench.harness('wrong when large or used')]);
  const failure = bench.records(report).find(({ record }) => record === 'failure')!;
  assert.is(failure.repeated, true);
  assert.ok(failure.case.calls[0]!.inputs.x.data.length > 2, stdout);
});

test('a failure of one norm does not keep the next one from being checked', async () => {
  const { code, stdout } = await bench.run(['check', 'layer', 'rms', '--runs', '3', ...regular, '--no-shrink', ...bench.harness('wrong layer')]);
  assert.is(code, 1);
  assert.match(stdout, /\nrms +3 +3 +0 +0 /);
  assert.match(stdout, /1 of 2 failed: layer\n$/);
  assert.not.match(stdout, /shrunk|nothing smaller/);
});

test('what errs and what rejects a valid case has failed; its own words are shown', async () => {
  const errs = await bench.run(['check', 'rms', '--runs', '2', ...regular, ...bench.harness('errs')]);
  assert.is(errs.code, 1);
  assert.match(errs.stdout, /fails: "KeyError: 'eps'"[^]*line 3\n[^]*line 4\n/);
  assert.match(errs.stdout, /\nrms: errored: KeyError in 2 cases\n/);
  const rejects = await bench.run(['check', 'rms', '--runs', '2', ...regular, ...bench.harness('rejects')]);
  assert.is(rejects.code, 1);
  assert.match(rejects.stdout, /rejects a valid case: "x must be positive"/);
});

test('parts that are left out are named as untested', async () => {
  const report = bench.file('untested.jsonl');
  const { code, stdout } = await bench.run(['check', 'layer', '--runs', '2', ...regular, '--report', report, ...bench.harness('without gradients')]);
  assert.is(code, 0, stdout);
  assert.match(stdout, /untested: grads/);
  assert.equal(bench.records(report).find(({ record }) => record === 'norm')!.untested, ['grads']);
});

test.run();
