/** The golden vectors: independent float64 references of every norm, all options, state after each call. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tensorFromJson } from '../../src/formats/json-tensor.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const folder = new URL('../vectors/', import.meta.url);

/** What the reference gives for one call. */
export interface VectorCall {
  readonly outputs: Record<string, unknown>;
  readonly grads: Record<string, unknown>;
  readonly stateAfter: Record<string, unknown>;
  readonly float32Error?: number;
}

/** One case of a file. */
export interface VectorCase {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly calls: readonly VectorCall[];
  /** What float32 loses against float64 in the reference's own formulas, by part and name, where that is much. */
  readonly float32Error?: Readonly<Record<string, number>>;
}

/** The slugs of norms that have vectors. */
export function vectorSlugs(): string[] {
  return readdirSync(folder).map((file) => file.replace('.json', ''));
}

/** The cases of a norm; none when it has no file. */
export function vectorsOf(slug: string): VectorCase[] {
  const file = new URL(`${slug}.json`, folder);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).cases : [];
}

/** `max |got - want|` and `max |want|`; different shapes are infinitely far apart. */
export function distance(got: Tensor | undefined, want: unknown, dtype: DType = 'float64'): { error: number; size: number } {
  const expected = tensorFromJson(want, dtype);
  let error = got && String(got.shape) === String(expected.shape) ? 0 : Infinity;
  let size = 0;
  for (let i = 0; i < expected.data.length && got; i++) {
    const a = got.data[i]!;
    const b = expected.data[i]!;
    size = Math.max(size, Math.abs(b));
    if (Number.isNaN(a) && Number.isNaN(b)) continue;
    const off = a === b ? 0 : Math.abs(a - b);
    error = Math.max(error, Number.isNaN(off) ? Infinity : off);
  }
  return { error, size };
}
