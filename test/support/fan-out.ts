/** Runs test files in child processes: each child takes the next file when it has finished one. */
import { type ChildProcess, fork } from 'node:child_process';
import type { FileResult } from './run-file.ts';

/** How to run. */
export interface FanOut {
  /** Number of children. */
  readonly jobs: number;
  /** Longest time for one file. */
  readonly timeout: number;
  /** Arguments of the children. */
  readonly args: readonly string[];
  /** Called as soon as a file is done. */
  readonly report: (result: FileResult) => void;
}

/**
 * Forks `script`, sends it one path at a time and takes the results. A child that ends, or that takes too long,
 * fails the file it was at, and is replaced.
 */
export async function fanOut(script: string, files: readonly string[], { jobs, timeout, args, report }: FanOut): Promise<void> {
  const waiting = files.slice();
  const worker = async (): Promise<void> => {
    let child: ChildProcess | null = null;
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      child ??= fork(script, [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const { result, alive } = await runIn(child, file, timeout);
      report(result);
      if (!alive) child = null;
    }
    child?.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, worker));
}

function runIn(child: ChildProcess, file: string, timeout: number): Promise<{ result: FileResult; alive: boolean }> {
  return new Promise((resolve) => {
    const start = Date.now();
    const settle = (result: FileResult, alive: boolean): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      resolve({ result, alive });
    };
    const lost = (why: string): void =>
      settle({ file, passed: 0, failed: 1, milliseconds: Date.now() - start, output: `\n${why}\n` }, false);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      lost(`stopped after ${timeout / 1000} s`);
    }, timeout);
    child.on('message', (result) => settle(result as FileResult, true));
    child.on('error', (error) => lost(`the child process failed: ${error.message}`));
    child.on('exit', (code, signal) =>
      lost(`the process ended (${signal ?? `exit code ${code}`}) before the tests were finished: a promise that never settles, an unhandled rejection, or a call of process.exit`),
    );
    child.send(file);
  });
}
