/** A harness that takes as long to end as its latest case says, and keeps a diary in the file of its argument. */
import { appendFileSync } from 'node:fs';
import { good, serve } from './serve.js';

const note = (what) => appendFileSync(process.argv[2], `${what} ${process.pid}\n`);
let time = 0;
const linger = () => {
  setTimeout(() => {
    note('ends');
    process.exit(0);
  }, time);
};

process.on('SIGTERM', linger);
// the end of its input alone does not end it
setInterval(() => {}, 1000);
note('starts');
serve({
  run: (message) => {
    time = message.case.linger;
    if (!message.case.hang) good(message);
  },
  stop: linger,
});
