/** The norms under test: the whole catalogue, or those that the environment variable NORM names. */
import { catalog } from '../../src/norms/catalog.ts';
import type { NormEntry } from '../../src/norms/catalog/entry.ts';

const asked = process.env.NORM?.split(',');

export const listed: readonly NormEntry[] = catalog.filter((entry) => !asked || asked.includes(entry.slug));
