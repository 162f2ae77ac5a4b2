/** The norms and operations under test: the whole catalogue, or those that the environment variable NORM names. */
import { catalog, ops } from '../../src/norms/catalog.ts';
import type { Entry } from '../../src/norms/catalog/entry.ts';

const asked = process.env.NORM?.split(',');

export const listed: readonly Entry[] = [...catalog, ...ops].filter((entry) => !asked || asked.includes(entry.slug));
