import { allGather } from './all-gather.ts';
import type { Communicator } from './communicator.ts';

/** Lengths of vectors: none, one, odd ones, and longer than a transport's packet is likely to be. */
const LENGTHS = [1, 0, 3, 64, 10_007, 2];

/** Addends of which every order of summation gives another sum. */
const ROUGH = [0.1, 1e16, -0.3, -1e16, 1 / 3, 1e-9, 3e15, 7.7];

/**
 * Whether a communicator keeps its contract. Every replica calls this, with its own one, at the same time; it returns
 * on all of them or throws on all of them an Error that says what is wrong (a communicator that loses a replica throws
 * its own error). What it cannot see is a hang: give the test a time limit.
 *
 * Checked are: ranks, sums of vectors of many lengths, that sums are written in place and nothing beside them, exact
 * sums with zeros, NaN and infinity, sums that are the same to the bit on all replicas and in each of several runs.
 * @example
 * ```ts
 * checkCommunicator(localCommunicator()); // undefined
 * ```
 */
export function checkCommunicator(communicator: Communicator): void {
  const { rank, size } = communicator;
  if (!(Number.isInteger(size) && size >= 1 && Number.isInteger(rank) && rank >= 0 && rank < size)) {
    throw new Error(`checkCommunicator: rank must be an integer in [0, size), got rank ${rank} and size ${size}`);
  }
  let problem = '';
  const expect = (holds: boolean, what: string): void => {
    if (!holds) problem ||= what;
  };
  expect(ranksSeen(communicator), 'every rank must be taken once');
  for (const length of LENGTHS) expect(sumsRight(communicator, length), `the sums of ${length} numbers must be those over all replicas`);
  expect(sparesNeighbours(communicator), 'sums must be written into the given vector, and nothing beside it');
  expect(exactWithZeros(communicator), 'a sum with zeros must be exact');
  expect(passesNonFinite(communicator), 'NaN and infinity must be passed on');
  expect(sameEverywhere(communicator), 'all replicas must get the same bits, in each run');
  expect(communicator.rank === rank && communicator.size === size, 'rank and size must stay');
  // one replica's problem is everybody's
  const problems = Float64Array.of(problem === '' ? 0 : 1);
  communicator.allReduce(problems);
  if (problem === '' && problems[0] === 0) return;
  throw new Error(
    `checkCommunicator: ${problem || 'the contract must hold on all replicas, and does not on another one'} ` +
      `(replica ${rank} of ${size})`,
  );
}

function ranksSeen(communicator: Communicator): boolean {
  const { rank, size } = communicator;
  const seen = new Float64Array(size);
  seen[rank] = 1;
  communicator.allReduce(seen);
  return seen.every((count) => count === 1);
}

/** Whole numbers, whose sums are exact in every order. */
function sumsRight(communicator: Communicator, length: number): boolean {
  const { rank, size } = communicator;
  const values = Float64Array.from({ length }, (_, i) => (rank + 1) * (i + 1));
  communicator.allReduce(values);
  const ranks = (size * (size + 1)) / 2;
  return values.every((value, i) => value === ranks * (i + 1));
}

function sparesNeighbours(communicator: Communicator): boolean {
  const around = Float64Array.of(-1, 2, 3, -4);
  communicator.allReduce(around.subarray(1, 3));
  const wanted = [-1, 2 * communicator.size, 3 * communicator.size, -4];
  return wanted.every((value, i) => around[i] === value);
}

function exactWithZeros(communicator: Communicator): boolean {
  const mine = (rank: number): Float64Array => Float64Array.of(rank + 0.1, 2 ** -1074, -1.7976931348623157e308, 1 / (rank + 3));
  const gathered = allGather(communicator, mine(communicator.rank));
  return gathered.every((values, rank) => sameBits(values, mine(rank)));
}

function passesNonFinite(communicator: Communicator): boolean {
  const { rank, size } = communicator;
  const last = rank === size - 1;
  const values = Float64Array.of(last ? NaN : 1, last ? Infinity : 1, last ? -Infinity : 1, 1);
  communicator.allReduce(values);
  return Number.isNaN(values[0]) && values[1] === Infinity && values[2] === -Infinity && values[3] === size;
}

function sameEverywhere(communicator: Communicator): boolean {
  const { rank } = communicator;
  const run = (): Float64Array => {
    const values = Float64Array.from({ length: 200 }, (_, i) => ROUGH[(i * (rank + 1) + 3 * rank) % ROUGH.length]! * (1 + i / 7));
    communicator.allReduce(values);
    return values;
  };
  const first = run();
  return [first, run(), run()].every((sums) => allGather(communicator, sums).every((theirs) => sameBits(theirs, first)));
}

function sameBits(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
