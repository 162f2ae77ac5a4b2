#!/usr/bin/env node
/** The command `normgrad`: finds the subcommand, runs it and turns what comes of it into an exit code. */
import { readFileSync } from 'node:fs';
import { UsageError } from './usage-error.ts';

/** A subcommand: takes the arguments behind its name and gives the exit code. */
interface Command {
  readonly summary: string;
  readonly load: () => Promise<(args: readonly string[]) => number | Promise<number>>;
}

/** Loaded when called: a command does not pay for the others. */
const commands: Readonly<Record<string, Command>> = {
  check: {
    summary: 'test an implementation in any language, and shrink what fails',
    load: async () => (await import('./check.ts')).check,
  },
  replay: {
    summary: 'ask an implementation a saved counterexample again',
    load: async () => (await import('./replay.ts')).replay,
  },
  answer: {
    summary: 'give the right outputs and gradients of cases, in JSON',
    load: async () => (await import('./answer.ts')).answer,
  },
  cases: {
    summary: 'write generated cases of norms, as lines or files',
    load: async () => (await import('./cases.ts')).cases,
  },
  list: {
    summary: 'list the norms',
    load: async () => (await import('./list.ts')).list,
  },
  show: {
    summary: 'show a norm: formula, options, the tensors of a case',
    load: async () => (await import('./show.ts')).show,
  },
  train: {
    summary: 'train a small classifier with and without normalization, and compare',
    load: async () => (await import('./train.ts')).train,
  },
};

const usage = `Usage: normgrad <command> [options]

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

Options:
  -h, --help      show this, or with a command its options
  -v, --version   show the version
`;

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (name === '--version' || name === '-v') {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    process.stdout.write(`${(JSON.parse(manifest) as { version: string }).version}\n`);
    return 0;
  }
  if (name === undefined || !Object.prototype.hasOwnProperty.call(commands, name)) {
    const kind = name?.startsWith('-') ? 'option' : 'command';
    process.stderr.write(`normgrad: ${name === undefined ? 'no command given' : `unknown ${kind} "${name}"`}\n\n${usage}`);
    return 2;
  }
  try {
    const run = await commands[name]!.load();
    return await run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`normgrad ${name}: ${error.message}\nTry: normgrad ${name} --help\n`);
      return 2;
    }
    process.stderr.write(`normgrad ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

// a reader that has seen enough (normgrad … | head) is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
