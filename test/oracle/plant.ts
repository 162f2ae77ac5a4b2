/** Implementations with a planted mistake: a copy of the source with a mutant's patch, which answers through the protocol. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { collect } from '../mutants/collect.ts';
import { planted } from '../mutants/hunt.ts';
import type { Mutant } from '../mutants/mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The mutants that plant a catalogued mistake. */
export async function plantedMistakes(): Promise<(Mutant & { readonly mistake: string })[]> {
  const topics = await collect();
  return topics.flatMap(({ mutants }) => mutants).filter((mutant): mutant is Mutant & { mistake: string } => mutant.mistake !== undefined);
}

/** A folder with the patched source; the caller removes it. */
export function plant(mutant: Mutant): string {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-planted-'));
  try {
    cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    const path = join(folder, mutant.file);
    writeFileSync(path, planted(readFileSync(path, 'utf8'), mutant));
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** A process that answers with a mutant. */
export class Planted {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #exit: Promise<void>;
  #errors = '';

  constructor({ name }: Mutant) {
    const script = fileURLToPath(new URL('./answer-mutant.ts', import.meta.url));
    this.#child = spawn(process.execPath, ['--import', 'tsx', script, '--mutant', name], { cwd: root });
    this.#child.stderr.on('data', (chunk: Buffer) => void (this.#errors += chunk.toString()));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    this.#exit = new Promise((resolve) => this.#child.on('close', () => resolve()));
  }

  /** What is answered to a case. Throws when the process ends before. */
  async ask(asked: object): Promise<{ readonly results?: unknown }> {
    const line = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#child.stdin.write(`${JSON.stringify(asked)}\n`);
    const found = await Promise.race([line, this.#exit.then(() => null)]);
    if (found === null) throw new Error(`the mutant does not run: ${this.#errors.trim().slice(0, 600)}`);
    return JSON.parse(found) as { results?: unknown };
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#exit;
  }
}
