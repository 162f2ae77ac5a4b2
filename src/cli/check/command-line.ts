/** What the options of `check` and `replay` have in common: the command behind `--`, how it is driven, how it is judged. */
import { profiles } from '../../oracle/judge.ts';
import { type Arguments, argumentsOf, oneOf } from '../arguments.ts';
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
export interface Given extends Arguments {
  /** What stands behind `--`; null without it. */
  readonly command: readonly string[] | null;
}

/** Takes arguments apart at the first `--`. Throws a UsageError for an option that is not known. */
export function given(args: readonly string[], named: readonly string[], flags: readonly string[] = []): Given {
  const end = args.indexOf('--');
  return { ...argumentsOf(end < 0 ? args : args.slice(0, end), named, flags), command: end < 0 ? null : args.slice(end + 1) };
}

/** The options that `check` and `replay` share. */
export function driveOptions({ named, command }: Given): DriveOptions {
  if (!command || command.length === 0) {
    throw new UsageError('the command of the harness stands behind --, as in: -- python3 mine.py');
  }
  return {
    command,
    profile: oneOf('profile', named.profile, Object.keys(profiles) as Profile[], 'standard'),
    only: named.only === undefined ? null : oneOf<'forward' | 'backward'>('only', named.only, ['forward', 'backward'], 'forward'),
    timeout: milliseconds('timeout', named.timeout, seconds.timeout),
    startTimeout: milliseconds('start-timeout', named['start-timeout'], seconds.startTimeout),
  };
}

/** The values of an option that is a list, without repetitions; null when it is not given. */
export function listOf<T extends string>(name: string, value: string | undefined, allowed: readonly [T, ...T[]]): T[] | null {
  if (value === undefined) return null;
  return [...new Set(value.split(',').map((text) => oneOf(name, text.trim(), allowed, allowed[0])))];
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
