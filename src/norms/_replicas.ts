/** What a norm over replicas takes: one tensor for each, checked, and the counts of all replicas wherever they are. */
import type { Communicator } from '../parallel/communicator.ts';
import { ShapeError } from '../tensor/errors.ts';
import { showShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkLike, checkRank } from './_check.ts';

/** A parameter that all replicas share, or a list with the copy of each; null without. */
export type PerReplica = Tensor | readonly Tensor[] | null;

/** The replicas as a list: `[x]` for a single one. Throws unless they have one rank, number of channels and dtype. */
export function checkReplicas(caller: string, given: Tensor | readonly Tensor[]): readonly Tensor[] {
  const replicas = given instanceof Tensor ? [given] : given;
  const first = replicas[0];
  if (!first) throw new RangeError(`${caller}: there must be at least one replica, got an empty list`);
  replicas.forEach((x: unknown, r) => {
    if (!(x instanceof Tensor)) {
      throw new TypeError(`${caller}: replicas must all be tensors, got ${Array.isArray(x) ? 'a list' : typeof x} for replica ${r}`);
    }
    checkRank(caller, x, 2, 5, '[N, C, ...spatial]');
    if (x.shape.length !== first.shape.length || x.shape[1] !== first.shape[1]) {
      throw new ShapeError(
        `${caller}: replicas must have one rank and number of channels, got ${showShape(first.shape)} for replica 0 and ` +
          `${showShape(x.shape)} for replica ${r}`,
      );
    }
    if (x.dtype !== first.dtype) {
      throw new TypeError(
        `${caller}: replicas must have one dtype, got ${first.dtype} for replica 0 and ${x.dtype} for replica ${r}; use cast`,
      );
    }
  });
  return replicas;
}

/** The parameter as a list: empty without, of one for all replicas, or of one for each. */
export function checkPerReplica(caller: string, name: string, value: PerReplica, given: Tensor | readonly Tensor[]): readonly Tensor[] {
  if (value === null) return [];
  const first = given instanceof Tensor ? given : given[0]!;
  if (value instanceof Tensor) {
    checkLike(caller, name, value, [first.shape[1]!], first);
    return [value];
  }
  if (given instanceof Tensor) {
    throw new TypeError(`${caller}: ${name} must be one tensor for one replica, got a list; make x a list too`);
  }
  if (value.length !== given.length) {
    throw new RangeError(`${caller}: ${name} must be one for all replicas or a list of ${given.length}, got ${value.length}`);
  }
  for (const each of value) checkLike(caller, name, each, [first.shape[1]!], first);
  return value;
}

/** The parameter of one replica, out of a list by `checkPerReplica`. */
export function parameterOf(list: readonly Tensor[], replica: number): Tensor | null {
  return list[list.length === 1 ? 0 : replica] ?? null;
}

/**
 * Throws a ShapeError unless every replica has values and all together more than one a channel. `smallest` and `counts`
 * have the fewest and the sum of each rank: all ranks see the same, so that all of them throw and none waits.
 */
export function checkCounts(
  caller: string,
  replicas: readonly Tensor[],
  { rank, size }: Communicator,
  smallest: readonly number[],
  counts: readonly number[],
): void {
  const shapes = replicas.map((x) => showShape(x.shape)).join(', ');
  const where = size === 1 ? '' : ` on rank ${rank} of ${size}`;
  const empty = smallest.indexOf(0);
  if (empty >= 0) {
    const who = size === 1 ? '' : ` on rank ${empty}`;
    throw new ShapeError(`${caller}: every replica must have values, got an empty one${who} (shapes ${shapes}${where}); leave it out`);
  }
  if (counts.reduce((total, count) => total + count, 0) < 2) {
    throw new ShapeError(
      `${caller}: statistics of the batch need more than one value per channel over all replicas, got shapes ${shapes}` +
        `${where}; use a larger batch, or evaluate with running statistics`,
    );
  }
}
