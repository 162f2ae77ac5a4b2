/** Replicas in real threads, running test/support/replica-tasks.ts as the command line runs its own. */
import type { ReplicaOptions, runReplicas } from '../../src/cli/replicas.ts';
import { compile } from './compiled.ts';
import type { Task } from './replica-tasks.ts';

const tasks = 'test/support/replica-tasks.ts';

export interface Replicas {
  readonly run: (size: number, task: Task, options?: Partial<ReplicaOptions>) => Promise<unknown[]>;
  readonly remove: () => void;
}

/** Compiles what the threads run. */
export async function startReplicas(): Promise<Replicas> {
  const { url, remove } = compile([tasks, 'test/support/message.ts']);
  const compiled = (await import(url('src/cli/replicas.ts').href)) as { runReplicas: typeof runReplicas };
  return {
    run: (size, data, options = {}) => compiled.runReplicas({ module: url(tasks), size, data, ...options }),
    remove,
  };
}
