/** Runs `normgrad check` and `normgrad replay` as processes, against harnesses that were made for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Compiled, compile } from '../../support/compiled.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A record of a report, of whatever kind. */
export interface Record {
  readonly record: 'start' | 'failure' | 'norm' | 'end';
  readonly norm: string;
  readonly dtype: string;
  readonly index: number;
  readonly repeated: boolean;
  readonly kinds: string[] | { [kind: string]: number };
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly lost: number;
  readonly flaky: number;
  readonly expected: number;
  readonly exit: number;
  readonly untested: string[];
  readonly case: { readonly calls: readonly { readonly inputs: { readonly x: { readonly data: unknown[] } } }[] };
}

/** The compiled command, a harness beside it, and a folder for files; `remove` when all is done. */
export class Workbench {
  readonly compiled: Compiled = compile(['test/cli/check/answering.ts']);
  readonly folder: string = mkdtempSync(join(tmpdir(), 'normgrad-check-'));

  /** The command of a harness that answers as `kind` says. */
  harness(kind: string, ...more: string[]): string[] {
    return ['--', process.execPath, this.compiled.path('test/cli/check/answering.ts'), kind, ...more];
  }

  /** A file in the folder. */
  file(name: string, text?: string): string {
    const path = join(this.folder, name);
    if (text !== undefined) writeFileSync(path, text);
    return path;
  }

  records(path: string): Record[] {
    return readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record);
  }

  run(args: readonly string[], { input = '', onOutput }: { input?: string; onOutput?: (stdout: string, child: ChildProcess) => void } = {}): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [this.compiled.path('src/cli/main.ts'), ...args]);
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        onOutput?.(stdout, child);
      });
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
      child.stdin.end(input);
    });
  }

  remove(): void {
    this.compiled.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
