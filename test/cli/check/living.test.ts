import * as assert from 'uvu/assert';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { ended, script, started } from './start-harness.ts';

const test = suite('a harness and the process that drives it');

for (const [how, end] of [['exits', null], ['is interrupted', 'SIGINT'], ['is terminated', 'SIGTERM']] as const) {
  test(`a harness does not outlive the process that drives it when that ${how}`, async () => {
    const file = fileURLToPath(new URL('./harnesses/owner.ts', import.meta.url));
    const owner = spawn(process.execPath, ['--import', 'tsx', file, how], { stdio: ['ignore', 'pipe', 'inherit'] });
    const over = new Promise<NodeJS.Signals | null>((resolve) => owner.on('exit', (_, signal) => resolve(signal)));
    const line = await new Promise<string>((resolve) => owner.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    if (end) owner.kill(end);
    assert.is(await over, end);
    for (const pid of line.trim().split(' ').map(Number)) await ended(pid);
  });
}

test('the listeners for signals go with the last harness', async () => {
  const before = process.listenerCount('SIGINT');
  const harness = await started(script('on-demand'));
  assert.is(process.listenerCount('SIGINT'), before + 1);
  await harness.stop();
  assert.is(process.listenerCount('SIGINT'), before);
});

test.run();
