import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundle, slugs } from '../support/project.ts';

const test = suite('size, minified and compressed');

/**
 * Most bytes of the engine and one norm: functions, definition, class. Measured: the engine alone 4.0 kB, with RMS norm
 * 6.4 kB, with layer norm 8.0 kB; norms that need more of the library than others have a limit of their own.
 */
const ONE_NORM = 9 * 1024;
const LARGER: Readonly<Record<string, number>> = {
  // running statistics
  batch: 9.25 * 1024,
  instance: 9.25 * 1024,
  // predicted or mixed statistics and affine steps, with the primitives they are made of
  'adaptive-instance': 10 * 1024,
  'conditional-instance': 11 * 1024,
  'conditional-batch': 13 * 1024,
  'instance-level-meta': 12 * 1024,
  attentive: 15 * 1024,
  switchable: 11 * 1024,
  'sparse-switchable': 14 * 1024,
  // gates, and moments that they weigh, with the primitives they are made of
  mode: 12 * 1024,
  // two stages, with a kernel of their own and the state of batch norm
  'batch-channel': 10 * 1024,
  // two recursions, each fused and in steps, and a choice of companions
  online: 12 * 1024,
  // its gradient twice, in loops and in primitives of the output, and activations that are undone
  'in-place-abn': 11 * 1024,
  // EM twice, with its derivative, and a seeded generator
  mixture: 14 * 1024,
  // weighted averages over windows, and borders
  'local-contrast': 10 * 1024,
  // a communicator and the merging of statistics
  'sync-batch': 11 * 1024,
  // the layers they are part of, or a decomposition with derivatives of any order
  cosine: 11 * 1024,
  'decorrelated-batch': 13 * 1024,
  'weight-demodulation': 11 * 1024,
  spectral: 13 * 1024,
  'stable-rank': 15 * 1024,
};
/** Most bytes of everything; the files have 8 kB of it. */
const EVERYTHING = 104 * 1024;

function size(contents: string): number {
  return gzipSync(bundle(contents), { level: 9 }).length;
}

test('the engine and one norm fit into 9 kB, or into the limit that the norm has of its own', () => {
  const sizes = slugs().map((slug) => {
    const bytes = size(`export * from './src/norms/${slug}.ts';
      export { backward } from './src/autograd/backward.ts';
      export { tensor } from './src/tensor/create.ts';`);
    return { slug, bytes };
  });
  assert.ok(sizes.length >= 5);
  const over = sizes.filter(({ slug, bytes }) => bytes > (LARGER[slug] ?? ONE_NORM)).sort((a, b) => b.bytes - a.bytes);
  const engine = size(`export { backward } from './src/autograd/backward.ts'; export { tensor } from './src/tensor/create.ts';`);
  const list = over.map(({ slug, bytes }) => `${slug} ${bytes}`).join(', ');
  assert.is(over.length, 0, `above ${ONE_NORM} bytes (the engine alone has ${engine}): ${list}`);
});

/**
 * Most bytes of the files. Measured: .npy 2.7 kB, safetensors 3.3 kB, .npz 6.0 kB, all of them 7.5 kB; more than 1 kB of
 * that is what refusals say.
 */
const FORMATS: Readonly<Record<string, number>> = { npy: 3 * 1024, safetensors: 3.5 * 1024, npz: 6.25 * 1024 };
const ALL_FORMATS = 7.75 * 1024;

test('the readers and writers of files fit into the limit of their own, and all together into 7.75 kB', () => {
  const line = (name: string): string => `export * from './src/formats/${name}.ts';`;
  const sizes = Object.keys(FORMATS).map((name) => [name, size(line(name)), FORMATS[name]!] as const);
  const all = size(`export { readNpy, writeNpy, readNpz, writeNpz, readSafetensors, writeSafetensors } from './src/index.ts';`);
  const over = [...sizes, ['all', all, ALL_FORMATS] as const].filter(([, bytes, most]) => bytes > most);
  assert.is(over.length, 0, over.map(([name, bytes, most]) => `${name}: ${bytes} bytes, above ${most}`).join(', '));
});

test('one norm taken from the index costs no more than from its own entry', () => {
  const own = size(`export { layerNorm } from './src/norms/layer.ts'; export { backward } from './src/autograd/backward.ts';`);
  const fromIndex = size(`export { layerNorm, backward } from './src/index.ts';`);
  assert.ok(fromIndex <= own + 32, `from the index ${fromIndex} bytes, from its own entry ${own}`);
});

test('everything fits into 104 kB', () => {
  const bytes = size(`export * from './src/index.ts';`);
  assert.ok(bytes <= EVERYTHING, `everything is ${bytes} bytes, above ${EVERYTHING}`);
});

test.run();
