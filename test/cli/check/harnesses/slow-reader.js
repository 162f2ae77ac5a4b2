/** A harness that writes a large answer before it has read the whole of a large case, and reads in small sips. */
import { rightAnswer, say, introduction } from './serve.js';

let text = '';
let flooded = false;
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  text += chunk;
  process.stdin.pause();
  setTimeout(() => process.stdin.resume(), 1);
  const seq = /^\{"cmd":"run","seq":(\d+)/.exec(text)?.[1];
  if (seq && !flooded) {
    // writing to a pipe blocks this process until somebody reads
    process.stdout.write(`{"padding":"${'ä'.repeat(2 ** 21)}",`);
    flooded = true;
  }
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const message = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    if (message.cmd === 'start') say(introduction);
    else if (message.cmd === 'stop') process.exit(0);
    else process.stdout.write(`${JSON.stringify({ ...rightAnswer(message), results: message.case.text.length }).slice(1)}\n`);
  }
});
