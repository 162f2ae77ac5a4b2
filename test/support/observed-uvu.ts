/**
 * uvu, watched. `test/run.ts` puts this module in the place of `uvu` for every test file, because uvu itself passes
 * over what should turn a build red: the error of a throwing `before`, a thrown value that is not an Error, the tests
 * behind either of them, tests registered after `.run()`, and a forgotten `.only` or `.skip`.
 *
 * Every test and hook is wrapped, noted down, and handed on to uvu, which does the running.
 */
import { inspect } from 'node:util';
import * as uvu from 'uvu';
import { current } from './current.ts';

/** A registered test and what became of it. */
export interface Entry {
  readonly suite: string;
  readonly title: string;
  state: 'waiting' | 'passed' | 'failed';
}

/** What happened in the file that is being run. */
export interface Observation {
  readonly entries: Entry[];
  /** Errors of hooks and uses of `.only` and `.skip`, as text. */
  readonly problems: string[];
}

/** How the tests of the next file are to be treated. */
export interface Observing {
  /** Register only tests whose title contains this text. */
  readonly title?: string | undefined;
  /** Called at the first failing test, with its error. */
  readonly onFailure?: ((entry: Entry, error: Error) => void) | undefined;
}

let observation: Observation = { entries: [], problems: [] };
let observing: Observing = {};

/** Starts a new page. */
export function observe(options: Observing): Observation {
  observing = options;
  observation = { entries: [], problems: [] };
  return observation;
}

export function suite<T = Record<string, unknown>>(name = '', context?: T): uvu.Test<T> {
  const inner = context === undefined ? uvu.suite<T>(name) : uvu.suite<T>(name, context);
  const register = (title: string, handler: uvu.Callback<T>): void => {
    if (observing.title !== undefined && !title.includes(observing.title)) return;
    const entry: Entry = { suite: name, title, state: 'waiting' };
    observation.entries.push(entry);
    inner(title, watched(entry, handler));
  };
  const refuse = (what: string) => (title = '', handler?: uvu.Callback<T>): void => {
    observation.problems.push(`"${title}" is marked .${what}: every test must run`);
    if (handler) register(title, handler);
  };
  return Object.assign(register, {
    only: refuse('only'),
    skip: refuse('skip'),
    before: hooks(name, 'before', inner.before),
    after: hooks(name, 'after', inner.after),
    run: () => inner.run(),
  });
}

export const test: uvu.Test = suite();

function watched<T>(entry: Entry, handler: uvu.Callback<T>): uvu.Callback<T> {
  return async (context) => {
    current.suite = entry.suite;
    current.title = entry.title;
    try {
      await handler(context);
      entry.state = 'passed';
    } catch (thrown) {
      entry.state = 'failed';
      const error = asError(thrown);
      observing.onFailure?.(entry, error);
      throw error;
    }
  };
}

function hooks<T>(name: string, when: string, inner: uvu.Test<T>['before']): uvu.Test<T>['before'] {
  const guard = (kind: string, handler: uvu.Callback<T>): uvu.Callback<T> => {
    return async (context) => {
      try {
        await handler(context);
      } catch (thrown) {
        const error = asError(thrown);
        observation.problems.push(`the ${kind} hook of suite "${name}" threw: ${error.stack ?? error.message}`);
        throw error;
      }
    };
  };
  return Object.assign((handler: uvu.Callback<T>) => inner(guard(when, handler)), {
    each: (handler: uvu.Callback<T>) => inner.each(guard(`${when}.each`, handler)),
  });
}

/** What was thrown, as an Error with a name, a message and a stack, which uvu's report needs. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error && typeof thrown.stack === 'string') return thrown;
  const { name, message } = (thrown ?? {}) as { name?: unknown; message?: unknown };
  if (typeof name === 'string' && typeof message === 'string') return Object.assign(new Error(message), { name });
  return new Error(`threw a value that is not an Error: ${inspect(thrown)}`);
}
