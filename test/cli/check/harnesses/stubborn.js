/** A harness that does not end when it is told to stop, nor when it is asked to terminate; nor does its child. */
import { spawn } from 'node:child_process';
import { rightAnswer, say, serve } from './serve.js';

process.on('SIGTERM', () => {});
setInterval(() => {}, 1000);
const code = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send('ready')";
const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
const ready = new Promise((resolve) => child.once('message', resolve));

serve({
  run: async (message) => {
    await ready;
    say({ ...rightAnswer(message), child: child.pid });
  },
  stop: () => {},
});
