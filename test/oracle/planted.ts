/**
 * `npm run test:oracle [-- filter…]`: the proof of the oracle. Every catalogued mistake is planted in the source, answers
 * through the protocol in a process of its own, and has to be refuted within 100 generated cases; the diagnosis of the
 * failing cases is compared with what was planted.
 *
 *   --jobs N   mutants at a time, default one for each core (at most 4)
 *
 * Prints a table. The exit code is 0 only when all are refuted, the diagnosis is right for at least 90 % of them, and no
 * catalogued mistake is without a mutant.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { mistakes } from '../../src/oracle/diagnose.ts';
import { type Found, judgePlanted } from './judge-planted.ts';
import { plantedMistakes } from './plant.ts';

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { jobs: { type: 'string', default: String(Math.min(4, cpus().length)) } },
});

const all = await plantedMistakes();
const chosen = all.filter(({ name, mistake, norm }) => filters.length === 0 || filters.some((filter) => `${name} ${mistake} ${norm}`.includes(filter)));
const width = Math.max(0, ...chosen.map(({ name }) => name.length));
const isRight = ({ mutant, named }: Found): boolean => named[0] === mutant.mistake;

const found: Found[] = [];
let next = 0;
const work = async (): Promise<void> => {
  while (next < chosen.length) {
    const mutant = chosen[next++]!;
    const one = await judgePlanted(mutant).catch((error: Error): Found => ({ mutant, refuted: 0, named: [error.message], first: [] }));
    found.push(one);
    const { refuted, named, first } = one;
    const mark = refuted === 0 ? 'NOT REFUTED' : isRight(one) ? 'right      ' : 'WRONG      ';
    const others = named.length > 1 ? ` (also ${named.slice(1).join(', ')})` : '';
    const wanted = isRight(one) ? '' : `  planted: ${mutant.mistake}; by the first case: ${first.join(', ') || 'none'}`;
    console.log(`${mark} ${mutant.name.padEnd(width)} ${String(refuted).padStart(3)} cases  ${named[0] ?? 'no diagnosis'}${others}${wanted}`);
  }
};
await Promise.all(Array.from({ length: Number(values.jobs) }, work));

const refuted = found.filter((one) => one.refuted > 0).length;
const right = found.filter(isRight).length;
const alone = found.filter(({ mutant, first }) => first[0] === mutant.mistake).length;
const percent = (count: number): string => `${count} of ${found.length} (${((100 * count) / found.length).toFixed(1)} %)`;
const without = filters.length > 0 ? [] : mistakes().filter(({ name }) => !all.some(({ mistake }) => mistake === name)).map(({ name }) => name);
console.log(`${percent(refuted)} refuted within 100 cases; diagnosis right for ${percent(right)}, by the first failing case alone for ${percent(alone)}`);
if (without.length > 0) console.log(`catalogued, but planted nowhere: ${without.join(', ')}`);
process.exitCode = found.length > 0 && refuted === found.length && right >= 0.9 * found.length && without.length === 0 ? 0 : 1;
