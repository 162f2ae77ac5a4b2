/** Reading arguments: what several commands take, each with an error that says what it should have been. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { answerable, catalog, ops } from '../norms/catalog.ts';
import type { Entry } from '../norms/catalog/entry.ts';
import { UsageError } from './usage-error.ts';

/** Positional arguments, and options as text. */
export interface Arguments {
  readonly named: Readonly<Record<string, string | undefined>>;
  readonly flags: ReadonlySet<string>;
  readonly others: readonly string[];
}

/** The arguments of a command that has these options, and `--help`. Throws a UsageError at any other option. */
export function argumentsOf(args: readonly string[], named: readonly string[], flags: readonly string[] = []): Arguments {
  const options: ParseArgsConfig['options'] = { help: { type: 'boolean', short: 'h' } };
  for (const name of named) options[name] = { type: 'string' };
  for (const name of flags) options[name] = { type: 'boolean' };
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const entries = Object.entries(values);
    return {
      named: Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
      flags: new Set(entries.flatMap(([name, value]) => (value === true ? [name] : []))),
      others: positionals,
    };
  } catch (error) {
    // the rest of Node's message is about arguments that begin with a dash
    throw new UsageError((error as Error).message.split(/\.\s/)[0]!);
  }
}

/** The norms and operations of a list of names; `all` is every norm. */
export function entriesOf(names: readonly string[]): readonly Entry[] {
  if (names.length === 0) throw new UsageError(`name a norm, or all; known: ${knownNames().join(', ')}`);
  const found = names.flatMap((name): readonly Entry[] => (name === 'all' ? catalog : [entryNamed(name)]));
  return [...new Set(found)];
}

/** The norm or operation of a name. */
export function entryNamed(name: string): Entry {
  if (!knownNames().includes(name)) throw new UsageError(`there is no norm "${name}"; known: ${knownNames().join(', ')}`);
  return answerable(name);
}

function knownNames(): string[] {
  return [...catalog, ...ops].map(({ slug }) => slug);
}

/** One of some words; `fallback` when nothing is given. */
export function oneOf<T extends string>(option: string, value: string | undefined, allowed: readonly T[], fallback: T): T {
  if (value === undefined) return fallback;
  const found = allowed.find((candidate) => candidate === value);
  if (found) return found;
  throw new UsageError(`--${option} must be ${allowed.join(' or ')}, got "${value}"`);
}

/** An integer of at least `least`; `fallback` when nothing is given. */
export function integerOf(option: string, value: string | undefined, least: number, fallback: number): number {
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number >= 2 ** 32) {
    throw new UsageError(`--${option} must be an integer of at least ${least} and below 2^32, got "${value}"`);
  }
  return number;
}

/** A share of a run: part `at` of `of`, the first one 1. */
export interface Shard {
  readonly at: number;
  readonly of: number;
}

/** The share that `i/n` names; all of it when nothing is given. */
export function shardOf(value: string | undefined): Shard {
  if (value === undefined) return { at: 1, of: 1 };
  const [, at, of] = /^(\d{1,9})\/(\d{1,9})$/.exec(value) ?? [];
  if (!(Number(at) >= 1 && Number(at) <= Number(of))) {
    throw new UsageError(`--shard must be i/n with i from 1 to n, as 2/8, got "${value}"`);
  }
  return { at: Number(at), of: Number(of) };
}

/** The places of a run that belong to a share. */
export function indicesOf({ at, of }: Shard, runs: number): number[] {
  return Array.from({ length: runs }, (_, i) => i).filter((i) => i % of === at - 1);
}
