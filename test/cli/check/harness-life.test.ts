import * as assert from 'uvu/assert';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import { Harness, HarnessError } from '../../../src/cli/check/harness.ts';
import { ended, failure, isAlive, patience, script, started } from './start-harness.ts';

const test = suite('a harness is started, restarted and stopped');
const folder = mkdtempSync(join(tmpdir(), 'normgrad-harness-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const introduction = {
  version: 1,
  implementation: { name: 'mine', language: 'C', version: '2' },
  norms: ['layer'],
  dtypes: ['float64'],
  features: ['eval'],
};

test('it introduces itself', async () => {
  const harness = await started(script('introduces', `${JSON.stringify({ ...introduction, more: 1 })}\n`));
  assert.equal(harness.introduction, introduction);
  await harness.stop();
});

test('an introduction that is none breaks the protocol', async () => {
  for (const [text, says] of [
    ['ready\n', /expected its introduction, got a line that is not JSON .*: ready;/],
    ['{"version":2}\n', /version of the protocol must be 1, got \{"version":2\}; answer start with/],
    [`${JSON.stringify({ ...introduction, norms: [] })}\n`, /norms must be a list/],
    [`${JSON.stringify(introduction)}\n`.repeat(2), /expected nothing before the next case|seq/],
  ] as const) {
    const outcome = started(script('introduces', text));
    // the second of two introductions may come after the start
    const error = await failure(outcome.then((harness) => harness.run({}).finally(() => harness.stop())));
    assert.is(error.kind, 'protocol', error.message);
    assert.match(error.message, says);
  }
});

test('a command that does not exist cannot be started', async () => {
  const error = await failure(started(['no-such-command-anywhere']));
  assert.is(error.kind, 'start');
  assert.match(error.message, /^no-such-command-anywhere: cannot be started: there is no command .*; check its spelling/);
  assert.match((await failure(started(['python3 mine.py']))).message, /words of their own: -- python3 mine\.py/);
  assert.match((await failure(started([]))).message, /the command of the harness is empty/);
  assert.match((await failure(started(['a\0b']))).message, /cannot be started: /);
});

test('a file that may not be executed, or whose interpreter is missing, cannot be started', async () => {
  const plain = join(folder, 'plain.py');
  writeFileSync(plain, 'print()\n');
  const refused = await failure(started([plain]));
  assert.is(refused.kind, 'start');
  assert.match(refused.message, /may not be executed; make it executable \(chmod \+x\)/);
  const lost = join(folder, 'lost.py');
  writeFileSync(lost, '#!/no/such/interpreter\n');
  chmodSync(lost, 0o755);
  assert.match((await failure(started([lost]))).message, /the interpreter that its first line \(#!\) names does not exist/);
});

test('a harness that ends before its introduction did not start', async () => {
  const error = await failure(started(script('ends-at-start')));
  assert.is(error.kind, 'start');
  assert.match(error.message, /expected its introduction, but it ended with exit code 3; run the command by hand/);
  assert.is(error.stderr, 'no module named layers\n');
});

test('a harness that does not introduce itself in time is killed', async () => {
  const error = await failure(started(script('silent'), {}, 1000));
  assert.is(error.kind, 'timeout');
  assert.match(error.message, /expected its introduction within 1 s, got nothing/);
});

test('time limits are positive', async () => {
  for (const bad of [0, -1, NaN]) {
    const outcome = await Harness.start({ command: script('silent'), startTimeout: patience, caseTimeout: bad }).catch((error: unknown) => error);
    assert.instance(outcome, RangeError);
  }
});

test('no limit on time is possible', async () => {
  const harness = await Harness.start({ command: script('on-demand'), startTimeout: Infinity, caseTimeout: Infinity });
  assert.ok(await harness.run({}));
  await harness.stop();
});

test('a restart waits for the end of the old process, whether it was well or not', async () => {
  const diary = join(folder, 'diary');
  const begin = Date.now();
  const harness = await started(script('lingers', diary), { kill: patience, grace: patience });
  // so long that a process that was not waited for would be seen to overlap with the next
  const linger = 200 + 2 * (Date.now() - begin);
  const { pid: a } = (await harness.run({ linger })) as { pid: number };
  await harness.restart();
  const { pid: b } = (await harness.run({ linger })) as { pid: number };
  assert.is((await failure(harness.run({ linger, hang: true }, { timeout: 50 }))).kind, 'timeout');
  await harness.restart();
  const { pid: c } = (await harness.run({ linger })) as { pid: number };
  await harness.stop();
  assert.is(readFileSync(diary, 'utf8'), `starts ${a}\nends ${a}\nstarts ${b}\nends ${b}\nstarts ${c}\nends ${c}\n`);
});

test('what is written to the pipe of an old process changes nothing of the new one', async () => {
  const harness = await started(script('haunts'), { drain: 300 });
  const error = await failure(harness.run({ haunt: true }));
  const ghost = Number(/ghost (\d+)/.exec(error.stderr)?.[1]);
  await harness.restart();
  for (let i = 0; i < 10; i++) {
    assert.equal(((await harness.run({ text: `${i}` })) as { results: unknown }).results, [`${i}`]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await harness.stop();
  // its pipe is closed on this side, which ends it
  await ended(ghost);
});

test('a harness that ignores that it is to stop is killed, with its children', async () => {
  const harness = await started(script('stubborn'), { grace: 100, kill: 100 });
  const { pid, child } = (await harness.run({})) as { pid: number; child: number };
  assert.ok(isAlive(pid) && isAlive(child));
  await harness.stop();
  assert.not(isAlive(pid));
  await ended(child);
});

test('a stop waits for an end in good order', async () => {
  const diary = join(folder, 'last');
  const harness = await started(script('lingers', diary), { grace: patience });
  const { pid } = (await harness.run({ linger: 200 })) as { pid: number };
  await harness.stop();
  assert.is(readFileSync(diary, 'utf8'), `starts ${pid}\nends ${pid}\n`);
});

test('a harness may be stopped twice, in the middle of a case, and after its death; then it is started again by a restart', async () => {
  const harness = await started(script('on-demand'));
  const running = failure(harness.run({ do: 'hangs' }));
  await Promise.all([harness.stop(), harness.stop()]);
  const error = await running;
  assert.is(error.kind, 'died');
  assert.match(error.message, /ended with exit code 0 after it was told to stop/);
  await harness.stop();
  assert.match((await failure(harness.run({}))).message, /gone until it is restarted/);
  await harness.restart();
  await failure(harness.run({ do: 'crashes' }));
  await harness.stop();
});

test('a restart in the middle of a case gives the case up', async () => {
  const harness = await started(script('on-demand'));
  const running = failure(harness.run({ do: 'hangs' }));
  await harness.restart();
  assert.is((await running).kind, 'died');
  assert.equal(((await harness.run({ text: 'new' })) as { results: unknown }).results, ['new']);
  await harness.stop();
});

test('a restart that fails throws, and can be tried again', async () => {
  const file = join(folder, 'once.js');
  const text = readFileSync(script('serve')[1]!, 'utf8');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(file, `${text}\nserve();\n`);
  const harness = await started([process.execPath, file]);
  writeFileSync(file, 'process.exit(9);\n');
  const error = await failure(harness.restart());
  assert.is(error.kind, 'start');
  assert.match((await failure(harness.run({}))).message, /gone until it is restarted/);
  writeFileSync(file, `${text}\nserve();\n`);
  await harness.restart();
  assert.ok(await harness.run({}));
  await harness.stop();
});

test('a HarnessError is an error with a name', () => {
  const error = new HarnessError('died', 'why');
  assert.is(String(error), 'HarnessError: why');
  assert.is(error.stderr, '');
});

test.run();
