/** `normgrad cases`: generated cases as files or lines, for those who cannot let a command be driven. */
import { type Phase, phaseMeanings, phases } from '../oracle/generate/phases.ts';
import type { DType } from '../tensor/dtype.ts';
import { argumentsOf, entriesOf, integerOf, oneOf, shardOf } from './arguments.ts';
import { type Asked, asJson, type Format, formats } from './cases/asked.ts';
import { writeFiles } from './cases/files.ts';
import { casesOf } from './cases/run.ts';
import { UsageError } from './usage-error.ts';

const usage = `Usage: normgrad cases NORM.. [options]

Writes generated cases of norms, of all of them with "all". A case says what is asked, and why: its phase and its flags.
What comes out depends on the options alone, the same on every machine.

  --runs N                    cases of each norm, 60 in 100 of them regular (default 100)
  --seed N                    another seed, other cases (default 1)
  --dtype float32|float64     default float32
  --phase a,b                 only these phases (default: all)
${phases.map((phase) => `      ${phase.padEnd(12)}${phaseMeanings[phase]}`).join('\n')}
  --shard i/n                 only the cases i, i + n, i + 2n, ... of each norm; all n shards are the whole run
  --answers                   with the right answers of each case
  --format jsonl|npz|safetensors
                              jsonl: one case a line, as normgrad answer reads it (default)
                              npz, safetensors: a file of tensors for each case, and manifest.jsonl with the rest
  --out DIR                   write files there (default: lines to standard output, which only jsonl can)
  -h, --help                  show this
`;

/** Writes the cases. Returns the exit code. */
export async function cases(args: readonly string[]): Promise<number> {
  const { named, flags, others } = argumentsOf(args, ['runs', 'seed', 'dtype', 'phase', 'shard', 'format', 'out'], ['answers']);
  if (flags.has('help')) {
    process.stdout.write(usage);
    return 0;
  }
  const asked: Asked = {
    entries: entriesOf(others),
    runs: integerOf('runs', named.runs, 1, 100),
    seed: integerOf('seed', named.seed, 0, 1),
    dtype: oneOf<DType>('dtype', named.dtype, ['float32', 'float64'], 'float32'),
    phases: phasesOf(named.phase),
    shard: shardOf(named.shard),
    answers: flags.has('answers'),
  };
  const format = oneOf<Format>('format', named.format, formats, 'jsonl');
  if (named.out === '') throw new UsageError('--out must name a folder, got ""');
  if (named.out !== undefined) {
    writeFiles(asked, format, named.out);
    return 0;
  }
  if (format !== 'jsonl') throw new UsageError(`--format ${format} writes files: --out must say where`);
  for (const found of casesOf(asked)) {
    if (!process.stdout.write(`${JSON.stringify(asJson(found, asked))}\n`)) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
  return 0;
}

function phasesOf(list: string | undefined): readonly Phase[] {
  if (list === undefined) return phases;
  return list.split(',').map((name) => {
    const found = phases.find((phase) => phase === name.trim());
    if (!found) throw new UsageError(`--phase: there is no phase "${name}"; the phases are ${phases.join(', ')}`);
    return found;
  });
}
