import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { read, root } from '../support/project.ts';

const test = suite('normgrad');

function normgrad(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root, encoding: 'utf8' });
}

test('--help lists the commands', () => {
  const { status, stdout, stderr } = normgrad('--help');
  assert.is(status, 0);
  assert.is(stderr, '');
  assert.match(stdout, /^Usage: normgrad <command> \[options\]\n/);
  assert.match(stdout, /^ {2}train +train a small classifier/m);
});

test('--version is that of the package', () => {
  const { status, stdout } = normgrad('--version');
  assert.is(status, 0);
  assert.is(stdout, `${(JSON.parse(read('package.json')) as { version: string }).version}\n`);
});

test('without a command, or with one that is none, it tells so on stderr, with the usage and exit code 2', () => {
  const cases = [[], ['toString'], ['--no']];
  const reasons = ['no command given', 'unknown command "toString"', 'unknown option "--no"'];
  cases.forEach((args, i) => {
    const { status, stdout, stderr } = normgrad(...args);
    assert.is(status, 2);
    assert.is(stdout, '');
    assert.ok(stderr.startsWith(`normgrad: ${reasons[i]}\n\nUsage: normgrad <command>`), stderr);
  });
});

test.run();
