/** The adapters in examples/adapters: each speaks the protocol, and the oracle finds in its norm what is there to find. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { Harness } from '../../src/cli/check/harness.ts';
import { tensorFromJson, tensorToJson } from '../../src/formats/json-tensor.ts';
import { answerable } from '../../src/norms/catalog.ts';
import { caseAt } from '../../src/oracle/generate/case-at.ts';
import type { Phase } from '../../src/oracle/generate/phases.ts';
import { judge, profiles, type Verdict } from '../../src/oracle/judge.ts';
import { reply } from '../../src/oracle/protocol.ts';
import { replyFromJson } from '../../src/oracle/reply.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { filesBelow, read, root } from '../support/project.ts';

const test = suite('adapters');
const folder = join(root, 'examples/adapters');
const javascript = [process.execPath, join(folder, 'javascript/adapter.js')];

/** The verdicts on generated cases, and the cases, of a harness that is started for them. */
async function verdicts(
  command: readonly string[],
  norm: string,
  { runs = 24, phases, dtype = 'float32' }: { runs?: number; phases?: readonly Phase[]; dtype?: DType } = {},
): Promise<readonly (Verdict & { readonly why: string })[]> {
  const harness = await Harness.start({ command, startTimeout: 60_000, caseTimeout: 60_000 });
  try {
    assert.ok(harness.introduction.norms.includes(norm));
    const found = [];
    for (let i = 0; i < runs; i++) {
      const asked = caseAt(answerable(norm), i, { seed: 3, runs, ...(phases && { phases }) });
      const reply = replyFromJson(await harness.run(asked.toJson(dtype)), dtype);
      const verdict = judge(asked, reply, { dtype, factor: profiles.standard, early: true });
      found.push({ ...verdict, why: `${asked.flags.join(', ')}: ${verdict.message}` });
    }
    return found;
  } finally {
    await harness.stop();
  }
}

/** Throws unless everything was tested and passed. */
function assertAllPassed(found: readonly (Verdict & { readonly why: string })[]): void {
  assert.equal(found.filter(({ outcome }) => outcome !== 'passed').map(({ why }) => why), []);
  assert.equal(found.flatMap(({ untested }) => untested), []);
}

