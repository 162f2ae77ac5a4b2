/** The machinery that tests the tests. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collect } from './collect.ts';
import { hunt, planted } from './hunt.ts';
import type { Mutant } from './mutant.ts';

const test = suite('mutants');
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

test('every mutant applies to the source of today, and changes it', async () => {
  const wrong: string[] = [];
  for (const { topic, mutants } of await collect()) {
    for (const mutant of mutants) {
      try {
        planted(readFileSync(join(root, mutant.file), 'utf8'), mutant);
      } catch (error) {
        wrong.push(`${topic}: ${mutant.name}: ${(error as Error).message}`);
      }
    }
  }
  assert.equal(wrong, []);
});

test('every mutant has a name of its own, a file under src, and tests that exist', async () => {
  const all = (await collect()).flatMap(({ topic, mutants }) => mutants.map((mutant) => ({ topic, ...mutant })));
  const labels = all.map(({ topic, name }) => `${topic}: ${name}`);
  assert.equal(labels, [...new Set(labels)]);
  assert.ok(all.length >= 12);
  for (const { name, file, tests } of all) {
    assert.ok(file.startsWith('src/') && existsSync(join(root, file)), `${name}: ${file}`);
    assert.ok(tests.length > 0, name);
  }
});

test('a patch whose text is missing, repeated or unchanged is an error', () => {
  assert.is(planted('a + b', { find: '+', replace: '-' }), 'a - b');
  assert.is(planted('cost', { find: 'cost', replace: "$& $'" }), "$& $'");
  assert.throws(() => planted('a + b', { find: '*', replace: '-' }), /not in the file/);
  assert.throws(() => planted('a + b + c', { find: '+', replace: '-' }), /more than once/);
  assert.throws(() => planted('aaa', { find: 'aa', replace: 'b' }), /more than once/);
  assert.throws(() => planted('a + b', { find: '+', replace: '+' }), /changes nothing/);
});

/** A project of one function and two test files, with the real runner. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-hunt-'));
  mkdirSync(join(folder, 'src'));
  mkdirSync(join(folder, 'test'));
  cpSync(join(root, 'test/support'), join(folder, 'test/support'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
  cpSync(join(root, 'test/run.ts'), join(folder, 'test/run.ts'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'src/double.ts'), 'export const double = (x: number): number => x + x;\n');
  writeFileSync(join(folder, 'src/half.ts'), 'export const half = (x: number): number => x / 2;\n');
  const file = (name: string, expected: string): string =>
    `import { suite } from 'uvu';\nimport * as assert from 'uvu/assert';\nimport { ${name} } from '../src/${name}.ts';\n` +
    `const test = suite('${name}');\ntest('of 2', () => assert.is(${name}(2), ${expected}));\ntest.run();\n`;
  writeFileSync(join(folder, 'test/double.test.ts'), file('double', '4'));
  writeFileSync(join(folder, 'test/half.test.ts'), file('half', '7'));
  return folder;
}

test('tells killed, survived, hung and broken apart, and leaves the tree as it was', async () => {
  const folder = project();
  const source = readFileSync(join(folder, 'src/double.ts'), 'utf8');
  const base = { file: 'src/double.ts', find: 'x + x', tests: ['test/double'] };
  const mutants: Mutant[] = [
    { ...base, name: 'adds one', replace: 'x + 1' },
    { ...base, name: 'multiplies', replace: 'x * 2' },
    { ...base, name: 'hangs', replace: '((): number => { for (;;); })()' },
    { ...base, name: 'does not load', replace: 'x +' },
    { ...base, name: 'does not apply', find: 'y + y', replace: 'y' },
    { ...base, name: 'no such test', replace: 'x', tests: ['test/nothing'] },
    { name: 'tests fail anyway', file: 'src/half.ts', find: 'x / 2', replace: 'x', tests: ['test/half'] },
  ];
  try {
    const reported: string[] = [];
    const verdicts = await hunt(mutants, {
      root: folder,
      jobs: 2,
      timeout: 10_000,
      runs: 5,
      report: ({ mutant }) => void reported.push(mutant.name),
    });
    assert.equal(
      verdicts.map(({ mutant, outcome }) => [mutant.name, outcome]),
      [
        ['adds one', 'killed'],
        ['multiplies', 'survived'],
        ['hangs', 'killed'],
        ['does not load', 'error'],
        ['does not apply', 'error'],
        ['no such test', 'error'],
        ['tests fail anyway', 'error'],
      ],
    );
    const by = verdicts.map((verdict) => verdict.by);
    assert.is(by[0], 'test/double.test.ts: double: of 2');
    assert.is(by[2], 'timeout of 10 s');
    assert.match(by[3]!, /does not load/);
    assert.match(by[4]!, /not in the file/);
    assert.match(by[5]!, /no test file matches/);
    assert.match(by[6]!, /the tests fail without the mutant: .*half: of 2/);
    assert.equal(reported.sort(), mutants.map(({ name }) => name).sort());
    assert.is(readFileSync(join(folder, 'src/double.ts'), 'utf8'), source);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
