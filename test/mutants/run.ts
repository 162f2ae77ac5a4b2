/**
 * `npm run test:mutants [-- filter… options]`: plants every mutant and demands that its tests fail. A filter is a part
 * of a topic, a name, or a patched file.
 *
 *   --jobs N      mutants at a time, default one for each core (at most 4)
 *   --timeout S   seconds, default 60; a run that takes longer counts as killed, and says so
 *   --runs N      cases for each property, default 100
 *   --list        only print the names
 *
 * Prints the kill table; the last line is `N killed, N survived`. The exit code is 0 only when every mutant was killed.
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { collect } from './collect.ts';
import { hunt, type Verdict } from './hunt.ts';

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: String(Math.min(4, cpus().length)) },
    timeout: { type: 'string', default: '60' },
    runs: { type: 'string', default: '100' },
    list: { type: 'boolean', default: false },
  },
});

const topics = await collect();
const topicOf = new Map(topics.flatMap(({ topic, mutants }) => mutants.map((mutant) => [mutant, topic] as const)));
const chosen = [...topicOf.keys()].filter(
  (mutant) => filters.length === 0 || filters.some((filter) => [topicOf.get(mutant)!, mutant.name, mutant.file].some((text) => text.includes(filter))),
);
const label = (verdict: Pick<Verdict, 'mutant'>): string => `${topicOf.get(verdict.mutant)!}: ${verdict.mutant.name}`;

if (options.list) {
  for (const mutant of chosen) console.log(label({ mutant }));
} else {
  const width = Math.max(0, ...chosen.map((mutant) => label({ mutant }).length));
  const report = (verdict: Verdict): void => {
    const { outcome, by, milliseconds } = verdict;
    const mark = outcome === 'killed' ? 'killed  ' : outcome === 'survived' ? 'SURVIVED' : 'ERROR   ';
    console.log(`${mark} ${label(verdict).padEnd(width)} ${String(milliseconds).padStart(6)} ms  ${by}`);
  };
  const verdicts = await hunt(chosen, {
    root: fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, ''),
    jobs: Number(options.jobs),
    timeout: 1000 * Number(options.timeout),
    runs: Number(options.runs),
    report,
  });
  const count = (outcome: Verdict['outcome']): number => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  const errors = count('error');
  if (errors > 0) console.log(`${errors} could not be judged`);
  console.log(`${count('killed')} killed, ${count('survived')} survived`);
  process.exitCode = verdicts.length > 0 && count('killed') === verdicts.length ? 0 : 1;
}
