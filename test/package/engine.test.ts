/**
 * The bundle in a bare ES2020 engine: a context with no globals of a platform, no code from text, the optional
 * built-ins deleted, no clock and no chance, and a stack as small as QuickJS has it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundle } from '../support/project.ts';

const test = suite('the bundle in a bare engine');

const strip = `
for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'Intl', 'WeakRef', 'FinalizationRegistry',
  'AggregateError', 'Iterator', 'Date', 'escape', 'unescape', 'console', 'structuredClone']) delete globalThis[name];
delete Math.random;
const typed = Object.getPrototypeOf(Float32Array.prototype);
for (const owner of [Array.prototype, typed, String.prototype, Object, Map, Promise, Array]) {
  for (const name of ['at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with', 'replaceAll',
    'isWellFormed', 'toWellFormed', 'hasOwn', 'groupBy', 'withResolvers', 'any', 'try', 'fromAsync']) delete owner[name];
}`;

/** Runs code after the bundle in the bare context of a child process; its last expression comes back as JSON. */
function run(code: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-engine-'));
  try {
    writeFileSync(join(folder, 'bundle.js'), bundle(`export * from './src/index.ts';`, { globalName: 'normgrad' }));
    writeFileSync(join(folder, 'code.js'), code);
    writeFileSync(join(folder, 'strip.js'), strip);
    writeFileSync(
      join(folder, 'main.cjs'),
      `const { readFileSync } = require('node:fs');
      const vm = require('node:vm');
      const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
      let result;
      for (const file of ['strip.js', 'bundle.js', 'code.js']) {
        result = vm.runInContext(readFileSync(__dirname + '/' + file, 'utf8'), context, { filename: file });
      }
      process.stdout.write(result);`,
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--stack-size=120', join(folder, 'main.cjs')], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the context is as bare as it claims, and its stack is small', () => {
  const found = run(`
    const depth = (n) => { try { return depth(n + 1); } catch { return n; } };
    let text = 'none';
    try { text = String((0, eval)('1')); } catch (error) { text = error.name; }
    JSON.stringify({ globals: [typeof console, typeof process, typeof WebAssembly, typeof Date, typeof [].at, typeof Math.random], text, shallow: depth(0) < 3000 });`);
  assert.equal(found, { globals: new Array<string>(6).fill('undefined'), text: 'EvalError', shallow: true });
});

test('a chain of 100,000 operations goes forward and backward', () => {
  const found = run(`
    const { tensor, add, mul, sum, backward, toArray } = normgrad;
    const x = tensor([1, 2], { requiresGrad: true });
    let y = x;
    for (let i = 0; i < 50000; i++) y = add(mul(y, i % 2 ? 2 : 0.5), x);
    backward(sum(y));
    JSON.stringify({ y: toArray(y), grad: toArray(x.grad) });`) as { y: number[]; grad: number[] };
  // y -> 2 (y / 2 + x) + x = y + 3 x in each pair of steps, from y = x
  const slope = 1 + 3 * 25_000;
  assert.equal(found, { y: [slope, 2 * slope], grad: [slope, slope] });
});

test('layer norm goes forward and backward', () => {
  const found = run(`
    const { tensor, layerNorm, mul, sum, backward, toArray } = normgrad;
    const x = tensor([[1, 2, 3], [2, 4, 9]], { dtype: 'float64', requiresGrad: true });
    const weight = tensor([1, 2, -1], { dtype: 'float64', requiresGrad: true });
    const bias = tensor([0, 0.5, 1], { dtype: 'float64', requiresGrad: true });
    const y = layerNorm(x, weight, bias, { eps: 0.5 });
    backward(sum(mul(y, tensor([[1, -2, 3], [0, 1, 4]], { dtype: 'float64' }))));
    JSON.stringify({ y: toArray(y), dx: toArray(x.grad), dBias: toArray(bias.grad), dWeight: toArray(weight.grad) });`) as Record<string, number[]>;
  const wanted = expected();
  for (const name of ['y', 'dx', 'dWeight', 'dBias']) near(found[name]!.flat(), wanted[name]!, name);
});

/** The same by the textbook, in plain loops. */
function expected(): Record<string, number[]> {
  const x = [[1, 2, 3], [2, 4, 9]];
  const dy = [[1, -2, 3], [0, 1, 4]];
  const weight = [1, 2, -1];
  const bias = [0, 0.5, 1];
  const out: Record<string, number[]> = { y: [], dx: [], dWeight: [0, 0, 0], dBias: [0, 0, 0] };
  x.forEach((row, r) => {
    const mean = row.reduce((a, b) => a + b) / 3;
    const rstd = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / 3 + 0.5);
    const xHat = row.map((v) => (v - mean) * rstd);
    const g = weight.map((w, i) => w * dy[r]![i]!);
    const first = g.reduce((a, b) => a + b) / 3;
    const second = g.reduce((a, b, i) => a + b * xHat[i]!, 0) / 3;
    for (let i = 0; i < 3; i++) {
      out.y!.push(xHat[i]! * weight[i]! + bias[i]!);
      out.dx!.push(rstd * (g[i]! - first - xHat[i]! * second));
      out.dWeight![i]! += dy[r]![i]! * xHat[i]!;
      out.dBias![i]! += dy[r]![i]!;
    }
  });
  return out;
}

function near(got: readonly number[], want: readonly number[], name: string): void {
  assert.is(got.length, want.length, name);
  want.forEach((value, i) => assert.ok(Math.abs(got[i]! - value) <= 1e-12, `${name}[${i}]: ${got[i]} for ${value}`));
}

test('files of every format are written and read', () => {
  const found = run(`
    const { fromArray, readNpy, readNpz, readSafetensors, tensorFromStored, toArray, writeNpy, writeNpz, writeSafetensors } = normgrad;
    const x = fromArray([1, -0, NaN, 1e-45], [2, 2]);
    const back = [
      readNpy(writeNpy(x)),
      readNpz(writeNpz({ 'ä/𝄞': x }))['ä/𝄞'],
      readSafetensors(writeSafetensors({ 'ä/𝄞': x }, { about: 'ü' })).tensors['ä/𝄞'],
    ];
    JSON.stringify(back.map((array) => String(toArray(tensorFromStored(array)))));`);
  assert.equal(found, Array(3).fill('1,0,NaN,1.401298464324817e-45'));
});

test('a seeded generator gives the bits it gives everywhere', () => {
  const found = run(`
    const { Random, normal } = normgrad;
    JSON.stringify(Array.from(normal(new Random(7), [4], 0, 1, { dtype: 'float64' }).data));`) as number[];
  assert.is(found.length, 4);
  assert.ok(found.every((v) => Number.isFinite(v)));
});

test.run();
