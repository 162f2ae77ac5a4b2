/** The options of `normgrad train`: what they are, what they default to, and what they may be. */
import { parseArgs } from 'node:util';
import { catalog } from '../../norms/catalog.ts';
import { UsageError } from '../usage-error.ts';
import { presets } from './presets.ts';
import { labelsOf } from './recipe.ts';

/** What a training is asked to be. */
export interface TrainOptions {
  readonly preset: string;
  /** Names of the trainings, in their order: `none`, then slugs as `group`, `weight` and `group + weight`. */
  readonly norms: readonly string[];
  /** A folder of IDX files; null for synthetic digits. */
  readonly data: string | null;
  /** Samples to train and test with; null for all that there are. */
  readonly trainSize: number | null;
  readonly testSize: number | null;
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
  readonly gain: number;
  readonly seed: number;
  /** Threads that train one network together. */
  readonly workers: number;
  readonly out: string;
}

const defaultNorms = 'layer,rms,batch,instance,group';
const defaults = { preset: 'plain', epochs: 8, trainSize: 1500, testSize: 500, seed: 1, workers: 1, out: 'runs' };

/** The norms that can stand in the classifier, and those of weights that can be put into its convolutions. */
const usable = {
  norm: catalog.filter((entry) => entry.classifier).map((entry) => entry.slug),
  'weight-norm': catalog.filter((entry) => entry.transform).map((entry) => entry.slug),
};

/** What `--help` shows. */
export const trainUsage = `Usage: normgrad train [options]

Trains a small convolutional network on handwritten digits, once without normalization and once with each norm, from
the same initial weights, on the same batches. Prints a table, writes curves (SVG) and numbers (JSON).

Options:
  --norm a,b | all | none   norms to train with; "none" is always trained first (default ${defaultNorms})
                            known: ${wrapped(usable.norm, 28, 90)}
  --weight-norm a,b | all   norms of weights, each alone and with every one of --norm, which is then none by default
                            known: ${wrapped(usable['weight-norm'], 28, 92)}
  --preset NAME             default ${defaults.preset}
${Object.entries(presets)
  .map(([name, { summary, lr, batch, gain }]) => `      ${name.padEnd(12)}  ${summary} (lr ${lr}, batch ${batch}, gain ${gain})`)
  .join('\n')}
  --data DIR                folder with MNIST's four files, plain or .gz (default: synthetic digits of 16 by 16)
  --train-size N            samples to train with, the first ones of --data (default ${defaults.trainSize}; all of --data)
  --test-size N             samples to test with (default ${defaults.testSize}; all of --data)
  --epochs N                passes over the training samples (default ${defaults.epochs})
  --batch N                 samples in a step (default: the preset's)
  --lr X                    highest learning rate of the schedule (default: the preset's)
  --gain X                  factor on the initial weights of the convolutions, 1 is right (default: the preset's)
  --seed N                  of weights, batches and synthetic digits (default ${defaults.seed})
  --workers N               threads that share each batch, at most as many as samples in it (default ${defaults.workers})
  --out DIR                 where train-PRESET.svg and train-PRESET.json go (default ${defaults.out}/)
  -h, --help                show this

Ctrl-C stops after the current step, with the results so far.
`;

const text = { type: 'string' } as const;

/** The options on the command line; null when help is asked for. Throws a UsageError for one that is wrong. */
export function parseTrainOptions(args: readonly string[]): TrainOptions | null {
  const given = parse(args);
  if (given.help) return null;
  const presetName = given.preset ?? defaults.preset;
  if (!Object.prototype.hasOwnProperty.call(presets, presetName)) {
    throw new UsageError(`--preset must be one of ${Object.keys(presets).join(', ')}, got "${presetName}"`);
  }
  const preset = presets[presetName]!;
  const data = given.data ?? null;
  if (data === '') throw new UsageError('--data must name a folder, got ""');
  const weightNorm = given['weight-norm'];
  const out = given.out ?? defaults.out;
  if (out === '') throw new UsageError('--out must name a folder, got ""');
  const batch = integer('batch', given.batch, 1) ?? preset.batch;
  const workers = integer('workers', given.workers, 1) ?? defaults.workers;
  if (workers > batch) throw new UsageError(`--workers must be at most the ${batch} samples of a batch, got "${workers}"`);
  return {
    preset: presetName,
    norms: labelsOf(
      listed('norm', given.norm ?? (weightNorm === undefined ? defaultNorms : 'none')),
      listed('weight-norm', weightNorm ?? 'none'),
    ),
    data,
    trainSize: integer('train-size', given['train-size'], 1) ?? (data === null ? defaults.trainSize : null),
    testSize: integer('test-size', given['test-size'], 1) ?? (data === null ? defaults.testSize : null),
    epochs: integer('epochs', given.epochs, 1) ?? defaults.epochs,
    batch,
    lr: positive('lr', given.lr) ?? preset.lr,
    gain: positive('gain', given.gain) ?? preset.gain,
    seed: integer('seed', given.seed, 0) ?? defaults.seed,
    workers,
    out,
  };
}

type Given = { readonly help?: boolean } & { readonly [name in (typeof names)[number]]?: string };

const names = [
  'norm',
  'weight-norm',
  'preset',
  'data',
  'train-size',
  'test-size',
  'epochs',
  'batch',
  'lr',
  'gain',
  'seed',
  'workers',
  'out',
] as const;

function parse(args: readonly string[]): Given {
  const options = Object.fromEntries(names.map((name) => [name, text]));
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean', short: 'h' } } });
    return values as Given;
  } catch (error) {
    // the rest of Node's message is about positional arguments, of which there are none here
    throw new UsageError((error as Error).message.split(/\.\s/)[0]!);
  }
}

/** The slugs of a list; `none` may be among them. */
function listed(option: keyof typeof usable, list: string): readonly string[] {
  const known = usable[option];
  const other = option === 'norm' ? 'weight-norm' : 'norm';
  if (list === 'all') return known;
  const asked = list.split(',').map((slug) => slug.trim());
  for (const slug of asked) {
    if (slug === 'none' || known.includes(slug)) continue;
    const here = `use ${known.join(', ')}, all or none`;
    if (usable[other].includes(slug)) throw new UsageError(`--${option}: ${slug} goes with --${other}; ${here}`);
    throw new UsageError(
      catalog.some((entry) => entry.slug === slug)
        ? `--${option}: ${slug} cannot stand in this classifier; ${here}`
        : `--${option}: there is no norm "${slug}"; ${here}`,
    );
  }
  return asked;
}

function integer(name: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number >= 2 ** 32) {
    throw new UsageError(`--${name} must be an integer of at least ${least} and below 2^32, got "${value}"`);
  }
  return number;
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = value.trim() === '' ? NaN : Number(value);
  if (!(number > 0 && number < Infinity)) throw new UsageError(`--${name} must be a number above 0, got "${value}"`);
  return number;
}

/** Words in lines of a width, continued at an indentation. */
function wrapped(words: readonly string[], indent: number, width: number): string {
  const lines = [''];
  for (const word of words) {
    const line = lines[lines.length - 1]!;
    if (line !== '' && line.length + word.length + 2 > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line}, ${word}`;
  }
  return lines.join(`,\n${' '.repeat(indent)}`);
}
