/**
 * The seeding of k-means++: rows of the data, far from each other, as the first means of a mixture.
 *
 *     first row   floor(u[0] * count)
 *     next row j  the smallest i with D[0] + … + D[i] > u[j] * sum of D
 *
 * D is the squared distance of a row from the nearest row chosen so far; where it is 0 for all rows, the next one is
 * `floor(u[j] * count)`. The uniforms u are given, so the same data and the same u choose the same rows. There are no
 * Lloyd iterations behind it.
 *
 * Source: D. Arthur, S. Vassilvitskii, k-means++: The Advantages of Careful Seeding, SODA 2007.
 */
import type { Random } from '../tensor/random.ts';

/** The chosen rows of `rows`, which is `[count, channels]`: as many as there are uniforms in [0, 1). */
export function seedRows(rows: Float64Array, count: number, channels: number, uniforms: ArrayLike<number>): number[] {
  const chosen = [Math.floor(uniforms[0]! * count)];
  const nearest = new Float64Array(count).fill(Infinity);
  for (let j = 1; j < uniforms.length; j++) {
    const last = chosen[j - 1]! * channels;
    let total = 0;
    for (let i = 0, at = 0; i < count; i++) {
      let distance = 0;
      for (let c = 0; c < channels; c++, at++) distance += (rows[at]! - rows[last + c]!) ** 2;
      if (distance < nearest[i]!) nearest[i] = distance;
      total += nearest[i]!;
    }
    if (total === 0) {
      chosen.push(Math.floor(uniforms[j]! * count));
      continue;
    }
    const threshold = uniforms[j]! * total;
    let row = 0;
    for (let reached = nearest[0]!; reached <= threshold && row < count - 1; reached += nearest[row]!) row++;
    chosen.push(row);
  }
  return chosen;
}

/** A uniform in [0, 1) of 24 bits, which float32 holds exactly. */
export function seedUniform(random: Random): number {
  return (random.bits() >>> 8) * 2 ** -24;
}
