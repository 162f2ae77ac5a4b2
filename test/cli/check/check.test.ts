/** `normgrad check` from outside: right and wrong harnesses, what is printed, what is recorded, the exit code. */
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

test('--only forward does not see a wrong gradient', async () => {
  const args = ['check', 'layer', '--runs', '3', ...regular];
  assert.is((await bench.run([...args, '--only', 'forward', ...bench.harness('wrong dx')])).code, 0);
  assert.is((await bench.run([...args, '--only', 'backward', '--no-shrink', ...bench.harness('wrong dx')])).code, 1);
});

test('norms and dtypes that the harness does not declare are left out, and said to be', async () => {
  const several = await bench.run(['check', 'layer', 'group', '--dtype', 'float32,float64', '--runs', '2', ...regular, ...bench.harness('float64 only')]);
  assert.is(several.code, 0, several.stdout);
  assert.match(several.stdout, /1 norm in float64, 2 cases each/);
  assert.match(several.stdout, /left out, not declared by the harness: group\n/);
  assert.match(several.stdout, /left out, not declared by the harness: float32\n/);
});

test('when nothing is tested the exit code is 4', async () => {
  const skips = await bench.run(['check', 'layer', '--runs', '2', ...bench.harness('skips')]);
  assert.is(skips.code, 4);
  assert.match(skips.stdout, /\nlayer +2 +0 +0 +2 [^]*nothing was tested\n$/);
  const other = await bench.run(['check', 'all', '--runs', '2', ...bench.harness('other norm')]);
  assert.is(other.code, 4);
  assert.match(other.stdout, /left out, not in the catalogue: other\n/);
  assert.match(other.stdout, /nothing was tested\n$/);
});

test('files that cannot be read or written are a matter of usage', async () => {
  const missing = await bench.run(['check', 'layer', '--xfail', bench.file('nowhere.txt'), ...bench.harness('right')]);
  assert.is(missing.code, 2);
  assert.match(missing.stderr, /^--xfail: cannot read .*nowhere\.txt: /);
  const report = await bench.run(['check', 'layer', '--report', bench.file('no-folder/report'), ...bench.harness('right')]);
  assert.is(report.code, 2);
  assert.match(report.stderr, /^--report: cannot write .*no-folder.report: /);
});

test('the shards of a run are a partition of it', async () => {
  const found: number[] = [];
  for (const shard of ['1/3', '2/3', '3/3']) {
    const report = bench.file('shard.jsonl');
    await bench.run(['check', 'layer', '--runs', '7', ...regular, '--shard', shard, '--no-shrink', '--report', report, ...bench.harness('wrong dx')]);
    found.push(bench.records(report).find(({ record }) => record === 'norm')!.cases);
  }
  assert.equal(found, [3, 2, 2]);
});

test('expected failures do not fail the run, by norm, phase or tensor; one that passes is said', async () => {
  const run = (kind: string, xfail: string, ...args: string[]) =>
    bench.run(['check', 'layer', '--runs', '5', '--no-shrink', ...args, '--xfail', bench.file('known.txt', xfail), ...bench.harness(kind)]);
  const tensor = await run('wrong dx', '# known\nlayer grads x  # soon\nlayer outputs y\nrms\n', ...regular);
  assert.is(tensor.code, 0, tensor.stdout);
  assert.match(tensor.stdout, /5 failed as expected/);
  assert.match(tensor.stdout, /\nexpected to fail, and passed: .*known\.txt:3: layer outputs y\n/);
  assert.not.match(tensor.stdout, /passed: .*(grads x|rms)/);
  assert.match(tensor.stdout, /passed but for 5 expected failures: 5 cases/);
  const other = await run('wrong dx', 'layer outputs y\n', ...regular);
  assert.is(other.code, 1);
  const phase = await run('wrong single', 'layer single\n', '--phase', 'regular,single');
  assert.is(phase.code, 0, phase.stdout);
  assert.is((await run('wrong single', 'layer regular\n', '--phase', 'single')).code, 1);
  const whole = await run('errs', 'layer\n', ...regular);
  assert.is(whole.code, 0, whole.stdout);
});

test('--report is JSON lines: the start, each failure, each norm, the end', async () => {
  const report = bench.file('all.jsonl');
  await bench.run(['check', 'layer', 'rms', '--runs', '3', ...regular, '--report', report, ...bench.harness('wrong layer')]);
  const records = bench.records(report);
  assert.equal(records.map(({ record, norm = '' }) => `${record} ${norm}`.trim()), ['start', 'failure layer', 'norm layer', 'norm rms', 'end']);
  const [, failure, layer, rms, end] = records;
  assert.equal([failure!.index, failure!.dtype, failure!.repeated], [0, 'float32', true]);
  assert.equal([layer!.cases, layer!.passed, layer!.failed, layer!.kinds], [3, 0, 3, { 'outputs y': 3 }]);
  assert.equal([rms!.passed, rms!.failed], [3, 0]);
  assert.is(end!.exit, 1);
});

test('--help shows the options', async () => {
  const { code, stdout } = await bench.run(['check', '--help']);
  assert.is(code, 0);
  assert.match(stdout, /^Usage: normgrad check NORM\.\.\./);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 120, line);
});

test.run();
