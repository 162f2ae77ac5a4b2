/**
 * Statistics of parts put together: count, mean and M2, the sum of squared deviations, of two parts give those of both,
 *
 *     n = n_a + n_b    d = mean_b - mean_a
 *     mean = mean_a + d n_b / n    M2 = M2_a + M2_b + d^2 n_a n_b / n
 *
 * without the cancellation of mean squares. M2 is held as the biased variance, M2 / n. Source: T. F. Chan, G. H. Golub,
 * R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
 */
import type { Moments } from './_moments.ts';

/** The statistics of each channel of some part of the data: `count` values a channel. */
export interface Part extends Moments {
  readonly count: number;
}

/** The statistics of all parts together, merged in their order; a part of count 0 adds nothing. */
export function mergeParts(parts: readonly Part[]): Part {
  let count = 0;
  let mean = new Float64Array(parts[0]!.mean.length);
  let variance = new Float64Array(mean.length);
  for (const part of parts) {
    if (part.count === 0) continue;
    if (count === 0) {
      mean = part.mean.slice();
      variance = part.variance.slice();
    } else {
      const before = count / (count + part.count);
      const added = part.count / (count + part.count);
      for (let c = 0; c < mean.length; c++) {
        const apart = part.mean[c]! - mean[c]!;
        mean[c]! += apart * added;
        variance[c] = variance[c]! * before + part.variance[c]! * added + apart * apart * before * added;
      }
    }
    count += part.count;
  }
  return { count, mean, variance };
}
