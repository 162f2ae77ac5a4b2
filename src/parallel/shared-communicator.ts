/**
 * Replicas in the threads of one process, which exchange numbers through shared memory.
 *
 * Whoever starts the threads makes the memory and hands it to each of them with a rank; in Node that is a worker's
 * `workerData`. A replica writes its numbers into its own place, meets the others at a barrier, and adds up the places
 * of all in the order of ranks: so every replica gets the same bits. There are two sets of places, used in turn: one
 * barrier for an exchange is then enough, since whoever is at the next but one has seen everybody leave this one.
 *
 * The barrier counts completed rounds in steps of two; bit 0 says that a replica is gone. One word holds both, so that
 * a thread that sleeps on it misses neither, and a round that was completed counts for all who were in it, even when
 * one of them ends right after.
 *
 * SharedArrayBuffer and Atomics are only touched by these functions: an engine without them can load the file. In
 * browsers the main thread may not block; there, let all replicas be workers.
 */
import { type Communicator, ReplicaError } from './communicator.ts';

/** Options of `sharedMemory`. */
export interface SharedMemoryOptions {
  /** Numbers of each replica that are exchanged at a time; longer vectors go in pieces. Default 4096. */
  capacity?: number;
}

/** Options of `sharedCommunicator`. */
export interface SharedCommunicatorOptions {
  /** Which of the replicas this thread is, from 0. */
  rank: number;
  /** Milliseconds to wait for the others before giving up; Infinity waits for ever. Default 60,000. */
  timeout?: number;
}

/** Words of the header. Behind them, for each replica: the round it is at, and the lengths of its two last vectors. */
const SIZE = 0;
const CAPACITY = 1;
const ROUNDS = 2;
const ARRIVED = 3;
const LOST = 4;
const REPLICAS = 5;

/** The word LOST: nobody, or three times the rank, and the reason. */
const LATE = 1;
const GONE = 2;
const DONE = 3;

/**
 * Memory for the exchange between `size` replicas. Throws a RangeError unless size and capacity are positive integers,
 * and an Error in an engine without shared memory.
 */
export function sharedMemory(size: number, { capacity = 4096 }: SharedMemoryOptions = {}): SharedArrayBuffer {
  for (const [name, value] of Object.entries({ size, capacity })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new RangeError(`sharedMemory: ${name} must be a positive integer, got ${value}`);
    }
  }
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new Error('sharedMemory: the engine must have SharedArrayBuffer, got none; in a browser, isolate the page');
  }
  const memory = new SharedArrayBuffer(headerBytes(size) + 2 * size * capacity * 8);
  const header = new Int32Array(memory, 0, REPLICAS + 3 * size);
  header[SIZE] = size;
  header[CAPACITY] = capacity;
  return memory;
}

/**
 * The connection of one thread. Each rank may be taken once.
 *
 * `allReduce` throws a ReplicaError when another replica has ended (`leaveShared`), does not come within the timeout,
 * or brings a vector of another length; the memory can then not be used any more.
 * @example
 * ```ts
 * const communicator = sharedCommunicator(sharedMemory(1), { rank: 0 });
 * const values = Float64Array.of(1, 2);
 * communicator.allReduce(values);
 * values; // [1, 2]
 * ```
 */
export function sharedCommunicator(memory: SharedArrayBuffer, { rank, timeout = 60_000 }: SharedCommunicatorOptions): Communicator {
  const size = new Int32Array(memory, 0, 1)[0]!;
  checkRank('sharedCommunicator', rank, size);
  if (!(typeof timeout === 'number' && timeout > 0)) {
    throw new RangeError(`sharedCommunicator: timeout must be above 0, in milliseconds, got ${timeout}`);
  }
  const header = new Int32Array(memory, 0, REPLICAS + 3 * size);
  const capacity = header[CAPACITY]!;
  const places = new Float64Array(memory, headerBytes(size));
  let round = 0;
  const exchange = (values: Float64Array, start: number): void => {
    const piece = values.subarray(start, start + capacity);
    const half = ++round & 1;
    const first = half * size * capacity;
    places.set(piece, first + rank * capacity);
    Atomics.store(header, REPLICAS + 3 * rank + 1 + half, values.length);
    meet(header, rank, round, timeout);
    for (let other = 0; other < size; other++) {
      const length = Atomics.load(header, REPLICAS + 3 * other + 1 + half);
      if (length !== values.length) leaveOdd(header, rank, other, values.length, length);
    }
    for (let i = 0; i < piece.length; i++) {
      let sum = places[first + i]!;
      for (let other = 1; other < size; other++) sum += places[first + other * capacity + i]!;
      piece[i] = sum;
    }
  };
  return {
    rank,
    size,
    allReduce(values) {
      // a vector of length 0 meets the others too
      for (let start = 0; start === 0 || start < values.length; start += capacity) exchange(values, start);
    },
  };
}