/** The replies to messages, by a process that has to end by itself. */
function replies([program, ...args]: readonly string[], messages: readonly (object | string)[]): Record<string, unknown>[] {
  const input = messages.map((message) => `${typeof message === 'string' ? message : JSON.stringify(message)}\n`).join('');
  const { stdout, status, stderr } = spawnSync(program!, args, { input, encoding: 'utf8' });
  assert.is(status, 0, stderr);
  return stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

const oneRow = {
  norm: 'layer',
  config: { normalizedShape: [2], eps: 0 },
  calls: [{ inputs: { x: { shape: [1, 2], data: [1, 3] } }, gradOutputs: { y: { shape: [1, 2], data: [1, 1] } } }],
};

/** What every adapter does of the protocol. */
function assertSpeaks(command: readonly string[], { invalid }: { invalid: object }): void {
  const [introduction, skipped, rejected, ...rest] = replies(command, [
    { cmd: 'start', version: 1, unknown: true },
    { cmd: 'run', seq: 'a', case: { norm: 'no-such-norm', calls: [] } },
    '',
    { cmd: 'run', seq: { b: [1, '"}'] }, case: invalid },
    { cmd: 'stop' },
    'what comes behind stop is not read',
  ]);
  assert.is(introduction!.version, 1);
  assert.equal([skipped!.seq, skipped!.skipped], ['a', true]);
  assert.equal([rejected!.seq, rejected!.rejected], [{ b: [1, '"}'] }, true]);
  assert.type(rejected!.message, 'string');
  assert.equal(rest, []);
}

test('every folder has a README that names the command to run, and no adapter names a place on a machine', () => {
  for (const name of ['python', 'javascript', 'tfjs', 'c']) assert.match(read(`examples/adapters/${name}/README.md`), /normgrad check .* -- /);
  const sources = filesBelow('examples/adapters', '').filter((path) => /\.(?:py|js|json|c|h|md)$|Makefile$/.test(path));
  assert.equal(sources.filter((path) => /\/(?:usr|home|root|tmp|work)\//.test(read(path))), []);
});

test('the dependencies of an adapter stay in its folder', () => {
  assert.not.match(read('package.json') + read('package-lock.json'), /tensorflow/);
  assert.is((JSON.parse(read('examples/adapters/tfjs/package.json')) as { private: boolean }).private, true);
});

test('javascript: it introduces itself, skips, rejects, and stops', () => {
  assertSpeaks(javascript, { invalid: { norm: 'batch', config: { eps: -1 }, calls: [{ inputs: { x: { shape: [2, 1], data: [1, 3] } } }] } });
});

test('javascript: an error in the norm is told, with its trace, and the next case is served', () => {
  const [broken, next] = replies(javascript, [
    { cmd: 'run', seq: 1, case: { norm: 'batch', config: {}, calls: [{ inputs: {} }] } },
    { cmd: 'run', seq: 2, case: { norm: 'layer', calls: [] } },
  ]);
  assert.is(broken!.errored, true);
  assert.match(broken!.traceback as string, /adapter\.js/);
  assert.is(next!.skipped, true);
});

test('javascript: tensors as bytes and as numbers are the same, and special numbers come through', () => {
  const data = [1, -0, Infinity, NaN];
  const b64 = Buffer.from(Float32Array.from(data).buffer).toString('base64');
  const asked = (x: object): object => ({
    cmd: 'run',
    seq: 1,
    case: {
      norm: 'batch',
      config: { trackRunningStats: true, eps: 0 },
      state: {
        runningMean: { shape: [1], data: [0] },
        runningVar: { shape: [1], data: [1] },
        numBatchesTracked: { shape: [], data: [0] },
      },
      calls: [{ mode: 'eval', inputs: { x } }],
    },
  });
  const [numbers, bytes] = replies(javascript, [
    asked({ shape: [4, 1], data: [1, '-0', 'Infinity', 'NaN'] }),
    asked({ shape: [4, 1], dtype: 'float32', b64 }),
  ]);
  assert.equal(numbers, bytes);
  const [{ outputs }] = numbers!.results as [{ outputs: { y: { data: unknown[] } } }];
  // the adapter adds an absent bias of 0 to -0
  assert.equal(outputs.y.data, [1, 0, 'Infinity', 'NaN']);
});

for (const dtype of ['float32', 'float64'] as const) {
  test(`javascript: batch norm with its state passes cases of every phase in ${dtype}`, async () => {
    assertAllPassed(await verdicts(javascript, 'batch', { runs: 30, dtype }));
  });
}

/** The JSON blocks of the page about the oracle, a list of lines each. */
const blocks = [...read('docs/oracle.md').matchAll(/^ *```json\n([^]*?)^ *```/gm)].map(([, lines]) =>
  lines!.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>),
);

test('docs/oracle.md: the exchange that it shows is the one that normgrad answer has', () => {
  const [asked, answered] = blocks.find(([first]) => first!.cmd === 'run')!;
  assert.equal(JSON.parse(JSON.stringify(reply(JSON.stringify(asked)))), answered);
});

test('docs/oracle.md: the other answers to a case are read as what they are said to be', () => {
  const others = blocks.find(([first]) => first!.skipped === true)!;
  assert.equal(others.map((line) => replyFromJson(line, 'float32').kind), ['skipped', 'rejected', 'errored']);
});

test('docs/oracle.md: a tensor in numbers and in bytes is the same', () => {
  const [numbers, bytes] = blocks.find(([first]) => first!.data !== undefined)!;
  assert.equal(tensorToJson(tensorFromJson(bytes, 'float32')), numbers);
});

test('docs/oracle.md: every counterexample is a case that normgrad answers', () => {
  const cases = blocks.flat().filter(({ norm }) => norm !== undefined);
  assert.ok(cases.length >= 3);
  for (const asked of cases) assert.ok('results' in reply(JSON.stringify(asked))!, JSON.stringify(asked));
});

/** Whether a program can be run; says so when not. */
function isThere(program: string, args: readonly string[], what: string): boolean {
  const found = spawnSync(program, args, { stdio: 'ignore' });
  if (found.status === 0) return true;
  process.stdout.write(`  not tested: there is no ${what} here\n`);
  return false;
}

test('c, where there is a C compiler: the adapter builds without a warning, speaks the protocol, and passes', async () => {
  if (!isThere('cc', ['--version'], 'C compiler')) return;
  const place = mkdtempSync(join(tmpdir(), 'normgrad-adapter-'));
  try {
    const program = join(place, 'adapter');
    const sources = ['adapter.c', 'json.c', 'layer_norm.c'].map((name) => join(folder, 'c', name));
    const said = spawnSync('cc', ['-std=c99', '-Wall', '-Wextra', '-pedantic', '-O1', '-o', program, ...sources, '-lm'], { encoding: 'utf8' });
    assert.equal([said.status, said.stderr], [0, '']);
    assertSpeaks([program], { invalid: { ...oneRow, config: { ...oneRow.config, eps: 'Infinity' } } });
    assert.equal(replies([program], ['{"cmd":"run","seq":1,"case":{]}']), [{ seq: null, errored: true, message: 'not JSON' }]);
    assertAllPassed(await verdicts([program], 'layer'));
  } finally {
    rmSync(place, { recursive: true });
  }
});

const python = ['python3', '/usr/bin/python3'].find((program) => spawnSync(program, ['-c', 'import numpy'], { stdio: 'ignore' }).status === 0);

test('python, where there is numpy: the careful layer norm speaks the protocol, and passes', async () => {
  if (!python) return void process.stdout.write('  not tested: there is no python3 with numpy here\n');
  const careful = [python, join(folder, 'python/numpy_careful.py')];
  assertSpeaks(careful, { invalid: { ...oneRow, config: { ...oneRow.config, eps: 'NaN' } } });
  assertAllPassed(await verdicts(careful, 'layer'));
});

test('python, where there is numpy: the naive layer norm is refuted at an offset, and nowhere skips', async () => {
  if (!python) return void process.stdout.write('  not tested: there is no python3 with numpy here\n');
  const found = await verdicts([python, join(folder, 'python/numpy_naive.py')], 'layer', { phases: ['offset'], runs: 12 });
  assert.ok(found.filter(({ outcome }) => outcome === 'failed').length > 6, found.map(({ why }) => why).join('\n'));
  assert.is(found.filter(({ outcome }) => outcome === 'skipped').length, 0);
});

test.run();
