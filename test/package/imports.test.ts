import { posix } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, read, slugs } from '../support/project.ts';

const test = suite('imports point one way');

/** What each folder of src may import from. */
const allowed: Record<string, readonly string[]> = {
  tensor: ['tensor'],
  autograd: ['tensor', 'autograd'],
  nn: ['tensor', 'autograd', 'nn'],
  parallel: ['tensor', 'autograd', 'parallel'],
  norms: ['tensor', 'autograd', 'nn', 'parallel', 'norms'],
  optim: ['tensor', 'autograd', 'nn', 'optim'],
  data: ['tensor', 'autograd', 'nn', 'data'],
  formats: ['tensor', 'formats'],
  oracle: ['tensor', 'autograd', 'nn', 'norms', 'formats', 'oracle'],
};

/** What a file imports and re-exports, types included. */
export function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found: string[] = [];
  for (const [, from, bare, dynamic] of code.matchAll(
    /^(?:import|export)\s[^;'"]*?\sfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]?([^'")]*)/gm,
  )) {
    found.push(from ?? bare ?? `dynamic ${dynamic!}`);
  }
  return found;
}

const sources = filesBelow('src').map((path) => ({ path, folder: path.split('/')[1]!, imports: importsOf(read(path)) }));

test('the reader of import lines sees every form', () => {
  const text = `
import { a, type B } from './one.ts';
import type {
  C,
  D,
} from "./two.ts";
import './three.ts';
export * from './four.ts';
export { e } from './five.ts';
const f = await import('./six.ts');
// import { no } from './comment.ts';
/* import { no } from './comment.ts'; */
export const text = 'from nowhere';
`;
  assert.equal(importsOf(text), ['./one.ts', './two.ts', './three.ts', './four.ts', './five.ts', 'dynamic ./six.ts']);
});

test('tensor <- autograd <- nn <- norms <- oracle <- cli; optim and data need only tensor, autograd, nn', () => {
  const wrong: string[] = [];
  for (const { path, folder, imports } of sources) {
    if (folder === 'index.ts' || folder === 'cli') continue;
    assert.ok(allowed[folder], `src/${folder} has no place in the order of folders`);
    for (const target of imports.filter((name) => name.startsWith('.'))) {
      const to = posix.join(posix.dirname(path), target).split('/')[1]!;
      if (!allowed[folder]!.includes(to)) wrong.push(`${path} -> ${target}`);
    }
  }
  assert.equal(wrong, []);
});

test('outside the command line nothing is imported but own files, save fast-check by the oracle', () => {
  const wrong: string[] = [];
  for (const { path, folder, imports } of sources) {
    if (folder === 'cli') continue;
    for (const name of imports) {
      if (name.startsWith('./') || name.startsWith('../')) continue;
      if (folder === 'oracle' && name === 'fast-check') continue;
      wrong.push(`${path} -> ${name}`);
    }
  }
  assert.equal(wrong, []);
});

test('relative imports name the file, with its ending .ts', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports.filter((name) => name.startsWith('.') && !name.endsWith('.ts')).map((name) => `${path} -> ${name}`),
  );
  assert.equal(wrong, []);
});

test('no norm imports the catalogue, so that one norm stays small', () => {
  const norms = new Set(slugs().map((slug) => `src/norms/${slug}.ts`));
  const wrong = sources.filter(
    ({ path, imports }) => (norms.has(path) || path.startsWith('src/norms/_')) && imports.some((name) => name.includes('catalog')),
  );
  assert.equal(wrong.map(({ path }) => path), []);
});

test('an index re-exports and does nothing else', () => {
  const code = `${read('src/index.ts')}${read('src/norms/index.ts')}`.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const rest = code.replace(/export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*from\s+'[^']+';/g, '').trim();
  assert.is(rest, '');
});

test.run();
