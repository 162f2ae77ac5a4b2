/** What the options of `check` and `replay` have in common: the command behind `--`, how it is driven, how it is judged. */
import { parseArgs } from 'node:util';
import { profiles } from '../../oracle/judge.ts';
import { UsageError } from '../usage-error.ts';

/** The name of a tolerance profile. */
export type Profile = keyof typeof profiles;

/** How the command of a harness is run and its replies are judged. */
export interface DriveOptions {
  /** The harness: a program and its arguments. */
  readonly command: readonly string[];
  readonly profile: Profile;
  readonly only: 'forward' | 'backward' | null;
  /** Milliseconds for a case. */
  readonly timeout: number;
  /** Milliseconds for the start of the harness. */
  readonly startTimeout: number;
}

/** Their names, which take a value each. */
export const driveOptionNames = ['profile', 'only', 'timeout', 'start-timeout'] as const;

const seconds = { timeout: 30, startTimeout: 60 };

/** Their lines in a `--help`. */
export const driveOptionsUsage = `  --profile NAME            how far off is too far, in units of what rounding explains: ${Object.entries(profiles)
  .map(([name, factor]) => `${name} ${factor}`)
  .join(', ')}
                            (default standard)
  --only PART               forward or backward: judge only the outputs and the state, or only the gradients
  --timeout S               seconds the command may take for a case (default ${seconds.timeout})
  --start-timeout S         seconds it may take to start (default ${seconds.startTimeout})
`;

/** Arguments taken apart. */
export interface Given {
  readonly positionals: readonly string[];
  /** Texts of the options that have a value. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** The options that have none. */
  readonly flags: ReadonlySet<string>;
  /** What stands behind `--`; null without it. */
  readonly command: readonly string[] | null;
}

/** Takes arguments apart at the first `--`. Throws a UsageError for an option that is not known. */
export function given(args: readonly string[], valued: readonly string[], flags: readonly string[]): Given {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const options = {
    ...Object.fromEntries(valued.map((name) => [name, { type: 'string' } as const])),
    ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' } as const])),
    help: { type: 'boolean', short: 'h' } as const,
  };
  try {
    const { values, positionals } = parseArgs({ args: [...own], options, allowPositionals: true });
    const found: [string, unknown][] = Object.entries(values);
    return {
      positionals,
      values: Object.fromEntries(found.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
      flags: new Set(found.filter(([, value]) => value === true).map(([name]) => name)),
      command: end < 0 ? null : args.slice(end + 1),
    };
  } catch (error) {
    // the rest of Node's message is about positional arguments that begin with a dash
    throw new UsageError((error as Error).message.split(/\.\s/)[0]!);
  }
}

/** The options that `check` and `replay` share. */
export function driveOptions({ values, command }: Given): DriveOptions {
  if (!command || command.length === 0) {
    throw new UsageError('the command of the harness stands behind --, as in: -- python3 mine.py');
  }
  return {
    command,
    profile: choice('profile', values.profile ?? 'standard', Object.keys(profiles) as Profile[]),
    only: values.only === undefined ? null : choice('only', values.only, ['forward', 'backward'] as const),
    timeout: milliseconds('timeout', values.timeout, seconds.timeout),
    startTimeout: milliseconds('start-timeout', values['start-timeout'], seconds.startTimeout),
  };
}

/** The value of an option that is one of a few. */
export function choice<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found) return found;
  throw new UsageError(`--${name} must be ${allowed.slice(0, -1).join(', ')} or ${allowed[allowed.length - 1]!}, got "${value}"`);
}

/** The values of an option that is a list, without repetitions. */
export function choices<T extends string>(name: string, value: string, allowed: readonly T[]): T[] {
  return [...new Set(value.split(',').map((text) => choice(name, text.trim(), allowed)))];
}

/** The value of an option that is a whole number. */
export function integer(name: string, value: string | undefined, least: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number >= 2 ** 32) {
    throw new UsageError(`--${name} must be an integer of at least ${least} and below 2^32, got "${value}"`);
  }
  return number;
}

/** The longest time that a timer of Node can wait is 2^31 - 1 milliseconds. */
const longest = 2_000_000;

function milliseconds(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return 1000 * otherwise;
  const number = Number(value);
  if (!/^\d*\.?\d+$/.test(value) || !(number > 0 && number <= longest)) {
    throw new UsageError(`--${name} must be a number of seconds above 0 and at most ${longest}, got "${value}"`);
  }
  return 1000 * number;
}
