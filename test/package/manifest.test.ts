import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundle, filesBelow, read, root, slugs } from '../support/project.ts';

const test = suite('the package');
const manifest = JSON.parse(read('package.json')) as Record<string, unknown>;
const entries = manifest.exports as Record<string, unknown>;

test('has no runtime dependency, and fast-check as its only and optional peer', () => {
  for (const kind of ['dependencies', 'optionalDependencies', 'bundleDependencies', 'bundledDependencies']) {
    assert.is(manifest[kind], undefined, kind);
  }
  assert.equal(Object.keys(manifest.peerDependencies as object), ['fast-check']);
  assert.equal(manifest.peerDependenciesMeta, { 'fast-check': { optional: true } });
});

test('is developed with five packages, at exact versions', () => {
  const versions = manifest.devDependencies as Record<string, string>;
  assert.equal(Object.keys(versions).sort(), ['@types/node', 'fast-check', 'tsx', 'typescript', 'uvu']);
  for (const [name, version] of Object.entries(versions)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
});

test('is ESM without side effects, under MIT, for Node 20 and later', () => {
  assert.is(manifest.type, 'module');
  assert.is(manifest.sideEffects, false);
  assert.is(manifest.license, 'MIT');
  assert.ok(existsSync(join(root, 'LICENSE')));
  assert.equal(manifest.engines, { node: '>=20' });
  assert.ok((manifest.files as string[]).includes('dist'));
});

test('runs nothing on installation', () => {
  const scripts = Object.keys(manifest.scripts as object);
  assert.equal(scripts.filter((name) => /install|prepare/.test(name)), []);
});

test('every entry is a plain string whose source exists', () => {
  for (const [entry, target] of Object.entries(entries)) {
    assert.type(target, 'string', entry);
    if (entry === './package.json') continue;
    const source = (target as string).replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts');
    assert.ok(existsSync(join(root, source)), `${entry} points to ${target as string}, but there is no ${source}`);
  }
  assert.is(entries['./package.json'], './package.json');
});

test('main and types are those of the entry "."', () => {
  assert.is(manifest.main, entries['.']);
  assert.is(manifest.types, (entries['.'] as string).replace(/\.js$/, '.d.ts'));
});

test('every command has its source', () => {
  for (const target of Object.values(manifest.bin as Record<string, string>)) {
    const source = target.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts');
    assert.ok(existsSync(join(root, source)), source);
    assert.match(read(source), /^#!\/usr\/bin\/env node\n/);
  }
});

test('every norm has an entry of its own', () => {
  const missing = slugs().filter((slug) => entries[`./norms/${slug}.js`] !== `./dist/norms/${slug}.js`);
  assert.equal(missing, []);
});

test('no module does anything when it is loaded: a bundle that uses nothing is empty, but for constants', () => {
  // annotations ignored: neither "sideEffects": false nor a pure comment may hide a side effect
  const busy = filesBelow('src').flatMap((path) => {
    if (path.startsWith('src/cli/')) return [];
    const left = bundle(`import './${path}';`, { ignoreAnnotations: true });
    const code = left.replace(/\b(?:var|let|const) [\w$]+=(?!new\b)[^()`;]*;/g, '').trim();
    return code === '' ? [] : [`${path}: ${code.slice(0, 120)}`];
  });
  assert.equal(busy, []);
});

test.run();
