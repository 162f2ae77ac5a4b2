/**
 * How replicas that run apart from each other, in threads, processes or on machines of their own, exchange numbers.
 * What synchronized norms and data-parallel training need is one operation: the sum of a vector over all replicas.
 */

/**
 * A replica's connection to the others. Anyone can write one for another transport; `checkCommunicator` tells whether
 * it keeps this contract:
 *
 * - `size` replicas have the ranks 0 to `size - 1`, each its own, and neither changes.
 * - `allReduce` replaces the elements of `values` by their sums over all replicas. It returns when they are there: it
 *   blocks, because forward and backward are synchronous.
 * - Every replica gets the same bits, whatever the order in which the transport adds. A sum with zeros is exact.
 * - NaN and infinity are passed on as arithmetic has it. The length may be anything, 0 too.
 * - All replicas make the same calls, with the same lengths, in the same order. Where one does not, or is gone, the
 *   others get an error, a `ReplicaError`, and none of them hangs.
 */
export interface Communicator {
  /** Which of the replicas this is, from 0. */
  readonly rank: number;
  /** How many replicas there are. */
  readonly size: number;
  /** Replaces `values` by their sums over all replicas. */
  allReduce(values: Float64Array): void;
}

/** A replica is gone, late, or does something else than this one. */
export class ReplicaError extends Error {
  override readonly name: string = 'ReplicaError';
}

/**
 * The communicator of a process that has all the replicas: there is nobody to exchange with. Replicas of one process
 * are a list, which a norm takes in one call: `syncBatchNorm([x0, x1])`.
 * @example
 * ```ts
 * const { rank, size } = localCommunicator();
 * [rank, size]; // [0, 1]
 * ```
 */
export function localCommunicator(): Communicator {
  return { rank: 0, size: 1, allReduce() {} };
}
