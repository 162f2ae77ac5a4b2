/** What a harness says of itself when it is started. */
import { quoted } from './limits.ts';
import type { Message } from './message.ts';

export interface Introduction {
  readonly version: 1;
  readonly implementation: { readonly name: string; readonly language: string; readonly version: string };
  /** Slugs of the norms that it has. */
  readonly norms: readonly string[];
  readonly dtypes: readonly string[];
  /** What it can do beyond a single training call: `state`, `eval`. */
  readonly features: readonly string[];
}

const example =
  '{"version":1,"implementation":{"name":"mine","language":"Python","version":"1.0"},"norms":["layer"],"dtypes":["float32"],"features":[]}';

/** The introduction in a message, or what is wrong with it; unknown fields are ignored, and features may be left out. */
export function introductionOf(message: Message): Introduction | string {
  const wrong = (what: string): string => `${what}, got ${quoted(message)}; answer start with, for example, ${example}`;
  if (message.errored === true) return wrong('it failed at its start');
  if (message.version !== 1) return wrong('its version of the protocol must be 1');
  const { implementation, norms, dtypes, features = [] } = message;
  if (typeof implementation !== 'object' || implementation === null) return wrong('it must name its implementation');
  const { name, language = '', version = '' } = implementation as Message;
  if (typeof name !== 'string' || name === '') return wrong('its implementation must have a name');
  if (typeof language !== 'string' || typeof version !== 'string') return wrong('language and version of its implementation must be strings');
  if (!areNames(norms) || norms.length === 0) return wrong('norms must be a list of at least one name');
  if (!areNames(dtypes) || dtypes.length === 0) return wrong('dtypes must be a list of "float32", "float64" or both');
  if (!areNames(features)) return wrong('features must be a list of names');
  return { version: 1, implementation: { name, language, version }, norms, dtypes, features };
}

function areNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
