/** A harness that misbehaves in a single case, as `do` in the case says. */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { good, rightAnswer, say, serve } from './serve.js';

const out = (text) => process.stdout.write(text);
const right = (message) => JSON.stringify(rightAnswer(message));
const holdThePipe = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: ['ignore', 'inherit', 'inherit'] }).pid;
const closeInput = () => {
  process.stdin.destroy();
  closeSync(0);
  setInterval(() => {}, 1000);
};

const behaviours = {
  good,
  skip: ({ seq }) => say({ seq, skipped: true, message: 'not mine' }),
  'CRLF': (message) => out(`${right(message)}\r\n`),
  'BOM': (message) => out(`\uFEFF${right(message)}\n`),
  'blank lines': (message) => out(`\n \r\n\n${right(message)}\n\n`),
  'byte by byte': async (message) => {
    for (const byte of Buffer.from(`${right(message)}\n`)) {
      out(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  },
  'much stderr': (message) => {
    for (let i = 0; i < 200; i++) process.stderr.write(`${'é'.repeat(5000)}${i}\n`);
    good(message);
  },
  'answers without newline and ends': (message) => process.stdout.write(right(message), () => process.exit(0)),
  'answers and ends': (message) => process.stdout.write(`${right(message)}\n`, () => process.exit(4)),
  'ends': () => {
    process.stderr.write('about to end\n');
    process.exit(7);
  },
  'crashes': () => process.kill(process.pid, 'SIGKILL'),
  'ends in the middle': (message) => process.stdout.write(right(message).split('esults')[0], () => process.exit(1)),
  'hangs': () => {},
  'answers and begins to write': (message) => out(`${right(message)}\n{"seq":`),
  'garbage': () => out('Traceback (most recent call last):\n'),
  'garbage before': (message) => out(`debug: x is 3\n${right(message)}\n`),
  'bare NaN': ({ seq }) => out(`{"seq":${seq},"results":[NaN]}\n`),
  'no object': () => out('[1]\n'),
  'latin-1': ({ seq }) => out(Buffer.from(`{"seq":${seq},"results":["\xe9"]}\n`, 'latin1')),
  'no seq': () => say({ errored: true, message: 'what?' }),
  'wrong seq': ({ seq }) => say({ seq: String(seq), results: [] }),
  'older seq': ({ seq }) => say({ seq: seq - 1, results: [] }),
  'deep without seq': () => out(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}\n`),
  'deep behind the answer': (message) => out(`${right(message)}\n{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}\n`),
  'twice': (message) => out(`${right(message)}\n${right(message)}\n`),
  'line without end': () => {
    const more = () => process.stdout.write('x'.repeat(65536), more);
    more();
  },
  'lines without end': (message) => {
    const lines = `${right(message)}\n`.repeat(1000);
    const more = () => process.stdout.write(lines, more);
    more();
  },
  'blank lines without end': () => {
    const more = () => process.stdout.write('\n'.repeat(4096), more);
    more();
  },
  'stderr without end': (message) => {
    process.stderr.write('y'.repeat(65536));
    good(message);
    const more = () => process.stderr.write('y'.repeat(65536), more);
    more();
  },
  'answers and closes stdin': (message) => {
    closeInput();
    good(message);
  },
  'leaves a child': (message) => {
    say({ ...rightAnswer(message), child: holdThePipe() });
  },
  'leaves a child and ends': (message) => {
    const child = holdThePipe();
    process.stdout.write(`${JSON.stringify({ ...rightAnswer(message), child })}\n`, () => process.exit(5));
  },
  'lets a child answer and ends': (message) => {
    const code = `process.on('disconnect', () => console.log(process.argv[1])); process.send('ready')`;
    const child = spawn(process.execPath, ['-e', code, right(message)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('message', () => process.exit(0));
  },
};

serve({ run: (message) => behaviours[message.case.do ?? 'good'](message) });
