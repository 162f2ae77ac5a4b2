import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { introductionOf } from '../../../src/cli/check/introduction.ts';
import { readMessage } from '../../../src/cli/check/message.ts';

const test = suite('messages of a harness');
const read = (text: string | Buffer): unknown => readMessage(Buffer.from(text as string));

test('a JSON object is a message, with a byte order mark and a carriage return too', () => {
  assert.equal(read('{"a":["é"]}'), { a: ['é'] });
  assert.equal(read('\uFEFF {"a":1} \r'), { a: 1 });
});

test('a line of white space is none', () => {
  for (const text of ['', ' ', '\r', '\t \r', '\uFEFF']) assert.is(read(text), null);
});

test('what is wrong with other lines is said, with the remedy', () => {
  for (const [text, says] of [
    ['oh', /^got a line that is not JSON \(.*\): oh; print one JSON object a line to standard output, and everything else to standard error$/],
    ['"text"', /^got JSON that is no object: "text"; print/],
    ['null', /no object: null;/],
    ['[{}]', /no object: \[\{\}\];/],
    ['{"a":NaN}', /write "NaN", "Infinity", "-Infinity" as strings$/],
    ['{"a":[-Infinity]}', /as strings$/],
    ['{"a":nan}', /as strings$/],
    ['{"a":"NaN",', /everything else to standard error$/],
    [`{"a":"${'\\"x'.repeat(1e6)}","b":NaN}`, /as strings$/],
    ['loss is NaN', /everything else to standard error$/],
    [`{${'x'.repeat(1000)}`, /\{x+… \(1001 characters\);/],
  ] as const) {
    assert.match(read(text) as string, says);
  }
  assert.match(read(Buffer.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0])) as string, /^got bytes that are not UTF-8: .*; write UTF-8, without UTF-16/);
});

const good = { version: 1, implementation: { name: 'a', language: 'C', version: '1' }, norms: ['layer'], dtypes: ['float32'], features: ['state'] };

test('an introduction is read, its optional parts filled in and its unknown parts left out', () => {
  assert.equal(introductionOf({ ...good, colour: 'red' }), good);
  const { features: _, ...bare } = { ...good, implementation: { name: 'a', mood: 'good' } };
  assert.equal(introductionOf(bare), { ...good, implementation: { name: 'a', language: '', version: '' }, features: [] });
});

test('what is wrong with an introduction is said, with an example', () => {
  for (const [part, says] of [
    [{ version: 2 }, /version of the protocol must be 1/],
    [{ version: undefined }, /version of the protocol must be 1/],
    [{ errored: true, message: 'no GPU' }, /failed at its start, got .*no GPU/],
    [{ implementation: null }, /must name its implementation/],
    [{ implementation: { name: '' } }, /must have a name/],
    [{ implementation: { name: 'a', version: 2 } }, /language and version of its implementation must be strings/],
    [{ norms: [] }, /norms must be a list of at least one name/],
    [{ norms: 'layer' }, /norms must be a list of at least one name/],
    [{ norms: [1] }, /norms must be a list of at least one name/],
    [{ dtypes: [] }, /dtypes must be a list of "float32", "float64" or both/],
    [{ dtypes: undefined }, /dtypes must be a list/],
    [{ features: null }, /features must be a list of names/],
  ] as const) {
    const found = introductionOf({ ...good, ...part });
    assert.type(found, 'string', JSON.stringify(part));
    assert.match(found as string, says);
    assert.match(found as string, /, got \{.*; answer start with, for example, \{"version":1/);
  }
});

test.run();
