/** The pages: every norm has one, its tables are those of the catalogue, its code runs and shows what it gives. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { generated, renewed } from '../../docs/generate.ts';
import { catalog } from '../../src/norms/catalog.ts';
import * as normgrad from '../../src/index.ts';
import { filesBelow, read } from '../support/project.ts';
import { runExample } from './run-example.ts';

const test = suite('pages');

test('every norm of the catalogue has a page, and every page in docs/norms a norm', () => {
  const pages = filesBelow('docs/norms', '.md').map((path) => path.slice('docs/norms/'.length, -'.md'.length)).sort();
  assert.equal(pages, catalog.map((entry) => entry.slug).sort());
});

for (const [path, parts] of generated()) {
  test(`${path} has the tables that the catalogue gives; npm run docs renews them`, () => {
    assert.is(read(path), renewed(read(path), parts));
  });
}

for (const entry of catalog) {
  test(`${entry.slug}: the function, its definition and its class are public under the names the catalogue gives`, () => {
    const all = normgrad as unknown as Record<string, unknown>;
    for (const name of [entry.functionName, `${entry.functionName}Definition`, entry.className]) {
      assert.type(all[name], 'function', name);
    }
  });
}

for (const path of [...filesBelow('docs', '.md')]) {
  const blocks = [...read(path).matchAll(/^```ts\n([^]*?)^```/gm)].map((match) => match[1]!);
  blocks.forEach((code, i) => {
    test(`${path}: example ${i + 1}`, async () => {
      assert.ok((await runExample(code)) > 0, 'the example shows no value');
    });
  });
}

test.run();
