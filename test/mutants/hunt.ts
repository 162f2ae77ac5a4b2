/**
 * Plants mutants and sees whether the tests kill them. The working tree is never touched: each child process has a
 * copy of the project, with node_modules linked, in which one file at a time is patched and put back.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Mutant } from './mutant.ts';

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly outcome: 'killed' | 'survived' | 'error';
  /** The test that noticed, or what is wrong with the mutant. */
  readonly by: string;
  readonly milliseconds: number;
}

/** How to hunt. */
export interface Hunt {
  /** The project. */
  readonly root: string;
  /** Mutants at a time. */
  readonly jobs: number;
  /** Milliseconds after which a run of the tests counts as hung. */
  readonly timeout: number;
  /** Cases for each property. */
  readonly runs: number;
  readonly report?: (verdict: Verdict) => void;
}

/** Directories of the project that no test needs. */
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', 'runs', 'peers']);

/** Judges all mutants, several at a time; the verdicts come in the order of the mutants. */
export async function hunt(mutants: readonly Mutant[], options: Hunt): Promise<Verdict[]> {
  const folders = Array.from({ length: Math.min(options.jobs, mutants.length) }, () => copyOf(options.root));
  const baselines = new Map<string, Promise<string | null>>();
  const verdicts: Verdict[] = [];
  let next = 0;
  const work = async (folder: string): Promise<void> => {
    while (next < mutants.length) {
      const index = next++;
      const verdict = await judge(mutants[index]!, folder, options, baselines);
      verdicts[index] = verdict;
      options.report?.(verdict);
    }
  };
  try {
    await Promise.all(folders.map(work));
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
  return verdicts;
}

/** The text of a file with a mutant planted. Throws when a text to replace is not there exactly once. */
export function planted(source: string, { find, replace, also = [] }: Pick<Mutant, 'find' | 'replace' | 'also'>): string {
  return [{ find, replace }, ...also].reduce(patched, source);
}

function patched(source: string, { find, replace }: Pick<Mutant, 'find' | 'replace'>): string {
  const first = find === '' ? -1 : source.indexOf(find);
  if (first < 0) throw new Error('the patch does not apply: its text is not in the file');
  if (source.indexOf(find, first + 1) >= 0) throw new Error('the patch does not apply: its text is in the file more than once');
  if (find === replace) throw new Error('the patch changes nothing');
  return source.slice(0, first) + replace + source.slice(first + find.length);
}

async function judge(mutant: Mutant, folder: string, options: Hunt, baselines: Map<string, Promise<string | null>>): Promise<Verdict> {
  const start = Date.now();
  const verdict = (outcome: Verdict['outcome'], by: string): Verdict => ({ mutant, outcome, by, milliseconds: Date.now() - start });
  const path = join(folder, mutant.file);
  if (!existsSync(path)) return verdict('error', `${mutant.file} does not exist`);
  if (mutant.tests.length === 0) return verdict('error', 'it names no tests');
  const source = readFileSync(path, 'utf8');
  let patched: string;
  try {
    patched = planted(source, mutant);
  } catch (error) {
    return verdict('error', (error as Error).message);
  }
  const key = `${mutant.norm} ${mutant.tests.join(' ')}`;
  let baseline = baselines.get(key);
  if (!baseline) baselines.set(key, (baseline = runTests(folder, mutant, options).then(({ failure }) => failure)));
  const broken = await baseline;
  if (broken !== null) return verdict('error', `the tests fail without the mutant: ${broken}`);
  writeFileSync(path, patched);
  try {
    const begin = Date.now();
    const { failure, loads } = await runTests(folder, mutant, options);
    const milliseconds = Date.now() - begin;
    if (failure === null) return { ...verdict('survived', ''), milliseconds };
    return { ...verdict(loads ? 'killed' : 'error', loads ? failure : `the mutant does not load: ${failure}`), milliseconds };
  } finally {
    writeFileSync(path, source);
  }
}

/** Runs the tests until the first one fails, and says which: null when all pass. */
function runTests(folder: string, { tests, norm }: Mutant, { timeout, runs }: Hunt): Promise<{ failure: string | null; loads: boolean }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/run.ts', '--bail', ...tests], {
      cwd: folder,
      env: { ...process.env, RUNS: String(runs), NO_SHRINK: '1', ...(norm !== undefined && { NORM: norm }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let late = false;
    child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeout);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (late) resolve({ failure: `timeout of ${timeout / 1000} s`, loads: true });
      else if (code === 0) resolve({ failure: null, loads: true });
      else resolve({ failure: firstFailure(output), loads: !output.includes('could not be loaded') });
    });
  });
}

function firstFailure(output: string): string {
  const lines = output.split('\n');
  const noticed = lines.find((line) => line.startsWith('✘') && !/ ms {2}/.test(line));
  const detail = lines.find((line) => /could not be loaded|did not run|hook of suite|the process ended|Error/.test(line));
  return (noticed?.slice(2) ?? detail ?? output.trim().slice(-200)).trim();
}

/** A copy of the project, with node_modules linked. */
export function copyOf(root: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-mutant-'));
  cpSync(root, folder, { recursive: true, filter: (path) => path === root || !LEFT_OUT.has(basename(path)) });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
