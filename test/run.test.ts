/** The runner turns red where uvu alone stays green. Each case is a folder of fixture files run by a child process. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('the test runner');
const root = fileURLToPath(new URL('..', import.meta.url));
const head = `import { suite } from 'uvu';\nimport * as assert from 'uvu/assert';\nconst test = suite('fixture');\n`;
const good = `${head}test('adds', () => assert.is(1 + 1, 2));\ntest('subtracts', () => assert.is(1 - 1, 0));\ntest.run();\n`;

interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly last: string;
}

/** Runs the runner over fixture files in a folder of their own. */
function run(files: Record<string, string>, args: readonly string[] = [], env: Record<string, string> = {}): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-runner-'));
  try {
    for (const [path, text] of Object.entries({ ...files, 'package.json': '{"type":"module"}' })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const command = ['--import', 'tsx', join(root, 'test/run.ts'), '--root', folder, ...args];
    const { RUNS: _, SEED: _seed, PATH_: _path, LONG: _long, NO_SHRINK: _noShrink, ...inherited } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', env: { ...inherited, ...env } });
    const output = stdout + stderr;
    return { status, output, last: stdout.trimEnd().split('\n').pop()! };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function fails(outcome: Outcome, last: string, saying: RegExp): void {
  assert.match(outcome.output, saying);
  assert.is(outcome.last, last);
  assert.is(outcome.status, 1);
}

/** What was printed about one file: from its line to the next file's. */
function about(file: string, { output }: Outcome): string {
  const lines = output.split('\n');
  const isHeader = (line: string): boolean => / ms {2}\S+\.test\.ts$/.test(line);
  const start = lines.findIndex((line) => isHeader(line) && line.endsWith(`/${file}.test.ts`));
  if (start < 0) return '';
  let end = start + 1;
  while (end < lines.length && !isHeader(lines[end]!)) end++;
  return lines.slice(start, end).join('\n');
}

test('passing files give their counts, their milliseconds and exit code 0', () => {
  const files = { 'a.test.ts': good, 'deep/b.test.ts': good, 'support.ts': 'throw new Error("not a test");' };
  const { status, output, last } = run(files, ['--jobs', '2']);
  assert.is(last, '4 passed, 0 failed');
  assert.is(status, 0);
  assert.match(output, /2 passed +\d+ ms {2}.*a\.test\.ts/);
  assert.match(output, /2 passed +\d+ ms {2}.*b\.test\.ts/);
});

/** Mistakes that uvu alone passes over: the change to a good file, the head of its line, and what is said. */
const mistakes: Record<string, { text: string; line: RegExp; saying: RegExp }> = {
  assertion: { text: good.replace('1 - 1, 0', '1 - 1, 7'), line: /1 of 2 failed/, saying: /FAIL.*"subtracts"[^]*Expected/ },
  'not-run': { text: good.replace('test.run();\n', ''), line: /1 of 1 failed/, saying: /must be its suite's \.run\(\)/ },
  before: {
    text: good.replace("test('adds'", "test.before(() => { throw new Error('no table'); });\ntest('adds'"),
    line: /2 of 2 failed/,
    saying: /the before hook of suite "fixture" threw: Error: no table/,
  },
  after: {
    text: good.replace("test('adds'", "test.after(() => { throw new Error('no broom'); });\ntest('adds'"),
    line: /failed/,
    saying: /the after hook of suite "fixture" threw: Error: no broom/,
  },
  late: { text: `${good}test('late', () => {});\nsuite('other').run();\n`, line: /1 of 3 failed/, saying: /did not run: fixture "late"/ },
  only: { text: good.replace("test('adds'", "test.only('adds'"), line: /failed/, saying: /"adds" is marked \.only/ },
  skip: { text: good.replace("test('adds'", "test.skip('adds'"), line: /failed/, saying: /"adds" is marked \.skip/ },
  empty: { text: `${head}test.run();\n`, line: /1 of 1 failed/, saying: /registers no test/ },
  missing: { text: `import './missing.ts';\n${good}`, line: /1 of 1 failed/, saying: /could not be loaded.*missing/ },
};
for (const [name, thrown] of Object.entries({ text: "'text'", null: 'null', undefined: 'undefined', object: '{ code: 7 }' })) {
  mistakes[`throws-${name}`] = {
    text: good.replace('assert.is(1 + 1, 2)', `{ throw ${thrown}; }`),
    line: /1 of 2 failed/,
    saying: /"adds"[^]*threw a value that is not an Error/,
  };
}

test('fails a failed assertion, a missing .run(), a throwing hook, a thrown non-Error, a late test, .only, .skip, no test', () => {
  const files = Object.fromEntries(Object.entries(mistakes).map(([name, { text }]) => [`${name}.test.ts`, text]));
  const outcome = run({ ...files, 'good.test.ts': good }, ['--jobs', '1']);
  for (const [name, { line, saying }] of Object.entries(mistakes)) {
    const told = about(name, outcome);
    assert.match(told.split('\n')[0]!, line, `${name}: ${told}`);
    assert.match(told, saying);
  }
  assert.match(about('good', outcome), /^ *2 passed/);
  assert.is(outcome.last, '15 passed, 14 failed');
  assert.is(outcome.status, 1);
});

test('a filter that matches no file fails, even beside one that matches', () => {
  fails(run({ 'a.test.ts': good }, ['a.test', 'nothing']), '2 passed, 1 failed', /no test file matches "nothing"/);
});

test('no file at all is not a pass', () => {
  const { status, last } = run({});
  assert.is(last, '0 passed, 0 failed');
  assert.is(status, 1);
});

const hung = good.replace('() => assert.is(1 + 1, 2)', '() => new Promise(() => {})');
const exits = good.replace('assert.is(1 + 1, 2)', 'process.exit(0)');
const endless = good.replace('assert.is(1 + 1, 2)', '{ for (;;); }');

test('a promise that never settles, process.exit and an endless loop fail their file, and the others still run', () => {
  const files = { 'hung.test.ts': hung, 'exits.test.ts': exits, 'endless.test.ts': endless, 'a.test.ts': good, 'b.test.ts': good };
  const outcome = run(files, ['--jobs', '2', '--timeout', '5']);
  fails(outcome, '4 passed, 3 failed', /stopped after 5 s/);
  assert.match(about('hung', outcome), /the process ended/);
  assert.match(about('exits', outcome), /the process ended/);
});

test('in one process, a promise that never settles and process.exit end the run, which fails', () => {
  fails(run({ 'a.test.ts': hung }, ['--jobs', '1']), '0 passed, 1 failed', /the process ended before .*a\.test\.ts/);
  fails(run({ 'a.test.ts': exits }, ['--jobs', '1']), '0 passed, 1 failed', /the process ended before .*a\.test\.ts/);
});

test('--title runs only the tests it names', () => {
  const { status, last } = run({ 'a.test.ts': good, 'b.test.ts': good.replace("'adds'", "'multiplies'") }, ['--jobs', '1', '--title', 'adds']);
  assert.is(last, '1 passed, 0 failed');
  assert.is(status, 0);
});

test('--bail stops at the first failing test', () => {
  const text = good.replace('1 + 1, 2', '1 + 1, 7').replace('1 - 1, 0', '1 - 1, 7');
  fails(run({ 'a.test.ts': text, 'b.test.ts': good }, ['--bail', 'a.test']), '0 passed, 1 failed', /✘ .*a\.test\.ts: fixture: adds\n/);
});

const support = join(root, 'test/support/property.ts');
const property = `import * as fc from 'fast-check';
import { check } from ${JSON.stringify(support)};
${head}
test('small', () => check(fc.property(fc.integer(), (x) => { console.log('case ' + x); assert.ok(x < 1000); }), { runs: 30 }));
test.run();
`;

test('a failing property prints its smallest counterexample and a command that runs exactly that case again', () => {
  const outcome = run({ 'a.test.ts': property });
  fails(outcome, '0 passed, 1 failed', /smallest counterexample: \[1000\]/);
  const [, seed, path] = /replay: SEED=(-?\d+) PATH_=([\d:]+) npm test -- .*a\.test\.ts --title "small"/.exec(outcome.output)!;
  const again = run({ 'a.test.ts': property }, ['--title', 'small'], { SEED: seed!, PATH_: path! });
  fails(again, '0 passed, 1 failed', /property failed in case 1,[^]*smallest counterexample: \[1000\]/);
  assert.equal(again.output.match(/case -?\d+/g)!.slice(0, 1), ['case 1000']);
});

test('RUNS sets the number of cases, --long multiplies it by 20, and the seed is printed, fresh when long', () => {
  const counting = property.replace('assert.ok(x < 1000); ', '');
  const telling = counting.replace('test.run()', "test('tell', () => { throw new Error('told'); });\ntest.run()");
  const cases = (outcome: Outcome): number => outcome.output.match(/case -?\d+/g)!.length;
  const plain = run({ 'a.test.ts': telling });
  assert.is(cases(plain), 30);
  assert.match(plain.output, /^seed 20250617\n/);
  const few = run({ 'a.test.ts': telling }, [], { RUNS: '7', SEED: '5' });
  assert.is(cases(few), 7);
  assert.match(few.output, /^seed 5\n/);
  const long = run({ 'a.test.ts': telling }, ['--long'], { RUNS: '7' });
  assert.is(cases(long), 140);
  assert.match(long.output, /^seed (?!20250617)\d+ \(fresh\)\n/);
});

test.run();
