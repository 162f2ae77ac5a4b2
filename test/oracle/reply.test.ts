import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { replyFromJson } from '../../src/oracle/reply.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('a foreign reply');
const y = { shape: [2], data: [1, -2.5] };

test('results are read call by call; what is not known is ignored', () => {
  const reply = replyFromJson(
    { seq: 17, results: [{ outputs: { y }, grads: { x: y }, stateAfter: {}, seconds: 3 }, { outputs: { y } }], took: 'long' },
    'float32',
  );
  assert.is(reply.kind, 'results');
  if (reply.kind !== 'results') return;
  assert.equal([...reply.results[0]!.outputs.y!.data], [1, -2.5]);
  assert.equal(reply.results[0]!.grads!.x!.shape, [2]);
  assert.equal(reply.results[0]!.stateAfter, {});
  assert.equal(Object.keys(reply.results[1]!), ['outputs']);
});

test('numbers are rounded to the dtype that was asked for', () => {
  const first = (dtype: 'float32' | 'float64'): number => {
    const reply = replyFromJson({ results: [{ outputs: { y: { shape: [], data: [0.1] } } }] }, dtype);
    return reply.kind === 'results' ? reply.results[0]!.outputs.y!.data[0]! : NaN;
  };
  assert.is(first('float32'), Math.fround(0.1));
  assert.is(first('float64'), 0.1);
});

test('tensors may come in base 64, and numbers that JSON does not have as names', () => {
  const named = { shape: [4], data: ['NaN', 'Infinity', '-Infinity', '-0'] };
  const bytes = { shape: [1], dtype: 'float32', b64: 'AACAPw==' };
  const reply = replyFromJson({ results: [{ outputs: { named, bytes } }] }, 'float64');
  if (reply.kind !== 'results') return assert.unreachable();
  assert.equal([...reply.results[0]!.outputs.named!.data], [NaN, Infinity, -Infinity, -0]);
  assert.equal([...reply.results[0]!.outputs.bytes!.data], [1]);
});

test('a part or a tensor that is null is left out', () => {
  const reply = replyFromJson({ results: [{ outputs: null, grads: { x: y, weight: null }, stateAfter: null }], skipped: null }, 'float32');
  if (reply.kind !== 'results') return assert.unreachable();
  assert.equal(reply.results[0]!.outputs, {});
  assert.equal(Object.keys(reply.results[0]!.grads!), ['x']);
  assert.is(reply.results[0]!.stateAfter, undefined);
  const without = replyFromJson({ results: [{ outputs: { y }, grads: null }] }, 'float32');
  assert.equal(without.kind === 'results' && Object.keys(without.results[0]!), ['outputs']);
});

test('a case is skipped, rejected, or answered by an error, with a message or without', () => {
  assert.equal(replyFromJson({ skipped: true, message: 'no eval' }, 'float32'), { kind: 'skipped', message: 'no eval' });
  assert.equal(replyFromJson({ rejected: true, errored: false }, 'float32'), { kind: 'rejected', message: '' });
  const errored = { errored: true, message: 'ValueError', traceback: 'line 1\nline 2' };
  assert.equal(replyFromJson(errored, 'float32'), { kind: 'errored', message: 'ValueError', traceback: 'line 1\nline 2' });
  assert.equal(replyFromJson({ errored: true }, 'float32'), { kind: 'errored', message: '' });
});

const garbage: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', null, /^a reply is an object, got null$/],
  ['a list', [1], /^a reply is an object, got \[1\]$/],
  ['no kind of reply', { outputs: {} }, /"results": \[\.\.\.\], or "skipped", "rejected" or "errored": true; got \{"outputs":\{\}\}/],
  ['two kinds', { results: [], rejected: true }, /one of results, skipped, rejected and errored, got results and rejected$/],
  ['a flag that is none', { skipped: 'yes' }, /^skipped is true or false, got "yes"$/],
  ['a message that is none', { rejected: true, message: 3 }, /^message is a text, got 3$/],
  ['a traceback that is none', { errored: true, traceback: [] }, /^traceback is a text, got \[\]$/],
  ['results that are no list', { results: { outputs: {} } }, /^results is a list, one object for each call, got \{"outputs"/],
  ['a call that is none', { results: [{}, 3] }, /^results\[1\] is an object, got 3$/],
  ['outputs that are none', { results: [{ outputs: [y] }] }, /^results\[0\]\.outputs is an object, got \[/],
  ['a tensor that is none', { results: [{ outputs: { y: [1, 2] } }] }, /^results\[0\]\.outputs\.y: a tensor is \{"shape": \[\.\.\.\], "data": \[\.\.\.\]\}, got \[1,2\]$/],
  ['too few elements', { results: [{ grads: { x: { shape: [2, 2], data: [1] } } }] }, /^results\[0\]\.grads\.x: shape \[2, 2\] needs a list of 4 elements, got 1 elements$/],
  ['a shape that is none', { results: [{ stateAfter: { m: { shape: [-1], data: [] } } }] }, /^results\[0\]\.stateAfter\.m: a shape is made of non-negative integers, got \[-1\]$/],
  ['a NaN that JSON has made null', { results: [{ outputs: { y: { shape: [2], data: [1, null] } } }] }, /^results\[0\]\.outputs\.y: element 1 is no number, got null; what JSON cannot write is "NaN"/],
  ['bytes of no dtype', { results: [{ outputs: { y: { shape: [1], b64: 'AAAA' } } }] }, /^results\[0\]\.outputs\.y: b64 data need a dtype/],
];

for (const [what, value, message] of garbage) {
  test(`${what}: refused with the place and the reason`, () => {
    assertThrows(() => replyFromJson(value, 'float32'), 'TypeError', message);
  });
}

test.run();
