import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import type { Harness, HarnessErrorKind } from '../../../src/cli/check/harness.ts';
import type { Limits } from '../../../src/cli/check/limits.ts';
import { ended, failure, patience, script, started } from './start-harness.ts';

const test = suite('a harness answers cases');
const command = script('on-demand');

/** One run through all the misbehaviours: none of them loses it. */
let shared: Harness | null = null;
test.after(() => shared?.stop());

async function wellHarness(): Promise<Harness> {
  shared ??= await started(command);
  // only after a test that failed
  await shared.run({}).catch(() => shared!.restart());
  return shared;
}

/** Answered like any other case, and nothing is left of it in the next one. */
function accepted(title: string, behaviour: string): void {
  test(title, async () => {
    const harness = await wellHarness();
    const { pid } = (await harness.run({ do: 'good' })) as { pid: number };
    assert.equal(await harness.run({ do: behaviour, text: 'größer 𝛾' }), { results: ['größer 𝛾'], pid });
    assert.equal(await harness.run({ text: 'next' }), { results: ['next'], pid });
  });
}

/** Ends as an error of this kind, and the next case is answered by a new process. */
function refused(title: string, behaviour: string, kind: HarnessErrorKind, says: RegExp, options: Options = {}): void {
  test(title, async () => {
    const harness = options.limits ? await started(command, options.limits) : await wellHarness();
    const { pid } = (await harness.run({ do: 'good' })) as { pid: number };
    if (options.later) assert.equal(((await harness.run({ do: behaviour, text: 'right' })) as { results: string[] }).results, ['right']);
    const asked = options.later ? { do: 'hangs' } : { do: behaviour };
    const error = await failure(harness.run(asked, options.timeout === undefined ? {} : { timeout: options.timeout }));
    assert.is(error.kind, kind, error.message);
    assert.match(error.message, says);
    assert.match(error.message, /: expected .*; /s);
    if (options.stderr) assert.match(error.stderr, options.stderr);
    await harness.restart();
    await ended(pid);
    const next = (await harness.run({ text: 'next' })) as { results: string[]; pid: number };
    assert.equal(next.results, ['next']);
    assert.is.not(next.pid, pid);
    if (options.limits) await harness.stop();
  });
}

interface Options {
  /** The case itself is answered; the next one finds out. */
  readonly later?: boolean;
  readonly timeout?: number;
  readonly stderr?: RegExp;
  readonly limits?: Partial<Limits>;
}

accepted('lines may end in CRLF', 'CRLF');
accepted('a byte order mark is no part of a message', 'BOM');
accepted('blank lines are passed over', 'blank lines');
accepted('chunks may split a message and its characters anywhere', 'byte by byte');
accepted('two megabytes of logs on standard error do not hold up an answer', 'much stderr');

test('a reply keeps all its fields but seq', async () => {
  const harness = await wellHarness();
  assert.equal(await harness.run({ do: 'skip' }), { skipped: true, message: 'not mine' });
});

test('a harness that reads slowly, and writes before it has read, gets a large case and gives a large answer', async () => {
  const harness = await started(script('slow-reader'));
  const { padding, results } = (await harness.run({ text: 'x'.repeat(2 ** 22) })) as { padding: string; results: number };
  assert.is(results, 2 ** 22);
  assert.is(padding.length, 2 ** 21);
  await harness.stop();
});

