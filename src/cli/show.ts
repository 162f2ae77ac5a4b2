/** `normgrad show`: one norm as cases need to know it. */
import type { Entry, NormEntry } from '../norms/catalog/entry.ts';
import { caseAt } from '../oracle/generate/case-at.ts';
import { argumentsOf, entryNamed } from './arguments.ts';
import { tensorsOf } from './show/tensors.ts';
import { UsageError } from './usage-error.ts';

const usage = `Usage: normgrad show NORM [--case]

Shows a norm: formula, paper, what its statistics run over, options with defaults, and the tensors of a case.

  --case          one example case instead, as JSON: normgrad show layer --case | normgrad answer
  -h, --help      show this
`;

/** Writes what is known of a norm. Returns the exit code. */
export function show(args: readonly string[]): number {
  const { flags, others } = argumentsOf(args, [], ['case']);
  if (flags.has('help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (others.length !== 1) throw new UsageError(`it takes one norm, got ${others.length === 0 ? 'none' : others.join(' ')}`);
  const entry = entryNamed(others[0]!);
  process.stdout.write(flags.has('case') ? `${JSON.stringify(caseAt(entry, 0, { seed: 1, runs: 1 }).toJson('float32'))}\n` : description(entry));
  return 0;
}

function description(entry: Entry): string {
  const sections = ['name' in entry ? facts(entry as NormEntry) : entry.slug, ...tensorsOf(entry).map(([title, lines]) => section(title, lines))];
  return `${sections.join('\n\n')}\n`;
}

function facts({ name, slug, formula, paper, averages, carries, options }: NormEntry): string {
  const { authors, title, year, link } = paper;
  const about = [
    ['statistics', averages],
    ['state', carries || 'none'],
    ['paper', `${authors}: ${title}, ${year}`],
    ['', link],
  ];
  return [
    `${name} (${slug})`,
    section('formula', formula.split('\n')),
    about.map(([key, text]) => `${key!.padEnd(12)}${text}`).join('\n'),
    section('options', columns(options.map((option) => [option.name, option.default, option.meaning]))),
  ].join('\n\n');
}

function section(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Rows as lines, each column as wide as its widest text. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)) + 2);
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('').trimEnd());
}
