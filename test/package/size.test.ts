import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundle, slugs } from '../support/project.ts';

const test = suite('size, minified and compressed');

/**
 * Most bytes of the engine and one norm: function, definition, class. Measured for layer norm: the engine alone 3.6 kB,
 * with the function and its definition 6.4 kB, with the class 7.4 kB.
 */
const ONE_NORM = 9 * 1024;
/** Most bytes of everything. */
const EVERYTHING = 64 * 1024;

function size(contents: string): number {
  return gzipSync(bundle(contents), { level: 9 }).length;
}

test('the engine and one norm, whichever it is, fit into 9 kB', () => {
  const sizes = slugs().map((slug) => {
    const bytes = size(`export * from './src/norms/${slug}.ts';
      export { backward } from './src/autograd/backward.ts';
      export { tensor } from './src/tensor/create.ts';`);
    return { slug, bytes };
  });
  assert.ok(sizes.length >= 5);
  const over = sizes.filter(({ bytes }) => bytes > ONE_NORM).sort((a, b) => b.bytes - a.bytes);
  const engine = size(`export { backward } from './src/autograd/backward.ts'; export { tensor } from './src/tensor/create.ts';`);
  const list = over.map(({ slug, bytes }) => `${slug} ${bytes}`).join(', ');
  assert.is(over.length, 0, `above ${ONE_NORM} bytes (the engine alone has ${engine}): ${list}`);
});

test('one norm taken from the index costs no more than from its own entry', () => {
  const own = size(`export { layerNorm } from './src/norms/layer.ts'; export { backward } from './src/autograd/backward.ts';`);
  const fromIndex = size(`export { layerNorm, backward } from './src/index.ts';`);
  assert.ok(fromIndex <= own + 32, `from the index ${fromIndex} bytes, from its own entry ${own}`);
});

test('everything fits into 64 kB', () => {
  const bytes = size(`export * from './src/index.ts';`);
  assert.ok(bytes <= EVERYTHING, `everything is ${bytes} bytes, above ${EVERYTHING}`);
});

test.run();
