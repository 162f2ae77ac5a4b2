/** Runs `normgrad check` and `normgrad replay` in this process, against harnesses that were made for tests. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../../../src/cli/check.ts';
import { replay } from '../../../src/cli/replay.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { bundle } from '../../support/project.ts';

export interface Ended {
  readonly code: number;
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
  readonly diagnosis: string[];
  readonly case: { readonly calls: readonly { readonly inputs: { readonly x: { readonly data: unknown[] } } }[] };
}

/** A harness and a folder for files; `remove` when all is done. */
export class Workbench {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'normgrad-check-'));
  /** In one file, which starts in a fraction of the time that many take. */
  readonly script: string = this.file('answering.mjs', bundle(`import './test/cli/check/answering.ts';`, { minify: false, ignoreAnnotations: true }));

  /** The command of a harness that answers as `kind` says. */
  harness(kind: string, ...more: string[]): string[] {
    return ['--', process.execPath, this.script, kind, ...more];
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

  /** Runs a subcommand as main does; `onOutput` sees what was printed so far. */
  async run([name, ...args]: readonly string[], { onOutput = (_text: string): void => {}, isTTY = false, columns = 120 } = {}): Promise<Ended> {
    let [out, err] = ['', ''];
    const stdout = {
      isTTY,
      columns,
      write(text: string): void {
        out += text;
        onOutput(out);
      },
    };
    const streams = { stdout, stderr: { write: (text: string) => void (err += text) } };
    try {
      const code = await (name === 'check' ? check : replay)(args, streams);
      return { code, stdout: out, stderr: err };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { code: 2, stdout: out, stderr: error.message };
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