/**
 * Tells the others that a replica takes part no more, so that nobody waits for it: called by itself at its end, or, when
 * it has died, by whoever sees that. `done` says that it ended well. Exchanges that were completed before stay so.
 */
export function leaveShared(memory: SharedArrayBuffer, rank: number, { done = false }: { done?: boolean } = {}): void {
  const size = new Int32Array(memory, 0, 1)[0]!;
  checkRank('leaveShared', rank, size);
  lose(new Int32Array(memory, 0, REPLICAS + 3 * size), rank, done ? DONE : GONE);
}

/** Waits until all replicas are at this round. */
function meet(header: Int32Array, rank: number, round: number, timeout: number): void {
  const before = Atomics.load(header, ROUNDS);
  if (before & 1) refuse(header, rank, timeout);
  const size = header[SIZE]!;
  Atomics.store(header, REPLICAS + 3 * rank, round);
  if (Atomics.add(header, ARRIVED, 1) === size - 1) {
    Atomics.store(header, ARRIVED, 0);
    Atomics.add(header, ROUNDS, 2);
    Atomics.notify(header, ROUNDS);
    return;
  }
  for (let now = before; now >> 1 === before >> 1; now = Atomics.load(header, ROUNDS)) {
    if (now & 1) refuse(header, rank, timeout);
    const woken = Atomics.wait(header, ROUNDS, now, timeout);
    if (woken !== 'timed-out' || Atomics.load(header, ROUNDS) !== now) continue;
    let late = 0;
    while (late < size && Atomics.load(header, REPLICAS + 3 * late) === round) late++;
    // nobody: the last one has just come and is about to complete the round
    if (late === size) continue;
    lose(header, late, LATE);
    refuse(header, rank, timeout);
  }
}

/** Notes who is lost, unless somebody is already, and wakes everybody. */
function lose(header: Int32Array, rank: number, reason: number): void {
  Atomics.compareExchange(header, LOST, 0, 3 * rank + reason);
  Atomics.or(header, ROUNDS, 1);
  Atomics.notify(header, ROUNDS);
}

function refuse(header: Int32Array, rank: number, timeout: number): never {
  const lost = Atomics.load(header, LOST);
  const other = Math.floor((lost - 1) / 3);
  const reason = lost - 3 * other;
  const [what, fix] =
    reason === LATE
      ? [`did not come within the timeout of ${timeout} ms`, 'see what keeps it, or raise the timeout']
      : reason === DONE
        ? ['has ended', 'let all replicas make the same calls']
        : ['has failed', 'its own error says why'];
  throw new ReplicaError(
    `sharedCommunicator: all replicas must take part in an exchange, and replica ${other} ${what} (replica ${rank} waited); ${fix}`,
  );
}

/** All replicas see the same lengths, so that all of them throw. */
function leaveOdd(header: Int32Array, rank: number, other: number, mine: number, theirs: number): never {
  lose(header, other, GONE);
  throw new ReplicaError(
    `sharedCommunicator: all replicas must bring vectors of one length, got ${mine} from replica ${rank} and ${theirs} ` +
      `from replica ${other}; let all replicas make the same calls`,
  );
}

function checkRank(caller: string, rank: number, size: number): void {
  if (!(Number.isInteger(rank) && rank >= 0 && rank < size)) {
    throw new RangeError(`${caller}: rank must be an integer in [0, ${size}), got ${rank}`);
  }
}

/** Bytes of the header, a multiple of eight. */
function headerBytes(size: number): number {
  return 8 * Math.ceil((REPLICAS + 3 * size) / 2);
}
