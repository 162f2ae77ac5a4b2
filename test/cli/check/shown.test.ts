/** What is seen of a check: the line that is redrawn, the table, the sentence at the end. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseExpected } from '../../../src/cli/check/expected.ts';
import { ownWords } from '../../../src/cli/check/own-words.ts';
import { Progress } from '../../../src/cli/check/progress.ts';
import { quotedForShell, replayCommand } from '../../../src/cli/check/report.ts';
import { subjectsOf } from '../../../src/cli/check/subjects.ts';
import { exitCodeOf, summary } from '../../../src/cli/check/summary.ts';
import { summaryTable } from '../../../src/cli/check/table.ts';
import { emptyTally, type Tally } from '../../../src/cli/check/tally.ts';
import { entryOf } from '../../../src/norms/catalog.ts';

const test = suite('what is shown of a check');

function tallyOf(slug: string, counts: Partial<Tally> = {}): Tally {
  return { ...emptyTally({ entry: entryOf(slug), dtype: 'float32' }, 20), ...counts };
}

function screen(isTTY: boolean, columns = 80): { isTTY: boolean; columns: number; text: string; write(text: string): void } {
  return {
    isTTY,
    columns,
    text: '',
    write(text: string) {
      this.text += text;
    },
  };
}

test('on a terminal one line is redrawn: norm, cases, speed, worst ratio, and what is wrong', () => {
  const out = screen(true);
  let now = 1000;
  const progress = new Progress(out, ['layer', 'batch'], () => now);
  progress.begin();
  now = 3000;
  progress.step('layer', tallyOf('layer', { cases: 8, worst: 0.271 }));
  assert.is(out.text, '\r1/2 layer   8/20  4.0/s  worst 0.271\x1b[K');
  out.text = '';
  now = 3050;
  progress.step('layer', tallyOf('layer', { cases: 9 }));
  assert.is(out.text, '');
  now = 3080;
  progress.step('layer', tallyOf('layer', { cases: 20, failed: 2, expected: 1, worst: Infinity }), 'shrinking: 7 tried');
  assert.is(out.text, '\r1/2 layer  20/20  9.6/s  worst inf  2 failed  1 failed as expected  shrinking: \x1b[K');
  out.text = '';
  progress.finish('layer', tallyOf('layer'));
  assert.is(out.text, '\r\x1b[K');
});

test('the line does not wrap on a narrow terminal', () => {
  const out = screen(true, 20);
  const progress = new Progress(out, ['layer'], () => 1);
  progress.begin();
  progress.step('layer', tallyOf('layer'));
  assert.is(out.text.replace('\r', '').replace('\x1b[K', '').length, 19);
});

test('on no terminal there is a line for each norm when it is done', () => {
  const out = screen(false);
  let now = 0;
  const progress = new Progress(out, ['layer', 'batch'], () => now);
  progress.begin();
  now = 2000;
  progress.step('layer', tallyOf('layer', { cases: 5 }));
  assert.is(out.text, '');
  progress.finish('layer', tallyOf('layer', { cases: 20, worst: 0.5, lost: 3 }));
  progress.begin();
  now = 3000;
  progress.finish('batch', tallyOf('batch', { cases: 5, worst: 0.25 }));
  assert.is(out.text, 'layer  20 cases  10/s  worst 0.5  3 lost\nbatch  5 of 20 cases  5.0/s  worst 0.25\n');
});

test('the table puts the norms side by side, and goes on below with notes that are too long', () => {
  const tallies = [
    tallyOf('layer', { cases: 20, passed: 17, failed: 2, flaky: 1, worst: 1234, untested: new Set(['grads', 'stateAfter']) }),
    tallyOf('batch', { cases: 20, skipped: 20 }),
  ];
  assert.is(
    summaryTable(tallies, false, 80),
    [
      'norm   cases  passed  failed  skipped  worst  notes',
      '─'.repeat(71),
      'layer     20      17       3        0   1230  1 flaky; untested: grads,',
      '                                              stateAfter',
      'batch     20       0       0       20      –',
    ].join('\n'),
  );
  assert.match(summaryTable(tallies, true, 80), /^layer float32 {5}20/m);
});

test('the exit code: mismatches weigh more than lost cases, nothing judged is 4', () => {
  const code = (counts: Partial<Tally>, early: 'interrupted' | 'harness' | null = null): number =>
    exitCodeOf({ tallies: [tallyOf('layer', { passed: 1 }), tallyOf('rms', counts)], early });
  assert.is(code({}), 0);
  assert.is(code({ expected: 3 }), 0);
  assert.is(code({ failed: 1, lost: 1 }), 1);
  assert.is(code({ lost: 1 }), 3);
  assert.is(code({ flaky: 1 }), 3);
  assert.is(code({ failed: 1 }, 'harness'), 3);
  assert.is(code({ failed: 1 }, 'interrupted'), 130);
  assert.is(exitCodeOf({ tallies: [tallyOf('layer', { cases: 3, skipped: 3 })], early: null }), 4);
  assert.is(exitCodeOf({ tallies: [], early: null }), 4);
});

test('the end says the worst ratio and where it was, and the kinds of failures by their number', () => {
  const options = { phases: null, only: null, severalDTypes: false, columns: 100 };
  const none = parseExpected('', '');
  const passed = [tallyOf('layer', { cases: 20, passed: 20, worst: 0.5 }), tallyOf('rms', { cases: 1180, passed: 1180, worst: 0.75 })];
  assert.match(summary({ tallies: passed, early: null }, none, options), /\n\nall passed: 1,200 cases, worst ratio 0.75 \(rms\)\n$/);
  const kinds = new Map([['outputs y', 1], ['grads x', 2]]);
  const failed = [tallyOf('layer', { cases: 20, passed: 18, failed: 2, kinds }), passed[1]!];
  assert.match(summary({ tallies: failed, early: null }, none, options), /\n\nlayer: grads x in 2 cases, outputs y in 1 case\n1 of 2 failed: layer\n$/);
});

test('float32 is asked for first, and what is not declared is left out in words', () => {
  const entries = ['layer', 'rms', 'batch'].map(entryOf);
  const both = subjectsOf({ entries, all: false, dtypes: null }, { norms: ['rms', 'layer', 'own'], dtypes: ['float64', 'float32'] });
  assert.equal(both.list.map(({ entry, dtype }) => `${entry.slug} ${dtype}`), ['layer float32', 'rms float32']);
  assert.equal(both.leftOut, ['left out, not declared by the harness: batch']);
  const doubles = subjectsOf({ entries, all: true, dtypes: null }, { norms: ['rms', 'layer', 'batch', 'own', 'op-sparsemax'], dtypes: ['float64'] });
  assert.equal(doubles.dtypes, ['float64']);
  assert.equal(doubles.leftOut, ['left out, not in the catalogue: own']);
  const half = subjectsOf({ entries, all: false, dtypes: ['float64', 'float32'] }, { norms: ['rms'], dtypes: ['float32', 'float16'] });
  assert.equal(half.list.map(({ entry, dtype }) => `${entry.slug} ${dtype}`), ['rms float32']);
  assert.equal(half.leftOut, ['left out, not declared by the harness: layer, batch', 'left out, not declared by the harness: float64']);
});

test('the command of a replay can be pasted into a shell', () => {
  const drive = { command: ['my harness', "it's", '--a=b'], profile: 'tight', only: 'forward', timeout: 1, startTimeout: 1 } as const;
  assert.is(replayCommand({ ...drive, report: 'r.jsonl' }), `normgrad replay r.jsonl --profile tight --only forward -- 'my harness' 'it'\\''s' --a=b`);
  assert.is(replayCommand({ ...drive, command: ['x'], profile: 'standard', only: null }), 'normgrad replay case.json -- x  # with the case in case.json');
  assert.is(quotedForShell(''), "''");
});

test('of what a harness said the last lines are shown, without what would move the cursor', () => {
  assert.equal(ownWords(''), []);
  assert.equal(ownWords('\x1b[31mred\x1b[0m\r\nfine\n\n'), ['red', 'fine']);
  assert.equal(ownWords(Array.from({ length: 30 }, (_, i) => `${i}`).join('\n')).slice(0, 2), ['18', '19']);
});

test.run();
