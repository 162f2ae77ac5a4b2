/** Choices that the drafts of many norms share. */
import type { Chooser } from './entry.ts';

/** Values of eps that make a wrong one visible, and the usual one. */
export const epsChoices: readonly number[] = [1, 0.125, 2 ** -10, 1e-5];

/** Momenta, the ends among them. */
export const momentumChoices: readonly number[] = [0, 0.1, 0.5, 1];

/**
 * Extents for the named axes, pairwise different where possible, so that two axes that are mixed up show; now and then
 * one of them is 1.
 */
export function extents(choose: Chooser, names: readonly string[], largest = 6): Record<string, number> {
  const free = Array.from({ length: largest - 1 }, (_, i) => i + 2);
  const sizes: Record<string, number> = {};
  for (const name of names) {
    const at = choose.integer(0, free.length - 1);
    sizes[name] = choose.integer(0, 7) === 0 ? 1 : free[at]!;
    if (free.length > 1) free.splice(at, 1);
  }
  return sizes;
}

/** The names of `count` spatial axes: S0, S1, … */
export function spatialNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `S${i}`);
}

/** The axes of a draft whose names begin with `prefix`, in order. */
export function axesOf(sizes: Readonly<Record<string, number>>, prefix: string): string[] {
  return Object.keys(sizes).filter((name) => name.startsWith(prefix));
}

/** The product of the extents of `axes`. */
export function product(sizes: Readonly<Record<string, number>>, axes: readonly string[]): number {
  let size = 1;
  for (const axis of axes) size *= sizes[axis]!;
  return size;
}
