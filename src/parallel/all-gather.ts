import type { Communicator } from './communicator.ts';

/**
 * The vectors of all replicas in the order of their ranks; all must have the length of `values`.
 *
 * Made of one all-reduce in which each replica has a place of its own and zeros elsewhere. A sum with zeros is exact, so
 * the result does not depend on the order in which the transport adds: what is then computed from the vectors, in the
 * order of ranks, has the same bits in every run and on every replica. (A negative zero arrives as zero.)
 */
export function allGather(communicator: Communicator, values: Float64Array): Float64Array[] {
  const { rank, size } = communicator;
  const { length } = values;
  const all = new Float64Array(size * length);
  for (let i = 0; i < length; i++) all[rank * length + i]! += values[i]!;
  communicator.allReduce(all);
  return Array.from({ length: size }, (_, r) => all.subarray(r * length, (r + 1) * length));
}