refused('a harness that ends in the middle of a case has died, with its exit code', 'ends', 'died', /ended with exit code 7/, { stderr: /about to end/ });
refused('a harness that crashes has died, with its signal', 'crashes', 'died', /ended by SIGKILL; look for a crash/);
refused('what was written of an answer at the death of the harness is shown', 'ends in the middle', 'died', /exit code 1, in the middle of a message: \{"seq":\d+,"r;/);
refused('a last line without its newline counts, and the end behind it too', 'answers without newline and ends', 'died', /ended with exit code 0; serve one case after the other/, { later: true });
refused('an end after the answer is the next case\'s', 'answers and ends', 'died', /ended with exit code 4/, { later: true });
refused('no answer in time is a timeout', 'hangs', 'timeout', /the answer to seq \d+ within 0\.1 s, got nothing; flush/, { timeout: 100 });
refused('an answer whose newline does not come is a timeout that says so', 'answers and begins to write', 'timeout', /got 7 bytes without a newline; end each message with a newline/, { later: true, timeout: 100 });
refused('standard error without end does not hold up the timeout', 'stderr without end', 'timeout', /within 0\.1 s/, { later: true, timeout: 100, stderr: /^y{4096}$/ });
refused('a line that is not JSON breaks the protocol', 'garbage', 'protocol', /not JSON .*: Traceback \(most recent call last\):; print .* everything else to standard error/);
refused('a line that is not JSON breaks the protocol even before the answer', 'garbage before', 'protocol', /not JSON .*: debug: x is 3;/);
refused('bare NaN breaks the protocol, and the error says how to write it', 'bare NaN', 'protocol', /write "NaN", "Infinity", "-Infinity" as strings/);
refused('JSON that is no object breaks the protocol', 'no object', 'protocol', /no object: \[1\];/);
refused('bytes that are not UTF-8 break the protocol', 'latin-1', 'protocol', /not UTF-8/);
refused('an answer without seq breaks the protocol', 'no seq', 'protocol', /without its seq: \{"errored":true,"message":"what\?"\}; copy seq/);
refused('seq is returned as it came', 'wrong seq', 'protocol', /another seq: \{"seq":"\d+"/);
refused('the answer to an older case is not that to this one', 'older seq', 'protocol', /seq of an older case: \{"seq":\d+/);
refused('a message nested without measure breaks the protocol like another', 'deep without seq', 'protocol', /without its seq: a message that is nested too deeply to be shown;/);
refused('a message nested without measure that nobody asked for breaks the protocol of the next case', 'deep behind the answer', 'protocol', /nested too deeply to be shown;/, { later: true });
refused('a second answer to a case breaks the protocol of the next', 'twice', 'protocol', /expected .*, got .*\{"seq":.*answer each/, { later: true });
refused('lines without end that nobody asked for break the protocol', 'lines without end', 'protocol', /expected .*, got .*answer each/, { later: true });
refused('blank lines without end break the protocol', 'blank lines without end', 'protocol', /got 1001 blank lines/, { timeout: 20_000 });
refused('a line without end breaks the protocol at the limit', 'line without end', 'protocol', /a line of more than 1000000 bytes/, { limits: { line: 1e6 }, timeout: 20_000 });
refused('closed input breaks the protocol at the next case', 'answers and closes stdin', 'protocol', /closed its standard input and still runs/, { later: true, limits: { drain: 300 } });
refused('a child that holds the pipes does not hide the end of its parent', 'leaves a child and ends', 'died', /ended with exit code 5/, { later: true, limits: { drain: 300 } });

test('what comes out of the pipes shortly after the end of the process counts', async () => {
  const harness = await started(command, { drain: patience });
  assert.equal(((await harness.run({ do: 'lets a child answer and ends', text: 'late' })) as { results: string[] }).results, ['late']);
  assert.is((await failure(harness.run({}))).kind, 'died');
  await harness.stop();
});

test('blank lines are counted from message to message', async () => {
  const harness = await started(command, { blankLines: 5 });
  for (let i = 0; i < 5; i++) assert.equal(((await harness.run({ do: 'blank lines', text: `${i}` })) as { results: string[] }).results, [`${i}`]);
  await harness.stop();
});

test('closed input does not kill the answer that was on its way, nor this process at a large case', async () => {
  const harness = await started(command, { drain: 300 });
  await harness.run({ do: 'answers and closes stdin' });
  const error = await failure(harness.run({ text: 'x'.repeat(2 ** 22) }));
  assert.is(error.kind, 'protocol');
  await harness.stop();
});

test('a case that times out with closed input says that the input is closed', async () => {
  const harness = await started(command);
  await harness.run({ do: 'answers and closes stdin' });
  const error = await failure(harness.run({ text: 'x'.repeat(2 ** 22) }, { timeout: 500 }));
  assert.is(error.kind, 'protocol');
  assert.match(error.message, /closed its standard input/);
  await harness.stop();
});

test('the children of a harness that hangs end with it', async () => {
  const harness = await started(command);
  const { child } = (await harness.run({ do: 'leaves a child' })) as { child: number };
  await failure(harness.run({ do: 'hangs' }, { timeout: 100 }));
  await ended(child);
  await harness.stop();
});

test('an error is repeated until the restart, with its cause', async () => {
  const harness = await started(command);
  const first = await failure(harness.run({ do: 'ends' }));
  const second = await failure(harness.run({}));
  assert.is(second.kind, 'died');
  assert.match(second.message, /gone until it is restarted: expected the answer to seq 1, but it ended with exit code 7/);
  assert.is(second.stderr, first.stderr);
  await harness.stop();
});

test('cases are asked one at a time', async () => {
  const harness = await started(command);
  const first = harness.run({ text: 'first' });
  let thrown = '';
  await harness.run({ text: 'second' }).catch((error: Error) => (thrown = error.message));
  assert.match(thrown, /Harness\.run: one case at a time; await/);
  assert.equal(((await first) as { results: unknown }).results, ['first']);
  assert.equal(((await harness.run({ text: 'third' })) as { results: unknown }).results, ['third']);
  await harness.stop();
});

test('a case that JSON cannot write throws, and the next is asked all the same', async () => {
  const harness = await started(command);
  let thrown: unknown;
  await harness.run({ big: 1n }).catch((error: unknown) => (thrown = error));
  assert.instance(thrown, TypeError);
  assert.equal(((await harness.run({ text: 'next' })) as { results: unknown }).results, ['next']);
  await harness.stop();
});

test.run();
