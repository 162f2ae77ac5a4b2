/** All equalities, by the family of the norm that turns into another one. */
import { conditioned } from './condition.ts';
import type { Equality } from './equality.ts';
import { learned } from './learned.ts';
import { standardizing } from './standardize.ts';
import { ofWeights } from './weights.ts';

export const equalities: readonly Equality[] = [...standardizing, ...conditioned, ...ofWeights, ...learned];
