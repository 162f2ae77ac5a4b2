/**
 * A harness that answers as normgrad does, save for what its first argument says. Run as a process by the tests of
 * `normgrad check`.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { reply } from '../../../src/oracle/protocol.ts';

interface Tensor {
  readonly shape: number[];
  readonly data: (number | string)[];
}
interface Result {
  readonly outputs: Record<string, Tensor>;
  grads?: Record<string, Tensor>;
  stateAfter?: Record<string, Tensor>;
}
interface Message {
  readonly cmd: string;
  readonly seq: number;
  readonly case: { readonly norm: string; readonly phase?: string; readonly config: { eps: number }; readonly calls: { readonly inputs: Record<string, Tensor> }[] };
}

const [kind = 'right', mark = ''] = process.argv.slice(2);
/** Cases that this process was asked. */
let asked = 0;

const off = (x: Tensor | undefined): void => {
  if (x && typeof x.data[0] === 'number') x.data[0] += 0.5 + Math.abs(x.data[0]);
};

/** What each kind does to the right results. */
const changes: Record<string, (results: Result[], message: Message) => void> = {
  'wrong dx': (results) => off(results[0]!.grads?.x),
  // a tail loop that is skipped: only extents that 4 does not divide show it
  'wrong tail': (results, { case: { calls } }) => {
    if (calls[0]!.inputs.x!.data.length % 4 !== 0) off(results[0]!.grads?.x);
  },
  'wrong weight': (results) => off(results[0]!.grads?.weight),
  'wrong layer': (results, { case: { norm } }) => {
    if (norm === 'layer') off(results[0]!.outputs.y);
  },
  'wrong single': (results, { case: { phase } }) => {
    if (phase === 'single') off(results[0]!.outputs.y);
  },
  'wrong when used': (results) => {
    if (asked > 1) off(results[0]!.outputs.y);
  },
  'without gradients': (results) => results.forEach((result) => delete result.grads),
};

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if (kind === 'eps counted twice' && message.cmd === 'run') message.case.config.eps *= 2;
  if (message.cmd === 'start' && kind === 'starts once') {
    if (existsSync(mark)) process.exit(9);
    writeFileSync(mark, '');
  }
  const answer = reply(JSON.stringify(message)) as { norms?: string[]; dtypes?: string[]; results?: Result[] } | null;
  if (!answer) break;
  if (message.cmd === 'start') {
    if (kind === 'no start') {
      process.stderr.write('no licence\n');
      process.exit(1);
    }
    answer.norms = kind === 'other norm' ? ['other'] : ['layer', 'rms', 'batch'];
    answer.dtypes = kind === 'float64 only' ? ['float64'] : ['float32', 'float64'];
  }
  if (message.cmd === 'run') {
    asked++;
    if (kind === 'starts once') process.exit(1);
    if (kind === 'dies at every third' && message.seq % 3 === 0) {
      process.stderr.write('Segmentation fault\n');
      process.exit(139);
    }
    if (kind === 'dies of layer' && message.case.norm === 'layer') process.exit(139);
    if (kind === 'hangs') await new Promise((resolve) => setTimeout(resolve, 1e9));
    if (kind === 'breaks the protocol') answer.results = 7 as unknown as Result[];
    if (answer.results && typeof answer.results === 'object') changes[kind]?.(answer.results, message);
  }
  let said: object = answer;
  if (message.cmd === 'run' && kind === 'skips') said = { seq: message.seq, skipped: true, message: 'not yet' };
  if (message.cmd === 'run' && kind === 'errs') said = { seq: message.seq, errored: true, message: `KeyError: 'eps'`, traceback: 'line 3\nline 4' };
  if (message.cmd === 'run' && kind === 'rejects') said = { seq: message.seq, rejected: true, message: 'x must be positive' };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
