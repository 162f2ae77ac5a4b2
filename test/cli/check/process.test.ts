/** `normgrad check` and `normgrad replay` as processes: exit codes, Ctrl-C, and how it is without fast-check. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../support/compiled.ts';
import { Workbench } from './checked.ts';

const test = suite('normgrad check as a process');
const compiled = compile();
const bench = new Workbench();
test.after(() => {
  compiled.remove();
  bench.remove();
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function normgrad(args: readonly string[], input = '', onOutput: (stdout: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [compiled.path('src/cli/main.ts'), ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      onOutput(stdout, child);
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
}

test('the answer command is a harness that passes, in the compiled command', async () => {
  const { code, stdout, stderr } = await normgrad(['check', 'rms', '--runs', '5', '--', process.execPath, compiled.path('src/cli/main.ts'), 'answer']);
  assert.is(code, 0, stdout + stderr);
  assert.is(stderr, '');
  assert.match(stdout, /\nall passed: 5 cases, worst ratio [\d.e-]+\n$/);
});

test('wrong usage is exit code 2 with a hint, of both', async () => {
  for (const args of [['check', 'layer'], ['replay', 'case.json']]) {
    const { code, stdout, stderr } = await normgrad(args);
    assert.is(code, 2);
    assert.is(stdout, '');
    const hint = `^normgrad ${args[0]!}: the command of the harness stands behind --.*\nTry: normgrad ${args[0]!} --help\n$`;
    assert.match(stderr, new RegExp(hint));
  }
});

test('a case is replayed from standard input', async () => {
  const asked = '{"norm":"layer","config":{"normalizedShape":[1]},"calls":[{"inputs":{"x":{"shape":[1],"data":[3]}},"gradOutputs":{"y":{"shape":[1],"data":[1]}}}]}';
  const right = await normgrad(['replay', '-', ...bench.harness('right')], asked);
  assert.is(right.code, 0, right.stdout + right.stderr);
  assert.is((await normgrad(['replay', '-', ...bench.harness('wrong dx')], asked)).code, 1);
});

test('Ctrl-C shows the results so far, with exit code 130', async () => {
  let sent = false;
  const report = bench.file('interrupted.jsonl');
  const args = ['check', 'layer', 'rms', 'batch', '--runs', '4000', '--phase', 'regular', '--only', 'forward', '--report', report];
  const { code, stdout } = await normgrad([...args, ...bench.harness('wrong layer')], '', (text, child) => {
    if (sent || !text.includes('FAILED')) return;
    sent = true;
    child.kill('SIGINT');
  });
  assert.is(code, 130, stdout);
  assert.match(stdout, /\nlayer +\d+ +0 +\d+ +0 .*ended after \d+ of 4000 cases\n/);
  assert.match(stdout, /\ninterrupted; 1 of 1 failed: layer\n$/);
  assert.match(readFileSync(report, 'utf8'), /"record":"end","exit":130\}\n$/);
});

// the last one, for it takes the packages away
test('without fast-check it says in one line how to get it, with exit code 2, and does without when told to', async () => {
  rmSync(join(dirname(dirname(compiled.path('src/index.ts'))), 'node_modules'));
  const args = ['check', 'layer', '--runs', '1', '--phase', 'regular'];
  const { code, stderr } = await normgrad([...args, ...bench.harness('right')]);
  assert.is(code, 2);
  assert.match(stderr, /^normgrad check: .*fast-check.*not installed: npm install fast-check, or give --no-shrink\n/);
  assert.is((await normgrad([...args, '--no-shrink', ...bench.harness('right')])).code, 0);
});

test.run();
