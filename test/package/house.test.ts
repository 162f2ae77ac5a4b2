import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, read, stripTypes } from '../support/project.ts';

const test = suite('house rules');
const library = filesBelow('src').filter((path) => !path.startsWith('src/cli/'));

/** Code without comments and without the content of strings. */
function bare(path: string): string {
  return stripTypes(read(path), true).replace(/"(?:[^"\\\n]|\\.)*"/g, '""').replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

const lines = (path: string): number => read(path).trimEnd().split('\n').length;

test('no file is longer than 400 lines', () => {
  const all = [...filesBelow('src'), ...filesBelow('test'), ...filesBelow('bench', '.js'), ...filesBelow('docs')];
  const long = all.filter((path) => lines(path) > 400).map((path) => `${path}: ${lines(path)}`);
  assert.equal(long, []);
});

test('half of the source files have fewer than 100 lines', () => {
  const lengths = filesBelow('src').map(lines).sort((a, b) => a - b);
  assert.ok(lengths[lengths.length >> 1]! < 100, `the median is ${lengths[lengths.length >> 1]}`);
});

test('every source file says what it is', () => {
  assert.equal(filesBelow('src').filter((path) => !read(path).includes('/**')), []);
});

/** What ES2020 engines without a platform do not have, or what would make two runs differ. */
const forbidden: Record<string, RegExp> = {
  'a platform global': /(?<![.\w$#])(?:console|process|performance|globalThis|crypto|Buffer|require|fetch|setTimeout|setInterval|setImmediate|queueMicrotask|TextEncoder|TextDecoder|structuredClone|URL)\b(?=\s*[.([])/,
  'Math.random': /\bMath\.random\b/,
  'a clock': /(?<![.\w$#])Date\b/,
  'an optional built-in': /(?<![.\w$#])(?:Intl|WeakRef|FinalizationRegistry|SharedArrayBuffer|Atomics)\b/,
  'code from text': /(?<![.\w$#])eval\s*\([^)]|\bnew Function\b|(?<![.\w$#])Function\s*\(/,
  'a method younger than ES2020':
    /\.(?:at|findLast|findLastIndex|toSorted|toReversed|toSpliced|replaceAll|hasOwn|groupBy|withResolvers|fromAsync)\s*\(|\bPromise\.any\b/,
  'a dynamic import': /\bimport\s*\(/,
  'an empty name': /(?<![.\w$#])(?:tmp|data2|foo)\b/,
};

/** What a file is for, and which therefore may use it, inside its functions. */
const exempt: Record<string, string> = { 'src/parallel/shared-communicator.ts': 'an optional built-in' };

test('nothing but the command line uses a platform, a clock, chance, or what ES2020 does not have', () => {
  const wrong: string[] = [];
  for (const path of library) {
    const code = bare(path);
    for (const [what, pattern] of Object.entries(forbidden)) {
      if (exempt[path] === what) continue;
      const found = pattern.exec(code);
      if (found) wrong.push(`${path}: ${what}: ${code.slice(Math.max(0, found.index - 20), found.index + 30)}`);
    }
  }
  assert.equal(wrong, []);
});

test('the patterns find what they are for', () => {
  const samples: Record<string, string> = {
    'a platform global': 'console.log(1)',
    'Math.random': 'x=Math.random()',
    'a clock': 'new Date()',
    'an optional built-in': 'new WeakRef(x)',
    'code from text': 'eval("1")',
    'a method younger than ES2020': 'list.at(-1)',
    'a dynamic import': 'await import(x)',
    'an empty name': 'const tmp=1',
  };
  for (const [what, pattern] of Object.entries(forbidden)) assert.match(samples[what]!, pattern, what);
  const harmless = 'node.process=1;this.at=2;update(x);dateOf(y);class A{eval(){return 1}}model.eval();';
  for (const pattern of Object.values(forbidden)) assert.not.match(harmless, pattern);
});

test('nothing switches the type checker or a linter off', () => {
  const wrong = [...filesBelow('src'), ...filesBelow('test')].filter((path) =>
    /@ts-(?:ignore|expect-error|nocheck)|eslint-disable|[:<]\s*any\b(?=[\s,;)>[\]=])|\bas any\b/.test(
      read(path).replace(/\/\*[^]*?\*\//g, '').replace(/(['"`/]).*\1/g, ''),
    ),
  );
  assert.equal(wrong, []);
});

test.run();
