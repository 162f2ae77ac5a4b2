/** The options of `normgrad check`: what they are, what they default to, and what they may be. */
import type { Entry } from '../../norms/catalog/entry.ts';
import { type Phase, phases } from '../../oracle/generate/phases.ts';
import type { DType } from '../../tensor/dtype.ts';
import { entriesOf, integerOf, type Shard, shardOf } from '../arguments.ts';
import { UsageError } from '../usage-error.ts';
import { type DriveOptions, driveOptionNames, driveOptions, driveOptionsUsage, given, listOf } from './command-line.ts';

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
  const { named, others } = found;
  return {
    entries: entriesOf(others),
    all: others.includes('all'),
    ...driveOptions(found),
    runs: integerOf('runs', named.runs, 1, defaults.runs),
    seed: integerOf('seed', named.seed, 0, defaults.seed),
    dtypes: listOf<DType>('dtype', named.dtype, ['float32', 'float64']),
    phases: listOf<Phase>('phase', named.phase, phases as [Phase, ...Phase[]]),
    xfail: path('xfail', named.xfail),
    report: path('report', named.report),
    shard: shardOf(named.shard),
    shrink: !found.flags.has('no-shrink'),
  };
}

function path(name: string, value: string | undefined): string | null {
  if (value === '') throw new UsageError(`--${name} must name a file, got ""`);
  return value ?? null;
}
