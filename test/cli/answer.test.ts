import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';

const test = suite('normgrad answer');
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function answered(input: string, ...args: string[]): { code: number | null; lines: unknown[]; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, 'answer', ...args], { input, encoding: 'utf8' });
  return { code: status, lines: stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line) as unknown), error: stderr };
}

const layer = {
  norm: 'layer',
  config: { normalizedShape: [2], eps: 7 },
  calls: [{ inputs: { x: { shape: [1, 2], data: [1, 7] } }, gradOutputs: { y: { shape: [1, 2], data: [1, 0] } } }],
};

test('a case a line gives an answer a line, in the dtype and form asked for', () => {
  const text = readFileSync(new URL('../vectors/batch.json', import.meta.url), 'utf8');
  const { cases } = JSON.parse(text) as { cases: { calls: { outputs: { y: { data: number[] } } }[] }[] };
  const input = cases.slice(0, 3).map((found) => JSON.stringify({ ...found, norm: 'batch' })).join('\n');
  const { code, lines, error } = answered(input, '--dtype', 'float64', '--form', 'definition');
  assert.is(error, '');
  assert.is(code, 0);
  assert.is(lines.length, 3);
  (lines as { results: { outputs: { y: { data: number[] } } }[] }[]).forEach(({ results }, i) => {
    cases[i]!.calls.forEach((call, k) => {
      call.outputs.y.data.forEach((want, e) => assert.ok(Math.abs(results[k]!.outputs.y.data[e]! - want) <= 1e-9));
    });
  });
});

test('a line that is no case, and a case that the norm refuses, are answered and do not stop the next', () => {
  const bad = { ...layer, config: { normalizedShape: [3] } };
  const lines = ['nonsense', '{}', '{"norm":"nothing","calls":[]}', JSON.stringify(bad), '', JSON.stringify(layer)];
  const found = answered(`${lines.join('\n')}\n`, '--dtype', 'float64').lines as Record<string, unknown>[];
  assert.equal(found.map((answer) => Object.keys(answer)[0]), ['errored', 'errored', 'errored', 'rejected', 'results']);
  assert.match(String(found[3]!.message), /trailing axes of x must be normalizedShape \[3\], got x of shape \[1, 2\]/);
  assert.equal((found[4] as { results: unknown[] }).results, [
    { outputs: { y: { shape: [1, 2], data: [-0.75, 0.75] } }, grads: { x: { shape: [1, 2], data: [0.0546875, -0.0546875] } }, stateAfter: {} },
  ]);
});

test('it speaks the protocol: it introduces itself, runs cases by number and stops when told to', () => {
  const messages = [{ cmd: 'start', version: 1 }, { cmd: 'run', seq: 17, case: layer }, { cmd: 'jump', seq: 18 }, { cmd: 'stop' }, layer];
  const { code, lines } = answered(messages.map((message) => JSON.stringify(message)).join('\n'));
  assert.is(code, 0);
  assert.is(lines.length, 3);
  const [introduction, run, unknown] = lines as Record<string, unknown>[];
  assert.is(introduction!.version, 1);
  assert.ok((introduction!.norms as string[]).includes('layer'));
  assert.is(run!.seq, 17);
  assert.ok(Array.isArray(run!.results));
  assert.is(unknown!.errored, true);
});

test('an unknown option or value is a usage error', () => {
  for (const args of [['--dtype', 'float16'], ['--form', 'other'], ['--speed', '9']]) {
    const { code, error } = answered('', ...args);
    assert.is(code, 2);
    assert.match(error, /normgrad answer: .*\nTry: normgrad answer --help/);
  }
});

test.run();
