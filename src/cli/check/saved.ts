/** Saved cases: a case in a file of JSON, or the failures in the report of a check. */
import { readFileSync } from 'node:fs';
import { UsageError } from '../usage-error.ts';
import { questionFromJson } from './failure.ts';
import type { Question } from './trial.ts';

/** A saved case and where it stands. */
export interface Saved {
  readonly question: Question;
  readonly title: string;
}

/** The cases in a file; `-` is standard input. Throws a UsageError when there is none, or one that cannot be read. */
export function readSaved(path: string): Saved[] {
  const name = path === '-' ? 'standard input' : path;
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${name}: ${(error as Error).message}`);
  }
  return savedCases(text, name);
}

/** The cases in a text: one JSON value, or one on each line. Records of a report that hold no case are passed over. */
export function savedCases(text: string, name: string): Saved[] {
  const values = whole(text) ?? text.split(/\r?\n/).flatMap((line, i) => (line.trim() === '' ? [] : [lineOf(line, `${name}, line ${i + 1}`)]));
  const saved = values.flatMap(({ value, place }): Saved[] => {
    const { record, case: inner } = value;
    const message = inner ?? (record === undefined ? value : null);
    if (message === null) return [];
    try {
      const question = questionFromJson(message as object);
      return [{ question, title: `${(message as { norm: string }).norm} ${question.dtype}, ${place}` }];
    } catch (error) {
      throw new UsageError(`${place}: no case that can be replayed: ${(error as Error).message}`);
    }
  });
  if (saved.length === 0) throw new UsageError(`${name}: there is no case in it`);
  return saved;

  function whole(all: string): Found[] | null {
    try {
      return [{ value: objectOf(JSON.parse(all), name), place: name }];
    } catch (error) {
      if (error instanceof UsageError) throw error;
      return null;
    }
  }
}

interface Found {
  readonly value: Readonly<Record<string, unknown>>;
  readonly place: string;
}

function lineOf(line: string, place: string): Found {
  try {
    return { value: objectOf(JSON.parse(line), place), place };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${place}: not JSON: ${(error as Error).message}`);
  }
}

function objectOf(value: unknown, place: string): Found['value'] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Found['value'];
  throw new UsageError(`${place}: a case is an object: {"norm": "layer", ...}`);
}
