import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { LineSplitter } from '../../../src/cli/check/lines.ts';
import { Tail } from '../../../src/cli/check/tail.ts';
import { check } from '../../support/property.ts';

const test = suite('lines of a stream');

/** The bytes in chunks that end at the given places. */
function chunked(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

const places = fc.array(fc.nat(1000), { maxLength: 10 });

test('they are the same however the stream is cut into chunks', () => {
  const text = fc.array(fc.oneof(fc.constant('\n'), fc.string({ unit: 'grapheme' })), { maxLength: 12 }).map((parts) => parts.join(''));
  const property = fc.property(text, places, (whole, cuts) => {
    const splitter = new LineSplitter(1e6);
    const lines: string[] = [];
    for (const chunk of chunked(Buffer.from(whole), cuts)) assert.ok(splitter.push(chunk, (line) => lines.push(line.toString())));
    const wanted = whole.split('\n');
    assert.is(splitter.held, Buffer.byteLength(wanted[wanted.length - 1]!));
    assert.equal([...lines, splitter.rest().toString()], wanted);
    assert.is(splitter.held, 0);
  });
  check(property, { runs: 200 });
});

test('a line may be as long as the limit, and not a byte longer, whether it ends or not', () => {
  for (const [text, good] of [['12345\n', true], ['12345', true], ['123456\n', false], ['123456', false], ['1234é', false]] as const) {
    for (let cut = 0; cut <= text.length; cut++) {
      const splitter = new LineSplitter(5);
      const [one, two] = chunked(Buffer.from(text), [cut]) as [Buffer, Buffer];
      assert.is(splitter.push(one, () => {}) && splitter.push(two, () => {}), good, `${text} cut at ${cut}`);
    }
  }
});

test('lines before one that is too long are handed on', () => {
  const lines: string[] = [];
  assert.not(new LineSplitter(5).push(Buffer.from('one\ntwo\nmuch too long\nfour\n'), (line) => lines.push(line.toString())));
  assert.equal(lines, ['one', 'two']);
});

test('the limit is for each line, not for all', () => {
  const splitter = new LineSplitter(5);
  for (let i = 0; i < 10; i++) assert.ok(splitter.push(Buffer.from('1234\n1'), () => {}) && splitter.push(Buffer.from('\n'), () => {}));
});

test('the tail is the last bytes of a stream, as whole characters', () => {
  const property = fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), places, fc.integer({ min: 4, max: 20 }), (whole, cuts, size) => {
    const tail = new Tail(size);
    for (const chunk of chunked(Buffer.from(whole), cuts)) tail.push(chunk);
    const text = tail.text();
    assert.ok(whole.endsWith(text), JSON.stringify(text));
    const lost = Math.min(size, Buffer.byteLength(whole)) - Buffer.byteLength(text);
    assert.ok(lost >= 0 && lost < 4);
  });
  check(property, { runs: 200 });
});

test('a tail of nothing is empty', () => {
  assert.is(new Tail(8).text(), '');
});

test.run();
