import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import { readNpz } from '../../src/formats/npz.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { root } from '../support/project.ts';

const test = suite('normgrad cases');

function normgrad(args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root, input, encoding: 'utf8' });
}

function linesOf(...args: string[]): string[] {
  const { status, stdout, stderr } = normgrad(['cases', ...args]);
  assert.is(stderr, '');
  assert.is(status, 0);
  return stdout.split('\n').filter(Boolean);
}

function inFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-cases-'));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a case a line, norm after norm, which normgrad answer answers line by line', () => {
  const lines = linesOf('layer', 'group', '--runs', '10', '--seed', '7');
  const cases = lines.map((line) => JSON.parse(line) as { norm: string; index: number; phase: string });
  assert.equal(cases.map(({ norm, index }) => `${norm} ${index}`), ['layer', 'group'].flatMap((norm) => [...Array(10).keys()].map((i) => `${norm} ${i}`)));
  const answered = normgrad(['answer'], lines.join('\n')).stdout.split('\n').filter(Boolean);
  answered.forEach((line, i) => assert.ok((cases[i]!.phase === 'invalid' ? 'rejected' : 'results') in (JSON.parse(line) as object), line));
  assert.is(answered.length, 20);
});

test('all shards together are the whole run, case by case', () => {
  const options = ['layer', 'rms', '--runs', '11', '--seed', '3'];
  const whole = linesOf(...options);
  const shards = [1, 2, 3].flatMap((i) => linesOf(...options, '--shard', `${i}/3`));
  assert.is(shards.length, whole.length);
  assert.equal(shards.slice().sort(), whole.slice().sort());
});

test('--phase leaves the phases that it names, --answers adds answers in float64', () => {
  const lines = linesOf('layer', '--runs', '4', '--phase', 'offset,invalid', '--answers').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines.map(({ phase }) => phase), ['offset', 'offset', 'invalid', 'invalid']);
  assert.equal(lines.map((line) => ('results' in line ? 'results' : 'rejected')), ['results', 'results', 'rejected', 'rejected']);
});

test('--out writes a file of lines for each norm', () => {
  inFolder((folder) => {
    assert.equal(linesOf('layer', 'rms', '--runs', '3', '--out', join(folder, 'new')), []);
    assert.equal(readdirSync(join(folder, 'new')).sort(), ['layer.jsonl', 'rms.jsonl']);
    assert.equal(readFileSync(join(folder, 'new', 'rms.jsonl'), 'utf8').split('\n').filter(Boolean), linesOf('rms', '--runs', '3'));
  });
});

test('npz and safetensors: a file of tensors for each case, the rest in the manifest', () => {
  const [line] = linesOf('batch', '--runs', '1', '--answers');
  const { calls, results } = JSON.parse(line!) as { calls: { inputs: { x: { data: number[] } } }[]; results: { outputs: { y: { data: number[] } } }[] };
  inFolder((folder) => {
    for (const format of ['npz', 'safetensors']) {
      linesOf('batch', '--runs', '1', '--answers', '--format', format, '--out', folder);
      const manifest = JSON.parse(readFileSync(join(folder, 'manifest.jsonl'), 'utf8')) as Record<string, unknown>;
      assert.equal([manifest.file, manifest.norm, manifest.phase], [`batch-00000.${format}`, 'batch', 'regular']);
      const bytes = readFileSync(join(folder, `batch-00000.${format}`));
      const tensors = format === 'npz' ? readNpz(bytes) : readSafetensors(bytes).tensors;
      assert.equal(Array.from(tensors['calls.0.inputs.x']!.data as Float32Array), calls[0]!.inputs.x.data);
      assert.equal(Array.from(tensors['results.0.outputs.y']!.data as Float64Array), results[0]!.outputs.y.data);
      if (format === 'safetensors') assert.equal(JSON.parse(readSafetensors(bytes).metadata.case!), manifest);
    }
  });
});

test('what is wrong on the command line is a usage error that says what would be right', () => {
  const wrong: [string[], RegExp][] = [
    [[], /name a norm, or all; known: batch, layer/],
    [['foo'], /there is no norm "foo"; known: batch/],
    [['layer', '--runs', '0'], /--runs must be an integer of at least 1/],
    [['layer', '--seed', '-1'], /--seed/],
    [['layer', '--shard', '3/2'], /--shard must be i\/n with i from 1 to n/],
    [['layer', '--shard', '0/2'], /--shard must be i\/n/],
    [['layer', '--phase', 'odd'], /there is no phase "odd"; the phases are regular, single/],
    [['layer', '--dtype', 'float16'], /--dtype must be float32 or float64/],
    [['layer', '--format', 'npz'], /--out must say where/],
    [['layer', '--speed', '9'], /Unknown option '--speed'/],
  ];
  for (const [args, message] of wrong) {
    const { status, stdout, stderr } = normgrad(['cases', ...args]);
    assert.is(status, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /Try: normgrad cases --help/);
  }
});

test('--help names the phases and what they are', () => {
  const { status, stdout } = normgrad(['cases', '--help']);
  assert.is(status, 0);
  assert.match(stdout, /^Usage: normgrad cases NORM/);
  assert.match(stdout, /^ +non-finite +NaN, infinities/m);
});

test.run();
