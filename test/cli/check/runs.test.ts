/** Which cases `normgrad check` asks, which failures it excuses, what it records. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { indicesOf } from '../../../src/cli/arguments.ts';
import { Workbench } from './checked.ts';

const test = suite('runs of normgrad check');
const bench = new Workbench();
test.after(() => bench.remove());

const regular = ['--phase', 'regular'];

test('the seed makes the cases', async () => {
  const report = bench.file('seed.jsonl');
  const cases: string[] = [];
  for (const seed of ['1', '1', '2']) {
    await bench.run(['check', 'layer', '--runs', '1', '--seed', seed, ...regular, '--no-shrink', '--report', report, ...bench.harness('wrong dx')]);
    cases.push(JSON.stringify(bench.records(report).find(({ record }) => record === 'failure')!.case));
  }
  assert.is(cases[0], cases[1]);
  assert.is.not(cases[0], cases[2]);
});

test('--phase asks for cases of these phases alone', async () => {
  const report = bench.file('phase.jsonl');
  await bench.run(['check', 'layer', '--runs', '2', '--phase', 'single', '--no-shrink', '--report', report, ...bench.harness('errs')]);
  const [failure] = bench.records(report).filter(({ record }) => record === 'failure');
  assert.equal([failure!.index, failure!.phase], [0, 'single']);
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
  const first: number[] = [];
  for (const shard of ['1/3', '2/3', '3/3']) {
    const report = bench.file('shard.jsonl');
    await bench.run(['check', 'layer', '--runs', '7', ...regular, '--shard', shard, '--no-shrink', '--report', report, ...bench.harness('wrong dx')]);
    found.push(bench.records(report).find(({ record }) => record === 'norm')!.cases);
    first.push(bench.records(report).find(({ record }) => record === 'failure')!.index);
  }
  assert.equal(found, [3, 2, 2]);
  assert.equal(first, [0, 1, 2]);
  const places = [1, 2, 3].flatMap((at) => indicesOf({ at, of: 3 }, 7));
  assert.equal(places.sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6]);
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
