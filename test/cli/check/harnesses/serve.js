/** What a harness needs, for those of the tests: lines in, lines out, and an introduction. */
import { createInterface } from 'node:readline';

export const introduction = {
  version: 1,
  implementation: { name: 'for tests', language: 'JavaScript', version: '1' },
  norms: ['layer'],
  dtypes: ['float32'],
  features: [],
};

export const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Serves until the input ends or says stop; `parts` are put in the place of what a good harness does. */
export function serve({ start = () => say(introduction), run = good, stop = () => process.exit(0) } = {}) {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line);
    if (message.cmd === 'start') start(message);
    else if (message.cmd === 'run') run(message);
    else stop(message);
  });
}

/** The right answer, as far as these tests go: what the case says. */
export const rightAnswer = ({ seq, case: asked }) => ({ seq, results: [asked.text ?? 'done'], pid: process.pid });

export function good(message) {
  say(rightAnswer(message));
}
