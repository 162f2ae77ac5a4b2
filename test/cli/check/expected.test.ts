import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseExpected } from '../../../src/cli/check/expected.ts';
import { message } from '../../support/message.ts';

const test = suite('files of expected failures');
const all = { phase: () => true, part: () => true };
const weight = { part: 'grads', name: 'weight' } as const;
const y = { part: 'outputs', name: 'y' } as const;

test('a norm excuses everything of it, and nothing of another one', () => {
  const expected = parseExpected('layer\n', 'f');
  assert.is(expected.excuses('layer', 'regular', [weight]), true);
  assert.is(expected.excuses('layer', 'invalid', []), true);
  assert.is(expected.excuses('rms', 'regular', [weight]), false);
});

test('a phase excuses what fails in it', () => {
  const expected = parseExpected('layer non-finite', 'f');
  assert.is(expected.excuses('layer', 'non-finite', []), true);
  assert.is(expected.excuses('layer', 'regular', []), false);
});

test('tensors excuse a case that fails in no other one, and no case that fails by an error', () => {
  const expected = parseExpected('layer grads weight', 'f');
  assert.is(expected.excuses('layer', 'regular', [weight]), true);
  assert.is(expected.excuses('layer', 'regular', [{ part: 'outputs', name: 'weight' }]), false);
  assert.is(expected.excuses('layer', 'regular', [y, weight]), false);
  assert.is(expected.excuses('layer', 'regular', []), false);
  const two = parseExpected('layer grads weight\nlayer outputs y', 'f');
  assert.is(two.excuses('layer', 'regular', [y, weight]), true);
});

test('a line that has excused nothing is unused, where it was tested at all', () => {
  const expected = parseExpected('# known\n\nlayer single # a comment\r\nlayer grads weight\nlayer outputs y\nrms\n', 'known.txt');
  expected.excuses('layer', 'regular', [y]);
  assert.equal(expected.unused('layer', all), ['known.txt:3: layer single', 'known.txt:4: layer grads weight']);
  assert.equal(expected.unused('layer', { ...all, phase: (phase) => phase !== 'single' }), ['known.txt:4: layer grads weight']);
  assert.equal(expected.unused('layer', { ...all, part: (part) => part !== 'grads' }), ['known.txt:3: layer single']);
  assert.equal(expected.unused('rms', all), ['known.txt:6: rms']);
});

test('a line that is none of these is refused by its number', () => {
  const table: [string, RegExp][] = [
    ['layer\nlayr', /^UsageError: f:2: there is no norm "layr"/],
    ['layer odd', /^UsageError: f:1: a line is NORM, NORM PHASE \(regular, .*\) or NORM PART NAME/],
    ['layer grads', /f:1: a line is/],
    ['layer regular x', /f:1: a line is/],
    ['layer grads weight x', /f:1: a line is/],
  ];
  for (const [text, expected] of table) assert.match(message(() => parseExpected(text, 'f')), expected, text);
});

test.run();
