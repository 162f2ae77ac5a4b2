/** Replicas in threads: real ones, started as the command line starts its own. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { checkCommunicator } from '../../src/parallel/check-communicator.ts';
import { leaveShared, sharedCommunicator, sharedMemory } from '../../src/parallel/shared-communicator.ts';
import type { Task } from '../support/replica-tasks.ts';
import { assertThrows } from '../support/assertions.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';

const test = suite('shared communicator');

let replicas: Replicas;
test.before(async () => {
  replicas = await startReplicas();
});
test.after(() => replicas.remove());

/** What becomes of replicas of which one fails: the error of all, and what the others were told. */
async function failing(task: Task['task'], { timeout = 60_000, grace = 60_000 } = {}): Promise<{ error: Error; told: string[] }> {
  const told: string[] = [];
  const hear = (message: unknown, rank: number): void => void (told[rank] = message as string);
  try {
    await replicas.run(3, { task }, { timeout, grace, hear });
  } catch (error) {
    return { error: error as Error, told };
  }
  throw new Error(`${task}: no replica failed`);
}

test('a single thread exchanges with itself, in pieces of the capacity', () => {
  for (const capacity of [1, 7, 4096]) checkCommunicator(sharedCommunicator(sharedMemory(1, { capacity }), { rank: 0 }));
});

test('two and three threads keep the contract', async () => {
  for (const size of [2, 3]) {
    assert.equal(await replicas.run(size, { task: 'check' }), Array(size).fill(undefined));
  }
});

test('thousands of exchanges of changing lengths, one after the other, get none mixed up', async () => {
  assert.equal(await replicas.run(3, { task: 'churn' }), [0, 0, 0]);
});

test('a replica that throws ends the others, which are told; the error is its own', async () => {
  const { error, told } = await failing('throws');
  assert.is(`${error.name}: ${error.message}`, 'RangeError: the data of replica 1 are bad');
  for (const rank of [0, 2]) assert.match(told[rank]!, /and replica 1 has failed \(replica . waited\); its own error says why/);
});

test('a replica whose thread dies ends the others, which are told', async () => {
  const { error, told } = await failing('dies');
  assert.is(error.message, 'replica 1 ended with exit code 3 before it was done');
  for (const rank of [0, 2]) assert.match(told[rank]!, /and replica 1 has failed/);
});

test('a replica that is done while others want to exchange ends them', async () => {
  const { error, told } = await failing('returns');
  assert.is(error.name, 'ReplicaError');
  for (const rank of [0, 2]) assert.match(told[rank]!, /and replica 1 has ended \(replica . waited\); let all replicas make the same calls/);
});

test('a replica that hangs is given up after the timeout, and its thread is ended', async () => {
  // which one is late is left open: under load a thread may take longer than this to begin
  const { error } = await failing('sleeps', { timeout: 300, grace: 0 });
  assert.match(`${error.name}: ${error.message}`, /ReplicaError: .* replica \d did not come within the timeout of 300 ms/);
});

test('what all replicas do wrong together is thrown by each of them', async () => {
  const messages = (await replicas.run(2, { task: 'mistakes' })) as string[][];
  for (const [empty, unequal, lengths, after] of messages as [string, string, string, string][]) {
    assert.match(empty, /ShapeError: syncBatchNorm: every replica must have values, got an empty one on rank 1/);
    assert.match(unequal, /ReplicaError: allReduceGradients: .* got that of parameter 0 from 1 of 2/);
    assert.match(lengths, /ReplicaError: sharedCommunicator: all replicas must bring vectors of one length, got [34] from replica [01] and [34]/);
    assert.match(after, /ReplicaError: sharedCommunicator: all replicas must take part/);
  }
});

test('who waits alone is told for whom', () => {
  const communicator = sharedCommunicator(sharedMemory(2), { rank: 0, timeout: 20 });
  const waiting = /replica 1 did not come within the timeout of 20 ms \(replica 0 waited\)/;
  assertThrows(() => communicator.allReduce(new Float64Array(3)), 'ReplicaError', waiting);
  assertThrows(() => communicator.allReduce(new Float64Array(3)), 'ReplicaError', waiting);
});

test('nobody waits for a replica that has left before', () => {
  for (const [done, message] of [[true, /replica 1 has ended/], [false, /replica 1 has failed/]] as const) {
    const memory = sharedMemory(2);
    leaveShared(memory, 1, { done });
    const communicator = sharedCommunicator(memory, { rank: 0, timeout: Infinity });
    assertThrows(() => communicator.allReduce(new Float64Array(0)), 'ReplicaError', message);
  }
});

test('the first to leave is the one that is named', () => {
  const memory = sharedMemory(3);
  leaveShared(memory, 2);
  leaveShared(memory, 1, { done: true });
  assertThrows(() => sharedCommunicator(memory, { rank: 0 }).allReduce(new Float64Array(1)), 'ReplicaError', /replica 2 has failed/);
});

test('bad sizes, ranks and timeouts are refused', () => {
  for (const size of [0, 1.5, NaN, -1]) assertThrows(() => sharedMemory(size), 'RangeError', /size must be a positive integer/);
  assertThrows(() => sharedMemory(2, { capacity: 0 }), 'RangeError', /capacity must be a positive integer, got 0/);
  const memory = sharedMemory(2);
  for (const rank of [-1, 2, 0.5, NaN]) {
    assertThrows(() => sharedCommunicator(memory, { rank }), 'RangeError', /rank must be an integer in \[0, 2\)/);
    assertThrows(() => leaveShared(memory, rank), 'RangeError', /leaveShared: rank must be an integer in \[0, 2\)/);
  }
  for (const timeout of [0, -1, NaN]) {
    assertThrows(() => sharedCommunicator(memory, { rank: 0, timeout }), 'RangeError', /timeout must be above 0/);
  }
});

test.run();
