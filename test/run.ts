/**
 * Runs the tests: `npm test [-- filter… options]`. A filter is a part of a path under test/; each must match a file.
 *
 *   --long         20 times as many cases for each property, from a fresh seed
 *   --title TEXT   only tests whose title contains the text
 *   --jobs N       child processes, default one for each core (at most 4); 1 runs everything in this process
 *   --bail         stop at the first failing test; runs in this process
 *   --timeout S    seconds a file may take, default 300
 *   --root DIR     take the test files from here, default test/
 *
 * Environment: SEED and PATH_ replay a failing property, RUNS sets the cases for each property.
 *
 * The last line is `N passed, N failed`; the exit code is 0 only when nothing failed and something passed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fanOut } from './support/fan-out.ts';
import { type FileResult, runFile } from './support/run-file.ts';
import { seed } from './support/seed.ts';

const script = fileURLToPath(import.meta.url);
const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    title: { type: 'string' },
    jobs: { type: 'string' },
    bail: { type: 'boolean', default: false },
    timeout: { type: 'string' },
    root: { type: 'string', default: fileURLToPath(new URL('.', import.meta.url)) },
    worker: { type: 'boolean', default: false },
  },
});

if (options.worker) work();
else await main();

/** A child: runs the files it is sent. The channel does not keep it alive while a test runs, so that a hung test ends it. */
function work(): void {
  process.on('message', async (file: string) => {
    process.channel?.unref();
    const result = await runFile(file, { title: options.title });
    process.channel?.ref();
    process.send!(result);
  });
}

async function main(): Promise<void> {
  let passed = 0;
  let failed = 0;
  let running = '';
  // bound now: while a file runs, its output is kept back
  const write = process.stdout.write.bind(process.stdout);
  const say = (text: string): void => void write(`${text}\n`);
  const finish = (): never => {
    running = '';
    say(`${passed} passed, ${failed} failed`);
    process.exit(failed === 0 && passed > 0 ? 0 : 1);
  };
  const report = (result: FileResult): void => {
    passed += result.passed;
    failed += result.failed;
    const tests = `${result.passed + result.failed}`.padStart(4);
    const mark = result.failed > 0 ? `✘${`${result.failed} of ${tests.trim()} failed`.padStart(16)}` : `${tests} passed`;
    say(`${mark} ${`${result.milliseconds}`.padStart(6)} ms  ${relative(process.cwd(), result.file)}${result.output}`);
  };
  process.on('exit', () => {
    if (!running) return;
    say(`the process ended before ${running} was finished: a promise that never settles, or a call of process.exit`);
    say(`${passed} passed, ${failed + 1} failed`);
    process.exitCode = 1;
  });

  if (options.long) {
    process.env.LONG = '1';
    process.env.SEED ??= String(Date.now() % 2 ** 31);
  }
  say(`seed ${seed()}${options.long ? ' (fresh)' : ''}${process.env.PATH_ ? `, path ${process.env.PATH_}` : ''}`);

  const { files, unmatched } = collect(resolve(options.root), filters);
  for (const filter of unmatched) {
    say(`✘ no test file matches "${filter}"`);
    failed++;
  }
  const cores = typeof availableParallelism === 'function' ? availableParallelism() : cpus().length;
  const jobs = options.bail ? 1 : options.jobs ? Number(options.jobs) : Math.min(4, cores);
  const timeout = 1000 * (options.timeout ? Number(options.timeout) : options.long ? 2400 : 300);
  if (!(Number.isInteger(jobs) && jobs > 0) || !(timeout > 0)) {
    say('✘ --jobs takes a positive integer and --timeout a positive number');
    failed++;
    finish();
  }
  if (jobs > 1 && files.length > 1) {
    const args = ['--worker', ...(options.title === undefined ? [] : ['--title', options.title])];
    await fanOut(script, files, { jobs, timeout, args, report });
    finish();
  }
  const bail = ({ suite, title }: { suite: string; title: string }, error: Error): never => {
    failed++;
    say(`✘ ${running}: ${suite ? `${suite}: ` : ''}${title}\n${error.message}`);
    return finish();
  };
  for (const file of files) {
    running = relative(process.cwd(), file);
    const result = await runFile(file, { title: options.title, onFailure: options.bail ? bail : undefined });
    report(result);
    if (options.bail && result.failed > 0) break;
  }
  finish();
}

/** The test files that match a filter, those that start processes or run over the catalogue and then the largest first, and the filters that match none. */
function collect(root: string, wanted: readonly string[]): { files: string[]; unmatched: string[] } {
  const found = (readdirSync(root, { recursive: true }) as string[])
    .map((path) => join(root, path))
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .sort();
  const matches = (path: string, filter: string): boolean => relative(process.cwd(), path).replaceAll('\\', '/').includes(filter);
  const files = wanted.length === 0 ? found : found.filter((path) => wanted.some((filter) => matches(path, filter)));
  const weight = new Map(files.map((path) => [path, weightOf(readFileSync(path, 'utf8'))]));
  return {
    files: files.sort((a, b) => weight.get(b)! - weight.get(a)!),
    unmatched: wanted.filter((filter) => !found.some((path) => matches(path, filter))),
  };
}

/** A guess at how long a file takes: the long ones go first, so that no child waits for another at the end. */
function weightOf(source: string): number {
  return source.length + (/child_process|\/hunt\.ts|\/listed\.ts/.test(source) ? 1e6 : 0);
}
