import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { savedCases } from '../../../src/cli/check/saved.ts';
import { message } from '../../support/message.ts';
import { Workbench } from './checked.ts';

const test = suite('saved cases and normgrad replay');
const bench = new Workbench();
test.after(() => bench.remove());

const asked = {
  norm: 'layer',
  dtype: 'float64',
  phase: 'single',
  config: { normalizedShape: [1] },
  calls: [{ inputs: { x: { shape: [1], data: [3] } }, gradOutputs: { y: { shape: [1], data: [1] } } }],
};
const line = JSON.stringify(asked);

test('a case is read from JSON on one line or many, and from a record of a report', () => {
  for (const text of [line, JSON.stringify(asked, null, 2), JSON.stringify({ record: 'failure', norm: 'layer', case: asked })]) {
    const [found, ...more] = savedCases(text, 'f');
    assert.equal(more, []);
    assert.equal(found!.question.message, asked);
    assert.equal([found!.question.dtype, found!.question.phase, found!.title], ['float64', 'single', 'layer float64, f']);
  }
});

test('of a whole report every failure is read, and nothing else', () => {
  const text = ['{"record":"start"}', `{"record":"failure","case":${line}}`, '', `{"record":"failure","case":${line}}`, '{"record":"end"}', ''].join('\n');
  assert.equal(savedCases(text, 'r').map(({ title }) => title), ['layer float64, r, line 2', 'layer float64, r, line 4']);
});

test('what holds no case is refused with its place', () => {
  const table: [string, RegExp][] = [
    ['{"record":"end"}', /^UsageError: f: there is no case in it/],
    ['', /there is no case in it/],
    ['[]', /f: a case is an object/],
    ['{"record":"end"}\nnonsense', /f, line 2: not JSON/],
    ['{"norm":"layr","calls":[]}', /f: no case that can be replayed: .*there is no norm "layr"/],
    ['{"norm":"layer"}', /f: no case that can be replayed: a case has a list of calls/],
  ];
  for (const [text, expected] of table) assert.match(message(() => savedCases(text, 'f')), expected, text);
});

test('replay says what passed, what was skipped and what failed, each with its exit code', async () => {
  const file = bench.file('case.json', line);
  const right = await bench.run(['replay', file, '--profile', 'tight', ...bench.harness('right')]);
  assert.is(right.code, 0, right.stdout);
  assert.match(right.stdout, /^✓ layer float64, .*case\.json: passed, ratio \S+ of 2\n$/);
  const skips = await bench.run(['replay', file, ...bench.harness('skips')]);
  assert.is(skips.code, 4);
  assert.match(skips.stdout, /^– layer float64, .*: skipped: not yet\n$/);
  const wrong = await bench.run(['replay', file, ...bench.harness('wrong dx')]);
  assert.is(wrong.code, 1);
  assert.match(wrong.stdout, /FAILED[^]*call 0, grads x\[0\][^]*replay: /);
  assert.not.match(wrong.stdout, /shrunk|nothing smaller/);
  const hangs = await bench.run(['replay', file, '--timeout', '1', ...bench.harness('hangs')]);
  assert.is(hangs.code, 3);
  const none = await bench.run(['replay', file, ...bench.harness('no start')]);
  assert.is(none.code, 3);
  assert.match(none.stderr, /^normgrad replay: [^]*no licence/);
});

test('each case of a report is asked in a process of its own', async () => {
  const file = bench.file('two.jsonl', `${line}\n${line}\n`);
  const { code, stdout } = await bench.run(['replay', file, ...bench.harness('wrong when used')]);
  assert.is(code, 0, stdout);
});

test('it wants one file', async () => {
  for (const args of [[], ['a', 'b'], [bench.file('nowhere.json')]]) {
    const { code, stderr } = await bench.run(['replay', ...args, ...bench.harness('right')]);
    assert.is(code, 2);
    assert.match(stderr, args.length === 1 ? /^cannot read .*nowhere\.json/ : /^give one file with a case/);
  }
  assert.match((await bench.run(['replay', '--help'])).stdout, /^Usage: normgrad replay FILE/);
});

test.run();
