/** `normgrad train` from outside: a process, its output, its files, its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/project.ts';

const test = suite<{ folder: string; out: string }>('normgrad train');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'normgrad-train-'));
  context.out = join(context.folder, 'made', 'here');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function normgrad(args: readonly string[], onOutput: (stdout: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      onOutput(stdout, child);
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

interface Record {
  options: { norms: string[]; epochs: number };
  stepsPerEpoch: number;
  runs: {
    norm: string;
    status: string;
    trainLoss: number | null;
    testAccuracy: number | null;
    msPerStep: number;
    savedBytes: number;
    epochs: object[];
    losses: number[];
  }[];
}

const readRecord = (path: string): Record => JSON.parse(readFileSync(path, 'utf8')) as Record;

test('trains without and with a norm, and leaves a table, a JSON file and an SVG', async ({ out }) => {
  const { code, stdout, stderr } = await normgrad(
    ['train', '--norm', 'batch', '--epochs', '2', '--train-size', '48', '--test-size', '20', '--out', out],
  );
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  const lines = stdout.split('\n');
  assert.is(lines[0], 'synthetic digits: 48 train, 20 test, 16×16 · plain: lr 0.1, batch 16, gain 1 · epochs 2, seed 1');
  assert.is(lines.filter((line) => /^(none |batch) {2}epoch [12]\/2 {2}loss \d/.test(line)).length, 4);
  assert.match(stdout, /\nnorm +train loss +test accuracy +ms\/step +kept for backward +parameters\n─+\nnone .*\nbatch .*\n/);
  assert.not.match(stdout, /\r|\x1b/);

  const record = readRecord(join(out, 'train-plain.json'));
  assert.equal(record.options.norms, ['none', 'batch']);
  assert.is(record.stepsPerEpoch, 3);
  const [none, batch] = record.runs as [Record['runs'][0], Record['runs'][0]];
  for (const run of [none, batch]) {
    assert.is(run.status, 'done');
    assert.is(run.losses.length, 6);
    assert.is(run.epochs.length, 2);
    const last = run.losses.slice(3);
    assert.ok(Math.abs(run.trainLoss! - (last[0]! + last[1]! + last[2]!) / 3) < 1e-12);
    assert.ok(run.testAccuracy! >= 0 && run.testAccuracy! <= 1 && run.msPerStep > 0);
  }
  assert.ok(batch.savedBytes > none.savedBytes);
  assert.ok(stdout.includes(`${(100 * batch.testAccuracy!).toFixed(1)} %`));

  const svg = readFileSync(join(out, 'train-plain.svg'), 'utf8');
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<\/svg>\n$/);
  for (const text of ['Training loss', 'Test accuracy', '>epoch<', '>none<', '>batch<']) assert.ok(svg.includes(text), text);
});

test('Ctrl-C ends it after the step, with the results so far and exit code 130', async ({ out }) => {
  let sent = false;
  const { code, stdout, stderr } = await normgrad(
    ['train', '--norm', 'layer', '--epochs', '100000', '--train-size', '16', '--test-size', '5', '--out', out],
    (soFar, child) => {
      if (sent || !soFar.includes('epoch 2/')) return;
      sent = true;
      child.kill('SIGINT');
    },
  );
  assert.is(code, 130, stderr);
  assert.is(stderr, '');
  assert.match(stdout, /\nnone +stopped after step \d+ /);
  assert.match(stdout, /\nnone \(stopped\) .* % /);
  assert.not.match(stdout, /\nlayer/);
  const { runs } = readRecord(join(out, 'train-plain.json'));
  assert.equal(runs.map(({ norm, status }) => [norm, status]), [['none', 'stopped']]);
  assert.ok(runs[0]!.epochs.length >= 2);
  assert.ok(existsSync(join(out, 'train-plain.svg')));
});

test('a wrong option is told on stderr with exit code 2, and nothing is written', async ({ out }) => {
  const { code, stdout, stderr } = await normgrad(['train', '--epochs', '0', '--out', out]);
  assert.is(code, 2);
  assert.is(stdout, '');
  assert.match(stderr, /^normgrad train: --epochs must be an integer of at least 1 .* got "0"\nTry: normgrad train --help\n$/);
  assert.not.ok(existsSync(out));
});

test('a folder without the files is told on stderr with exit code 1', async ({ folder, out }) => {
  const { code, stderr } = await normgrad(['train', '--data', folder, '--out', out]);
  assert.is(code, 1);
  assert.is(
    stderr,
    `normgrad train: ${folder} must hold train-images-idx3-ubyte or train-images-idx3-ubyte.gz, and holds neither\n`,
  );
});

test('--help shows the options with exit code 0', async () => {
  const { code, stdout } = await normgrad(['train', '--help']);
  assert.is(code, 0);
  for (const name of ['--norm', '--preset', '--data', '--epochs', '--batch', '--lr', '--gain', '--seed', '--out', 'high-lr']) {
    assert.ok(stdout.includes(name), name);
  }
  assert.ok(stdout.split('\n').every((line) => line.length <= 120));
});

test.run();
