/** Must be loaded before uvu: keeps it from running suites by itself, and gives it a queue of ours. */
export type Queued = () => Promise<[failures: string | true, passed: number, skipped: number, all: number]>;

const globals = globalThis as { UVU_DEFER?: boolean; UVU_QUEUE?: Queued[][] };
globals.UVU_DEFER = true;
globals.UVU_QUEUE = [[]];

/** A new queue, which every `.run()` from now on adds to. */
export function newQueue(): Queued[] {
  const queue: Queued[] = [];
  globals.UVU_QUEUE![0] = queue;
  return queue;
}
