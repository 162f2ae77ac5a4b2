/** `normgrad list`: the catalogue. */
import { catalog, ops } from '../norms/catalog.ts';
import { argumentsOf, oneOf } from './arguments.ts';
import { UsageError } from './usage-error.ts';

const usage = `Usage: normgrad list [--format text|json]

Lists the norms, and after them the operations beside the norms that cases can be made of.

  --format text|json      json: one array of {norm, name, family, year, averages, carries} (default text)
  -h, --help              show this
`;

/** Writes the catalogue. Returns the exit code. */
export function list(args: readonly string[]): number {
  const { named, flags, others } = argumentsOf(args, ['format']);
  if (flags.has('help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (others.length > 0) throw new UsageError(`it takes no names, got "${others[0]}"; normgrad show ${others[0]} shows one`);
  const json = oneOf('format', named.format, ['text', 'json'], 'text') === 'json';
  process.stdout.write(json ? `${JSON.stringify(described(), null, 2)}\n` : table());
  return 0;
}

function described(): object[] {
  return [
    ...catalog.map(({ slug, name, family, paper, averages, carries }) => ({ norm: slug, name, family, year: paper.year, averages, carries })),
    ...ops.map(({ slug }) => ({ norm: slug })),
  ];
}

function table(): string {
  const rows = catalog.map(({ slug, name, family, paper }) => [slug, String(paper.year), family, name]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)) + 2);
  const lines = rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('').trimEnd());
  return `${[...lines, ...ops.map(({ slug }) => slug)].join('\n')}\n`;
}
