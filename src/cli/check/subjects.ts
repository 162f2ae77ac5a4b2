/** What is to be checked: what was asked for of what the harness declares, and in words what is left out. */
import { ops } from '../../norms/catalog.ts';
import type { Entry } from '../../norms/catalog/entry.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { CheckOptions } from './options.ts';

/** What a harness declares of itself, as far as it matters here. */
export interface Declared {
  readonly norms: readonly string[];
  readonly dtypes: readonly string[];
}

/** A norm in a dtype: what one line of the summary is about. */
export interface Subject {
  readonly entry: Entry;
  readonly dtype: DType;
}

export interface Subjects {
  readonly list: readonly Subject[];
  readonly dtypes: readonly DType[];
  /** A sentence for each thing that was asked for and is left out. */
  readonly leftOut: readonly string[];
}

/** How many names a sentence lists before it counts. */
const LISTED = 8;

/** The norms and dtypes to check. */
export function subjectsOf({ entries, all, dtypes }: Pick<CheckOptions, 'entries' | 'all' | 'dtypes'>, declared: Declared): Subjects {
  const leftOut: string[] = [];
  const here = entries.filter((entry) => declared.norms.includes(entry.slug));
  const missing = entries.filter((entry) => !here.includes(entry)).map((entry) => entry.slug);
  if (missing.length > 0) {
    const names = all && missing.length > LISTED ? `${missing.length} of ${entries.length} norms` : missing.join(', ');
    leftOut.push(`left out, not declared by the harness: ${names}`);
  }
  const unknown = declared.norms.filter((slug) => all && ![...entries, ...ops].some((entry) => entry.slug === slug));
  if (unknown.length > 0) leftOut.push(`left out, not in the catalogue: ${unknown.slice(0, LISTED).join(', ')}`);
  const wanted = dtypes ?? [(['float32', 'float64'] as const).find((dtype) => declared.dtypes.includes(dtype)) ?? 'float32'];
  const spoken = wanted.filter((dtype) => declared.dtypes.includes(dtype));
  const mute = wanted.filter((dtype) => !spoken.includes(dtype));
  if (mute.length > 0) leftOut.push(`left out, not declared by the harness: ${mute.join(', ')}`);
  return { list: here.flatMap((entry) => spoken.map((dtype) => ({ entry, dtype }))), dtypes: spoken, leftOut };
}
