/** All mutants of `test/mutants/<topic>.ts`, by topic. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';

const MACHINERY = new Set(['collect.ts', 'hunt.ts', 'mutant.ts', 'run.ts']);

export interface Topic {
  readonly topic: string;
  readonly mutants: readonly Mutant[];
}

export async function collect(): Promise<Topic[]> {
  const folder = new URL('.', import.meta.url);
  const files = readdirSync(fileURLToPath(folder))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !MACHINERY.has(file))
    .sort();
  const topics: Topic[] = [];
  for (const file of files) {
    const { mutants } = (await import(new URL(file, folder).href)) as { mutants?: unknown };
    if (!Array.isArray(mutants)) throw new TypeError(`test/mutants/${file} must export \`mutants\``);
    topics.push({ topic: file.slice(0, -3), mutants: mutants as Mutant[] });
  }
  return topics;
}
