/** Replicas in worker threads: starting them, hearing from them, and seeing to it that none waits for one that is gone. */
import { Worker } from 'node:worker_threads';
import type { Communicator } from '../parallel/communicator.ts';
import { leaveShared, sharedMemory } from '../parallel/shared-communicator.ts';

/** What a module of replicas exports under the name `replica`: it runs in each thread, and its result must be clonable. */
export type Replica = (communicator: Communicator, data: never, tell: (message: unknown) => void) => unknown;

/** What to run. */
export interface ReplicaOptions {
  /** The module whose export `replica` is called in each thread. */
  readonly module: URL;
  readonly size: number;
  /** The same for all; cloned, but for shared memory. */
  readonly data?: unknown;
  /** Milliseconds that a replica waits for the others. Default: that of `sharedCommunicator`. */
  readonly timeout?: number;
  /** Milliseconds that the others have to end by themselves when one has failed. Default 5000. */
  readonly grace?: number;
  /** Called with what replicas tell. */
  readonly hear?: (message: unknown, rank: number) => void;
}

/** What a replica's thread is started with. */
export interface ReplicaData {
  readonly memory: SharedArrayBuffer;
  readonly rank: number;
  readonly timeout: number | undefined;
  readonly module: string;
  readonly data: unknown;
}

/** What a replica's thread sends. */
export type ReplicaMessage = { readonly told: unknown } | { readonly result: unknown };

/**
 * Runs the module in `size` threads that are connected by shared memory, and gives their results in the order of ranks.
 * When one fails, all end; the error is then its own, not that of those who waited for it.
 */
export async function runReplicas({ module, size, data, timeout, grace = 5000, hear }: ReplicaOptions): Promise<unknown[]> {
  const memory = sharedMemory(size);
  const workers = Array.from({ length: size }, (_, rank) =>
    startWorker({ memory, rank, timeout, module: module.href, data } satisfies ReplicaData),
  );
  const errors: Error[] = [];
  let stopping: NodeJS.Timeout | undefined;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    for (const worker of workers) void worker.terminate();
  };
  const results = await Promise.all(
    workers.map((worker, rank) =>
      resultOf(worker, rank, memory, hear).catch((error: Error) => {
        if (!stopped) errors.push(error);
        stopping ??= setTimeout(stop, grace);
      }),
    ),
  );
  clearTimeout(stopping);
  if (errors.length > 0) throw errors.find((error) => error.name !== 'ReplicaError') ?? errors[0]!;
  return results;
}

/** What a thread returns, once it has ended. Rejects with the error that ended it. */
function resultOf(worker: Worker, rank: number, memory: SharedArrayBuffer, hear: ReplicaOptions['hear']): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let result: { readonly value: unknown } | null = null;
    let failure: Error | null = null;
    worker.on('message', (message: ReplicaMessage) => {
      if ('result' in message) result = { value: message.result };
      else hear?.(message.told, rank);
    });
    worker.on('error', (error: Error) => {
      failure = error;
      leaveShared(memory, rank);
    });
    worker.on('exit', (code) => {
      leaveShared(memory, rank, { done: result !== null });
      if (failure) reject(failure);
      else if (result) resolve(result.value);
      else reject(new Error(`replica ${rank} ended with exit code ${code} before it was done`));
    });
  });
}

/**
 * A thread that runs replica.ts beside this file. Compiled code runs as it is; TypeScript (when the command runs from its
 * sources) needs its loader in every thread anew.
 */
function startWorker(workerData: ReplicaData): Worker {
  // without the flags of this process, whose loaders would be started for nothing
  const options = { workerData, execArgv: [] };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./replica.js', import.meta.url), options);
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const entry = JSON.stringify(new URL('./replica.ts', import.meta.url).href);
  const code = `import(${loader}).then(({ register }) => { register(); return import(${entry}); });`;
  return new Worker(code, { ...options, eval: true });
}
