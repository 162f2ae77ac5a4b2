/** A harness that ends at once and leaves a process, out of reach, that writes answers to later cases to the pipe it left. */
import { spawn } from 'node:child_process';
import { good, serve } from './serve.js';

const code = `setInterval(() => {
  for (let seq = 2; seq < 9; seq++) console.log(JSON.stringify({ seq, results: ['false'] }));
}, 5)`;

serve({
  run: (message) => {
    if (!message.case.haunt) return good(message);
    const ghost = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    process.stderr.write(`ghost ${ghost.pid}\n`, () => process.exit(1));
  },
});
