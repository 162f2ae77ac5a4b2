/**
 * `node --import tsx test/oracle/answer-mutant.ts --mutant NAME`: `normgrad answer` with a mutant planted in it, a harness
 * that is known to be wrong. The other options are those of `normgrad answer`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { plant, plantedMistakes } from './plant.ts';

const [flag, name, ...rest] = process.argv.slice(2);
const mutant = (await plantedMistakes()).find((candidate) => candidate.name === name);
if (flag !== '--mutant' || !mutant) throw new Error(`answer-mutant: --mutant takes the name of a mutant that plants a mistake, got ${name}`);
const folder = plant(mutant);
try {
  const { answer } = (await import(pathToFileURL(join(folder, 'src/cli/answer.ts')).href)) as typeof import('../../src/cli/answer.ts');
  process.exitCode = await answer(rest);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
