/** The options of `normgrad check`: what they are, what they default to, and what they may be. */
import { catalog, ops } from '../../norms/catalog.ts';
import type { Entry } from '../../norms/catalog/entry.ts';
import { type Phase, phases } from '../../oracle/generate/phases.ts';
import type { DType } from '../../tensor/dtype.ts';
import { UsageError } from '../usage-error.ts';
import {
  choices,
  type DriveOptions,
  driveOptionNames,
  driveOptions,
  driveOptionsUsage,
  given,
  integer,
} from './command-line.ts';

/** A part of a run: the cases whose number has the remainder `index` when divided by `of`. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** What a check is asked to be. */
export interface CheckOptions extends DriveOptions {
  readonly entries: readonly Entry[];
  /** Whether the norms were asked for as `all`, so that those a harness does not have need no list. */
  readonly all: boolean;
  readonly runs: number;
  readonly seed: number;
  /** In which the cases are asked; null for float32, or what the harness has in its place. */
  readonly dtypes: readonly DType[] | null;
  /** Null for all. */
  readonly phases: readonly Phase[] | null;
  /** Path of a file of expected failures. */
  readonly xfail: string | null;
  /** Path of the report in JSON lines. */
  readonly report: string | null;
  readonly shard: Shard;
  readonly shrink: boolean;
}

const defaults = { runs: 100, seed: 1 };
const known: readonly Entry[] = [...catalog, ...ops];

/** What `--help` shows. */
export const checkUsage = `Usage: normgrad check NORM... | all [options] -- COMMAND [ARGUMENT...]

Tests an implementation of norms in any language. COMMAND is started once and asked cases, one JSON object a line, on
its standard input; it answers on its standard output. A failing case is asked again in a fresh process, shrunk to a
small one and explained.

  normgrad check layer batch -- python3 mine.py

Options:
  --runs N                  cases for each norm (default ${defaults.runs})
  --seed N                  of the cases (default ${defaults.seed})
  --dtype A,B               float32, float64 or both (default float32, or float64 for a command that has only that)
  --phase A,B               only cases of these kinds: ${phases.join(', ')}
${driveOptionsUsage}  --xfail FILE              expected failures, which do not fail the run; a line of it is NORM, or NORM PHASE, or
                            NORM PART NAME as in "layer grads weight"; # begins a comment
  --report FILE             write a record of every norm and every failure, one JSON object a line
  --shard I/N               the I-th of N parts of the run, which together are the whole of it
  --no-shrink               show a failing case as it was generated
  -h, --help                show this

Exit code: 0 all passed, 1 a mismatch, 2 wrong usage, 3 the command could not start, died, hung or broke the protocol,
4 nothing was tested. Ctrl-C shows what was found so far.
`;

const valued = ['runs', 'seed', 'dtype', 'phase', 'xfail', 'report', 'shard', ...driveOptionNames];

/** The options on the command line; null when help is asked for. Throws a UsageError for one that is wrong. */
export function parseCheckOptions(args: readonly string[]): CheckOptions | null {
  const found = given(args, valued, ['no-shrink']);
  if (found.flags.has('help')) return null;
  const { values, positionals } = found;
  const all = positionals.includes('all');
  return {
    entries: all ? known : entriesOf(positionals),
    all,
    ...driveOptions(found),
    runs: integer('runs', values.runs, 1, defaults.runs),
    seed: integer('seed', values.seed, 0, defaults.seed),
    dtypes: values.dtype === undefined ? null : choices<DType>('dtype', values.dtype, ['float32', 'float64']),
    phases: values.phase === undefined ? null : choices<Phase>('phase', values.phase, phases),
    xfail: path('xfail', values.xfail),
    report: path('report', values.report),
    shard: shardOf(values.shard ?? '1/1'),
    shrink: !found.flags.has('no-shrink'),
  };
}

function entriesOf(slugs: readonly string[]): Entry[] {
  if (slugs.length === 0) throw new UsageError('name the norms to check, or all');
  return [...new Set(slugs)].map((slug) => {
    const entry = known.find((candidate) => candidate.slug === slug);
    if (entry) return entry;
    throw new UsageError(`there is no norm "${slug}"; use ${known.map((candidate) => candidate.slug).join(', ')}, or all`);
  });
}

function path(name: string, value: string | undefined): string | null {
  if (value === '') throw new UsageError(`--${name} must name a file, got ""`);
  return value ?? null;
}

function shardOf(text: string): Shard {
  const [, index, of] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  if (index === undefined || Number(index) < 1 || Number(index) > Number(of)) {
    throw new UsageError(`--shard must be I/N with I from 1 to N, as 2/3, got "${text}"`);
  }
  return { index: Number(index) - 1, of: Number(of) };
}
