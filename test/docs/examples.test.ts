/** Every example in a docstring runs, and the values it shows are the values it gives. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, read } from '../support/project.ts';
import { examplesIn, statements } from './example.ts';
import { runExample } from './run-example.ts';

const test = suite('examples in docstrings');
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
