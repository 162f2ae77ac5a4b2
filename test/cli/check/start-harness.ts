/** Starts harnesses that were made for tests, and describes what comes of them. */
import { fileURLToPath } from 'node:url';
import { Harness, HarnessError } from '../../../src/cli/check/harness.ts';
import type { Limits } from '../../../src/cli/check/limits.ts';

/** For what is expected to come: much longer than it takes on a busy machine. */
export const patience = 60_000;

/** The command of a script in `harnesses`. */
export function script(name: string, ...args: string[]): string[] {
  return [process.execPath, fileURLToPath(new URL(`./harnesses/${name}.js`, import.meta.url)), ...args];
}

export function started(command: readonly string[], limits: Partial<Limits> = {}, startTimeout = patience): Promise<Harness> {
  return Harness.start({ command, startTimeout, caseTimeout: patience, limits });
}

/** The HarnessError that a promise ends with; anything else fails. */
export async function failure(promise: Promise<unknown>): Promise<HarnessError> {
  const outcome = await promise.then(
    (value) => new Error(`expected a HarnessError, got ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof HarnessError) return outcome;
  throw outcome;
}

/** Waits until a process has ended. */
export async function ended(pid: number): Promise<void> {
  for (const begin = Date.now(); isAlive(pid); ) {
    if (Date.now() - begin > patience) throw new Error(`process ${pid} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
