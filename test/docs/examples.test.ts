/** Every example in a docstring runs, and the values it shows are the values it gives. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as normgrad from '../../src/index.ts';
import { filesBelow, read, stripTypes } from '../support/project.ts';
import { examplesIn, instrumented, statements } from './example.ts';

const test = suite('examples in docstrings');
const everything = normgrad as unknown as Record<string, unknown>;

/** A shown value as a value; undefined when it is not written as one. */
function literal(text: string): { value: unknown } | undefined {
  try {
    return { value: new Function(`"use strict"; return (${text});`)() as unknown };
  } catch {
    return undefined;
  }
}

/** A value as examples show it: a tensor as nested arrays, typed arrays as arrays. */
function plain(value: unknown): unknown {
  if (value instanceof normgrad.Tensor) return normgrad.toArray(value);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float32Array);
  return value;
}

/** Deep equality, numbers within 1e-6 of the larger one or absolutely. */
function near(got: unknown, want: unknown): boolean {
  if (typeof got === 'number' && typeof want === 'number') {
    return Object.is(got, want) || Math.abs(got - want) <= 1e-6 * Math.max(1, Math.abs(got), Math.abs(want));
  }
  if (Array.isArray(got) && Array.isArray(want)) return got.length === want.length && got.every((v, i) => near(plain(v), want[i]));
  if (got !== null && want !== null && typeof got === 'object' && typeof want === 'object') {
    const keys = Object.keys(got);
    const a = got as Record<string, unknown>;
    const b = want as Record<string, unknown>;
    return keys.length === Object.keys(want).length && keys.every((key) => key in b && near(plain(a[key]), b[key]));
  }
  return Object.is(got, want);
}

const squeeze = (text: string): string => text.replace(/[ \t]+$/gm, '').trim();

/** Throws unless what was computed is what the comment shows. `// throws TypeError: part of the message` also counts. */
async function show(shown: string, compute: () => Promise<unknown>, isDeclaration = false): Promise<void> {
  const thrown = /^throws (\w+)(?:: ([^]*))?$/.exec(shown);
  if (thrown && !isDeclaration) {
    try {
      await compute();
    } catch (error) {
      assert.is((error as Error).name, thrown[1]);
      assert.ok((error as Error).message.includes(thrown[2] ?? ''), `the message is: ${(error as Error).message}`);
      return;
    }
    assert.unreachable(`nothing was thrown where ${shown}`);
  }
  const value = plain(await compute());
  const wanted = literal(shown);
  if (wanted && near(value, wanted.value)) return;
  if (squeeze(String(value)) === squeeze(shown)) return;
  // a remark behind a declaration or a call for its effect is not a value
  if (!wanted && (isDeclaration || value === undefined)) return;
  assert.unreachable(`shown: ${shown}\ngot:   ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}

async function runExample(code: string): Promise<number> {
  const { body, shows } = instrumented(code);
  const names = Object.keys(everything).filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  const script = stripTypes(`async function example() { const { ${names.join(', ')} } = normgrad; {\n${body}\n} }`);
  const run = new Function('normgrad', 'show', `"use strict"; ${script}\nreturn example();`) as (
    all: typeof everything,
    shows: typeof show,
  ) => Promise<void>;
  await run(everything, show);
  return shows;
}

async function message(code: string): Promise<string> {
  try {
    await runExample(code);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('statements are cut at their ends, with the values behind them', () => {
  const code = `const x = f({ a: ';' }); // one\ng(x);\n// [1,\n//  2]\nfunction h(): void {\n  k(); // no\n}\nh(); // 3`;
  assert.equal(statements(code), [
    { code: "const x = f({ a: ';' });", shown: 'one' },
    { code: 'g(x);', shown: '[1,\n 2]' },
    { code: 'function h(): void {\n  k(); // no\n}', shown: '' },
    { code: 'h();', shown: '3' },
  ]);
});

test('an example that shows a wrong value, throws, or names what is not exported, is noticed', async () => {
  assert.is(await message('toArray(tensor([1, 2])); // [1, 2]'), '');
  assert.match(await message('toArray(tensor([1, 2])); // [1, 3]'), /shown: \[1, 3\]\ngot: {3}\[1,2\]/);
  assert.match(await message('toArray(tensor([1, 2])); // one and two'), /shown: one and two/);
  assert.match(await message('toArray(tensor([1, 2])).length; // 3'), /got: {3}2/);
  assert.match(await message('const n = toArray(tensor([1])).length; // 2'), /got: {3}1/);
  assert.match(await message('noSuchFunction(1);'), /noSuchFunction is not defined/);
  assert.is(await message('tensor([[1], [1, 2]]); // throws ShapeError: rows'), '');
  assert.match(await message('tensor([1]); // throws ShapeError'), /nothing was thrown/);
  assert.is(await message('tensor([1, 1e-7]); // [1, 0]'), '');
  assert.match(await message('tensor([1, 1e-5]); // [1, 0]'), /shown/);
});

test('every @example of the library has a ```ts block', () => {
  const wrong = filesBelow('src').filter((path) => {
    const source = read(path);
    return (source.match(/^\s*\*\s*@example\b/gm) ?? []).length !== examplesIn(source).length;
  });
  assert.equal(wrong, []);
});

for (const path of filesBelow('src').filter((file) => !file.startsWith('src/cli/'))) {
  for (const { line, code } of examplesIn(read(path))) {
    test(`${path}:${line}`, async () => {
      const shows = await runExample(code);
      assert.ok(shows > 0, 'the example shows no value');
    });
  }
}

test.run();
