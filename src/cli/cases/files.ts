/** Cases as files in a folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { type Asked, asJson, type Format } from './asked.ts';
import { casesOf } from './run.ts';

/** Writes the cases of a run into a folder, which is made. */
export function writeFiles(asked: Asked, format: Format, folder: string): void {
  if (format !== 'jsonl') throw new UsageError(`--format ${format} is not known yet`);
  mkdirSync(folder, { recursive: true });
  for (const entry of asked.entries) {
    const lines = [...casesOf({ ...asked, entries: [entry] })].map((found) => `${JSON.stringify(asJson(found, asked))}\n`);
    writeFileSync(join(folder, `${entry.slug}.jsonl`), lines.join(''));
  }
}
