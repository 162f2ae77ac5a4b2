import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import { catalog, ops } from '../../src/norms/catalog.ts';
import { answer } from '../../src/oracle/answer.ts';
import { caseFromJson } from '../../src/oracle/case.ts';
import { root } from '../support/project.ts';

const test = suite('normgrad list and show');

function normgrad(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root, encoding: 'utf8' });
}

test('list has a line for each norm, with year, family and name, and one for each operation', () => {
  const lines = normgrad('list').stdout.split('\n').filter(Boolean);
  assert.equal(lines.map((line) => line.split(' ')[0]), [...catalog, ...ops].map(({ slug }) => slug));
  assert.match(lines[1]!, /^layer +2016 +standardize +Layer Normalization$/);
});

test('list --format json is the same for programs', () => {
  const found = JSON.parse(normgrad('list', '--format', 'json').stdout) as Record<string, unknown>[];
  assert.equal(found.map(({ norm }) => norm), [...catalog, ...ops].map(({ slug }) => slug));
  assert.equal(found[1], { norm: 'layer', name: 'Layer Normalization', family: 'standardize', year: 2016, averages: 'the trailing axes of each slice', carries: '' });
});

test('show has formula, paper, options with defaults, and the tensors of a case with their axes', () => {
  const { status, stdout } = normgrad('show', 'batch');
  assert.is(status, 0);
  for (const line of [
    /^Batch Normalization \(batch\)$/m,
    /^ {2}y = \(x - mean\) \/ sqrt\(variance \+ eps\) \* weight \+ bias$/m,
    /^state +running mean and variance, batch count$/m,
    /arxiv\.org\/abs\/1502\.03167$/m,
    /^ {2}eps +1e-5 +added to the variance/m,
    /^ {2}x +\[N, C, S0, S1\] {2}2 to 4 axes$/m,
    /^ {2}weight +\[C\] {2}with some options$/m,
    /^ {2}runningMean +\[C\] {2}with some options$/m,
    /^ {2}y +\[N, C, S0, S1\]/m,
  ]) assert.match(stdout, line);
});

test('show --case is a case, one line of JSON', () => {
  const { stdout } = normgrad('show', 'group', '--case');
  assert.is(stdout.split('\n').length, 2);
  assert.ok(answer(caseFromJson(JSON.parse(stdout)))[0]!.outputs.y);
});

test('an operation beside the norms is shown with its tensors', () => {
  assert.match(normgrad('show', 'op-sparsemax').stdout, /^op-sparsemax\n\ninputs\n {2}x {2}\[D0, D1, D2\]/);
});

test('what is wrong on the command line is a usage error', () => {
  const wrong: [string[], RegExp][] = [
    [['show'], /it takes one norm, got none/],
    [['show', 'layer', 'rms'], /it takes one norm, got layer rms/],
    [['show', 'foo'], /there is no norm "foo"; known/],
    [['show', 'layer', '--speed'], /Unknown option '--speed'/],
    [['list', 'layer'], /it takes no names, got "layer"; normgrad show layer shows one/],
    [['list', '--format', 'xml'], /--format must be text or json, got "xml"/],
  ];
  for (const [args, message] of wrong) {
    const { status, stderr } = normgrad(...args);
    assert.is(status, 2);
    assert.match(stderr, message);
  }
  for (const name of ['list', 'show']) assert.match(normgrad(name, '--help').stdout, new RegExp(`^Usage: normgrad ${name}`));
});

test.run();
