import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shrunk, shrink } from '../../../src/cli/check/shrink.ts';
import type { Trial } from '../../../src/cli/check/trial.ts';
import { entryOf } from '../../../src/norms/catalog.ts';
import { caseAt } from '../../../src/oracle/generate/case-at.ts';
import type { OracleCase } from '../../../src/oracle/generate/oracle-case.ts';

const test = suite('shrinking across the pipe');

const failing = (...kinds: string[]): Trial => ({ reply: null, verdict: null, lost: null, kinds });
const start = Array.from({ length: 20 }, (_, i) => caseAt(entryOf('layer'), i, { seed: 1, runs: 20, phases: ['regular'] })).find(
  (found) => xOf(found).length >= 12,
)!;

function xOf(found: OracleCase): ArrayLike<number> {
  return found.toCase('float64').calls[0]!.inputs.x!.data;
}

async function shrunk(fails: (found: OracleCase) => readonly string[], budget = { runs: 2000, milliseconds: 1e9 }): Promise<Shrunk & { asked: OracleCase[] }> {
  const asked: OracleCase[] = [];
  let now = 0;
  const found = await shrink(start, failing(...fails(start)), {
    fc,
    budget,
    now: () => now++,
    key: (candidate) => JSON.stringify(candidate.toJson('float64')),
    ask: (candidate) => {
      asked.push(candidate);
      return Promise.resolve(failing(...fails(candidate)));
    },
  });
  return { ...found, asked };
}

test('it ends at the smallest case that still fails', async () => {
  const { found, steps, spent, asked, runs } = await shrunk((one) => (xOf(one).length >= 3 ? ['grads x'] : []));
  assert.is(xOf(found).length, 3);
  assert.equal(Array.from(xOf(found)), [0, 0, 0]);
  assert.ok(steps > 0 && steps <= runs);
  assert.is(spent, false);
  assert.is(runs, asked.length);
});

test('a smaller case that fails in another way only is passed over', async () => {
  const { found, trial } = await shrunk((one) => (xOf(one).length >= 4 ? ['grads x', 'grads weight'] : ['grads weight']));
  assert.is(xOf(found).length, 4);
  assert.is(trial.kinds[0], 'grads x');
});

test('when nothing smaller fails, the case itself is left', async () => {
  const { found, steps, runs } = await shrunk((one) => (one === start ? ['outputs y'] : []));
  assert.is(found, start);
  assert.is(steps, 0);
  assert.ok(runs > 0);
});

test('no case is asked twice, and the first one not again', async () => {
  const { asked } = await shrunk((one) => (xOf(one).length >= 3 ? ['grads x'] : []));
  const keys = asked.map((one) => JSON.stringify(one.toJson('float64')));
  assert.is(new Set(keys).size, keys.length);
  assert.ok(!asked.includes(start));
});

test('it keeps to its budget of runs and of time, with the smallest case so far', async () => {
  const runs = await shrunk(() => ['died'], { runs: 2, milliseconds: 1e9 });
  assert.equal([runs.runs, runs.steps, runs.spent], [2, 2, true]);
  const time = await shrunk(() => ['died'], { runs: 1000, milliseconds: 4 });
  assert.is(time.spent, true);
  assert.ok(time.runs <= 4, `${time.runs} runs`);
});

test('what asking throws ends it and is thrown', async () => {
  let asked = 0;
  const broken = new Error('gone');
  const ask = (): Promise<Trial> => (++asked === 3 ? Promise.reject(broken) : Promise.resolve(failing()));
  let caught: unknown;
  try {
    await shrink(start, failing('grads x'), { fc, budget: { runs: 100, milliseconds: 1e9 }, now: () => 0, key: String, ask });
  } catch (error) {
    caught = error;
  }
  assert.is(caught, broken);
  assert.is(asked, 3);
});

test.run();
