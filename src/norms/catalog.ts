/** The catalogue: every norm, in the order of the documentation. Tests, documentation, oracle and command line read it. */
import { activation } from './catalog/activation.ts';
import { adaptiveInstance } from './catalog/adaptive-instance.ts';
import { attentive } from './catalog/attentive.ts';
import { batchChannel } from './catalog/batch-channel.ts';
import { batch } from './catalog/batch.ts';
import { conditionalBatch } from './catalog/conditional-batch.ts';
import { conditionalInstance } from './catalog/conditional-instance.ts';
import { cosine } from './catalog/cosine.ts';
import { decorrelatedBatch } from './catalog/decorrelated-batch.ts';
import type { Entry, NormEntry } from './catalog/entry.ts';
import { filterResponse } from './catalog/filter-response.ts';
import { group } from './catalog/group.ts';
import { inPlaceAbn } from './catalog/in-place-abn.ts';
import { instanceLevelMeta } from './catalog/instance-level-meta.ts';
import { instance } from './catalog/instance.ts';
import { layer } from './catalog/layer.ts';
import { localContrast } from './catalog/local-contrast.ts';
import { localResponse } from './catalog/local-response.ts';
import { mixture } from './catalog/mixture.ts';
import { mode } from './catalog/mode.ts';
import { online } from './catalog/online.ts';
import { opSparsemax } from './catalog/op-sparsemax.ts';
import { opSparsestmax } from './catalog/op-sparsestmax.ts';
import { rms } from './catalog/rms.ts';
import { sparseSwitchable } from './catalog/sparse-switchable.ts';
import { spectral } from './catalog/spectral.ts';
import { stableRank } from './catalog/stable-rank.ts';
import { switchable } from './catalog/switchable.ts';
import { syncBatch } from './catalog/sync-batch.ts';
import { virtualBatch } from './catalog/virtual-batch.ts';
import { weightDemodulation } from './catalog/weight-demodulation.ts';
import { weightStandardization } from './catalog/weight-standardization.ts';
import { weight } from './catalog/weight.ts';

export const catalog: readonly NormEntry[] = [
  batch,
  layer,
  rms,
  instance,
  group,
  filterResponse,
  batchChannel,
  inPlaceAbn,
  virtualBatch,
  syncBatch,
  online,
  adaptiveInstance,
  conditionalInstance,
  conditionalBatch,
  attentive,
  instanceLevelMeta,
  activation,
  switchable,
  sparseSwitchable,
  mode,
  mixture,
  decorrelatedBatch,
  localResponse,
  localContrast,
  weight,
  weightStandardization,
  weightDemodulation,
  cosine,
  spectral,
  stableRank,
];

/** Operations beside the norms that cases can be made of: what some norms are built with, and others may want to check. */
export const ops: readonly Entry[] = [opSparsemax, opSparsestmax];

/** What a case names: a norm or an operation. Throws a RangeError that lists the norms when there is neither. */
export function answerable(slug: string): Entry {
  return ops.find((candidate) => candidate.slug === slug) ?? entryOf(slug);
}

/** The entry of a slug. Throws a RangeError that lists the slugs when there is none. */
export function entryOf(slug: string): NormEntry {
  const entry = catalog.find((candidate) => candidate.slug === slug);
  if (entry) return entry;
  throw new RangeError(`catalog: there is no norm "${slug}"; the norms are ${catalog.map((known) => known.slug).join(', ')}`);
}
