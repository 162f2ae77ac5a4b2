/** The main module of a replica's thread: connects it to the others and runs what it was started for. */
import { parentPort, workerData } from 'node:worker_threads';
import { sharedCommunicator } from '../parallel/shared-communicator.ts';
import type { Replica, ReplicaData, ReplicaMessage } from './replicas.ts';

const { memory, rank, timeout, module, data } = workerData as ReplicaData;
const send = (message: ReplicaMessage): void => parentPort!.postMessage(message);
const communicator = sharedCommunicator(memory, { rank, ...(timeout !== undefined && { timeout }) });
const { replica } = (await import(module)) as { replica: Replica };
send({ result: await replica(communicator, data as never, (told) => send({ told })) });
