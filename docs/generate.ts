/**
 * `npm run docs`: writes the generated parts of README.md and of the pages in docs from the catalogue, and the
 * family tree from the equalities that the tests check. A part
 * stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; all else on a page is written by hand. A test holds the
 * pages up to date.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { catalog } from '../src/norms/catalog.ts';
import type { NormEntry } from '../src/norms/catalog/entry.ts';
import { equalities } from '../test/norms/family/index.ts';

const root = new URL('..', import.meta.url);

/** The generated parts of each file, by the names of their markers. */
export function generated(): Map<string, Record<string, string>> {
  const files = new Map<string, Record<string, string>>();
  files.set('README.md', { norms: table(catalog) });
  files.set('docs/family-tree.md', { family: familyTree(catalog) });
  for (const entry of catalog) files.set(`docs/norms/${entry.slug}.md`, { facts: facts(entry) });
  return files;
}

/** `page` with its generated parts renewed. Throws when a marker is missing. */
export function renewed(page: string, parts: Readonly<Record<string, string>>): string {
  let text = page;
  for (const [name, content] of Object.entries(parts)) {
    const begin = `<!-- begin ${name} -->`;
    const end = `<!-- end ${name} -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the page has no ${begin} … ${end}`);
    text = `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
  }
  return text;
}

function table(entries: readonly NormEntry[]): string {
  const rows = entries.map(
    ({ slug, name, paper, family, averages, carries }) =>
      `| [${name}](docs/norms/${slug}.md) | [${paper.authors.split(',')[0]!.split(' ').pop()} ${paper.year}](${paper.link}) | ${family} | ` +
      `${averages} | ${carries || 'none'} | \`normgrad/norms/${slug}.js\` |`,
  );
  return ['| norm | paper | family | averages over | state | import |', '|---|---|---|---|---|---|', ...rows].join('\n');
}

function facts({ slug, paper, functionName, className, formula, averages, carries, options }: NormEntry): string {
  return [
    `${paper.authors}, [*${paper.title}*](${paper.link}), ${paper.year}.`,
    '',
    '```',
    formula,
    '```',
    '',
    `- Statistics: over ${averages}.`,
    `- State: ${carries || 'none'}.`,
    `- Use: \`import { ${functionName}, ${className} } from 'normgrad/norms/${slug}.js'\``,
    `- Source: [src/norms/${slug}.ts](../../src/norms/${slug}.ts)`,
    '',
    '| option | default | meaning |',
    '|---|---|---|',
    ...options.map((option) => `| \`${option.name}\` | ${option.default} | ${option.meaning} |`),
  ].join('\n');
}

/** Every norm under its family, and under it what it turns into. */
function familyTree(entries: readonly NormEntry[]): string {
  const link = (slug: string): string => `[${slug}](norms/${slug}.md)`;
  const parts = (...texts: (string | undefined)[]): string => texts.filter(Boolean).join(' ');
  return [...new Set(entries.map((entry) => entry.family))]
    .flatMap((family) => [
      `### ${family}\n`,
      ...entries
        .filter((entry) => entry.family === family)
        .flatMap(({ slug, averages }) => [
          `- **${link(slug)}**: over ${averages}`,
          ...equalities
            .filter(({ norm }) => norm === slug)
            .map(({ given, is, as, within }) => `  - ${parts(given, '=', is === null ? '' : link(is), as)}${within === 0 ? ', bit by bit' : ''}`),
        ]),
      '',
    ])
    .join('\n')
    .trimEnd();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, parts] of generated()) {
    const file = new URL(path, root);
    if (!existsSync(file)) throw new Error(`${path} does not exist; write the page, with the markers of its generated parts`);
    writeFileSync(file, renewed(readFileSync(file, 'utf8'), parts));
    console.log(path);
  }
}
