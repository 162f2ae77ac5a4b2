/** The catalogue: every norm, in the order of the documentation. Tests, documentation, oracle and command line read it. */
import { batch } from './catalog/batch.ts';
import type { NormEntry } from './catalog/entry.ts';
import { group } from './catalog/group.ts';
import { instance } from './catalog/instance.ts';
import { layer } from './catalog/layer.ts';
import { rms } from './catalog/rms.ts';

export const catalog: readonly NormEntry[] = [batch, layer, rms, instance, group];

/** The entry of a slug. Throws a RangeError that lists the slugs when there is none. */
export function entryOf(slug: string): NormEntry {
  const entry = catalog.find((candidate) => candidate.slug === slug);
  if (entry) return entry;
  throw new RangeError(`catalog: there is no norm "${slug}"; the norms are ${catalog.map((known) => known.slug).join(', ')}`);
}
