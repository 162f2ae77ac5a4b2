import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import type { Finding, Verdict } from '../../src/oracle/judge.ts';
import { type Failure, failureText } from '../../src/oracle/report.ts';

const test = suite('the text of a failure');

const off: Finding = {
  call: 0, part: 'grads', name: 'x', index: [1, 12], got: 0.7312, want: 0.7298, absolute: 1.4e-3, relative: 1.4e-3 / 0.7298, ratio: 3136,
};
const verdictOf = (findings: readonly Finding[], more: Partial<Verdict> = {}): Verdict => ({
  outcome: 'failed', ratio: 3136, findings, untested: [], message: '', ...more,
});
const failure = (more: Partial<Failure> = {}): Failure => ({ norm: 'layer', verdict: verdictOf([off]), factor: 16, ...more });

test('first the place, the two numbers, the errors and the ratio, in a column', () => {
  assert.is(
    failureText(failure({ index: 17, phase: 'regular', flags: ['regular', 'offset 1e4', 'N = 1'] })),
    `FAILED  layer, case 17: regular, offset 1e4, N = 1
  call 0, grads x[1, 12]
    got       0.7312
    want      0.7298
    absolute  0.0014
    relative  0.00192
    ratio     196 times the limit of 16`,
  );
});

test('the other failing tensors have a line each, in columns', () => {
  const missing: Finding = { ...off, name: 'weight', index: [], got: NaN, want: NaN, ratio: Infinity, note: 'missing' };
  const gone: Finding = { ...off, name: 'bias', index: [0], got: NaN, want: 1.5, absolute: Infinity, relative: Infinity, ratio: Infinity };
  const state: Finding = { ...off, call: 1, part: 'stateAfter', name: 'runningVar', index: [3], got: -12.5, want: 1.25e-9 };
  const lines = failureText(failure({ verdict: verdictOf([off, missing, gone, state]) })).split('\n');
  assert.equal(lines.slice(7), [
    '  also wrong:',
    '    call 0, grads weight              missing',
    '    call 0, grads bias[0]             got NaN    want 1.5      no rounding explains it',
    '    call 1, stateAfter runningVar[3]  got -12.5  want 1.25e-9  196 times the limit of 16',
  ]);
});

test('a tensor that is missing or of another shape has no numbers', () => {
  const missing: Finding = { ...off, index: [], note: 'of shape [2] instead of [3]' };
  assert.is(failureText(failure({ verdict: verdictOf([missing]) })), 'FAILED  layer\n  call 0, grads x is of shape [2] instead of [3]');
});

test('without a failing tensor the verdict has the say', () => {
  const message = 'rejects a valid case: "eps must be positive"';
  assert.is(failureText(failure({ verdict: verdictOf([], { message }) })), `FAILED  layer\n  ${message}`);
});

test('then what is untested, notes as they are, the diagnosis, the case on one line, the command', () => {
  const text = failureText(
    failure({
      verdict: verdictOf([off], { untested: ['grads of call 1', 'stateAfter'] }),
      notes: ['Traceback:\n  File "mine.py", line 3\n'],
      diagnosis: ['your dx equals ours with the variance divided by n - 1', 'your dx equals ours with eps doubled'],
      shrunk: { norm: 'layer', calls: [{ inputs: { x: { shape: [2], data: [1, '-0'] } } }] },
      replay: 'normgrad replay case.json -- python3 mine.py',
    }),
  );
  assert.equal(text.split('\n').slice(7), [
    '  untested:  grads of call 1, stateAfter',
    '  | Traceback:',
    '  |   File "mine.py", line 3',
    '  diagnosis: your dx equals ours with the variance divided by n - 1',
    '  or:        your dx equals ours with eps doubled',
    '  case:      {"norm":"layer","calls":[{"inputs":{"x":{"shape":[2],"data":[1,"-0"]}}}]}',
    '  replay:    normgrad replay case.json -- python3 mine.py',
  ]);
});

test('long texts are broken at spaces, within the width', () => {
  const long = 'a reason that goes on and on '.repeat(8).trim();
  const text = failureText(failure({ flags: new Array<string>(12).fill('').map((_, i) => `flag number ${i}`), diagnosis: [long] }), 80);
  const lines = text.split('\n');
  assert.ok(lines.every((line) => line.length <= 80), text);
  assert.ok(lines.map((line) => line.trim()).join(' ').includes(long));
});

test('the text of one failure ends without a line break, and no line ends with a space', () => {
  const text = failureText(failure({ diagnosis: ['one'], notes: ['two \n\n'] }));
  assert.not.match(text, / $|\n$/m);
});

test.run();
