/** Runs one test file in this process and says how it went. */
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newQueue, type Queued } from './defer-uvu.ts';
import { current } from './current.ts';
import { observe, type Observing } from './observed-uvu.ts';

/** The result of a file. */
export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly milliseconds: number;
  /** What the file printed and why tests failed; empty when all is well. */
  readonly output: string;
}

const watch = new URL('./observed-uvu.ts', import.meta.url).href;
let redirected = false;

export async function runFile(file: string, observing: Observing = {}): Promise<FileResult> {
  redirectUvu();
  const start = process.hrtime.bigint();
  const seen = observe(observing);
  const queue = newQueue();
  current.file = relative(process.cwd(), file);
  const reasons: string[] = [];
  const printed = capture();
  let suspicious = 0;
  try {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    if (lines[lines.length - 1]!.includes('.run()')) {
      await import(pathToFileURL(file).href);
      for (const run of queue) suspicious += await runSuite(run, reasons);
      if (seen.entries.length === 0 && observing.title === undefined) reasons.push('the file registers no test');
    } else reasons.push("the last line of a test file must be its suite's .run(): uvu runs nothing without it");
  } catch (thrown) {
    reasons.push(`the file could not be loaded: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  } finally {
    printed.stop();
    current.file = current.suite = current.title = '';
  }
  for (const { state, suite, title } of seen.entries) {
    if (state === 'waiting') reasons.push(`did not run: ${suite} "${title}"`);
  }
  reasons.push(...seen.problems);
  const unsuccessful = seen.entries.filter((entry) => entry.state !== 'passed').length;
  return {
    file,
    passed: seen.entries.length - unsuccessful,
    failed: Math.max(unsuccessful, suspicious, reasons.length > 0 ? 1 : 0),
    milliseconds: Math.round(Number(process.hrtime.bigint() - start) / 1e6),
    output: reasons.length > 0 ? `\n${printed.text()}\n${reasons.join('\n')}\n` : '',
  };
}

/** Runs a queued suite, notes what uvu says of its failures, and returns how many tests uvu did not see pass. */
async function runSuite(run: Queued, reasons: string[]): Promise<number> {
  try {
    const [failures, passed, , all] = await run();
    if (failures !== true) reasons.push(failures);
    return all - passed;
  } catch {
    // an after hook threw; its wrapper has noted the error
    return 1;
  }
}

/** Lets `import … from 'uvu'` in test files mean the watched one. */
function redirectUvu(): void {
  if (redirected) return;
  redirected = true;
  type Next = (specifier: string, context: { parentURL?: string }) => unknown;
  const hooks = nodeModule as unknown as { registerHooks?: (hooks: object) => void };
  if (hooks.registerHooks) {
    const resolve = (specifier: string, context: { parentURL?: string }, next: Next): unknown =>
      next(specifier === 'uvu' && context.parentURL !== watch ? watch : specifier, context);
    hooks.registerHooks({ resolve });
  } else {
    const code = `export const resolve = (specifier, context, next) =>
      next(specifier === 'uvu' && context.parentURL !== ${JSON.stringify(watch)} ? ${JSON.stringify(watch)} : specifier, context);`;
    nodeModule.register(`data:text/javascript,${encodeURIComponent(code)}`);
  }
}

/** Keeps what is written to the standard streams. */
function capture(): { stop: () => void; text: () => string } {
  const chunks: string[] = [];
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write);
  for (const stream of streams) {
    stream.write = ((chunk: string | Uint8Array): boolean => {
      chunks.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
      return true;
    }) as typeof stream.write;
  }
  return {
    stop: () => streams.forEach((stream, i) => void (stream.write = writes[i]!)),
    text: () => chunks.join(''),
  };
}
