/** A harness that takes its time to end, and keeps a diary in the file of its argument. */
import { appendFileSync } from 'node:fs';
import { good, serve } from './serve.js';

const note = (what) => appendFileSync(process.argv[2], `${what} ${process.pid}\n`);
const linger = () => {
  setTimeout(() => {
    note('ends');
    process.exit(0);
  }, 300);
};

process.on('SIGTERM', linger);
// the end of its input alone does not end it
setInterval(() => {}, 1000);
note('starts');
serve({ run: (message) => !message.case.hang && good(message), stop: linger });
