import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { type Case, caseFromJson } from '../../src/oracle/case.ts';
import { judge, profiles } from '../../src/oracle/judge.ts';
import type { Reply } from '../../src/oracle/reply.ts';
import { zeros } from '../../src/tensor/create.ts';
import { inPhase, layerCase, offBy, results, resultsWithout, sent } from '../support/replies.ts';

const test = suite('the verdict on a foreign answer');
const standard = { dtype: 'float32', factor: profiles.standard } as const;
const invalid = (): Case => ({ ...layerCase(), config: { normalizedShape: [3], eps: -1 } });

test('the profiles are 2, 16 and 256 times what rounding explains', () => {
  assert.equal(profiles, { tight: 2, standard: 16, loose: 256 });
});

test('a right answer passes, with a ratio of at most 1', () => {
  const { outcome, ratio, findings, untested, message } = judge(layerCase(), results(layerCase()), standard);
  assert.equal({ outcome, findings, untested, message }, { outcome: 'passed', findings: [], untested: [], message: '' });
  assert.ok(ratio > 0 && ratio <= 1, `ratio ${ratio}`);
});

for (const dtype of ['float32', 'float64'] as const) {
  test(`${dtype}: an element off by 20 times what rounding explains fails the standard profile, one off by 10 times passes`, () => {
    const asked = layerCase(dtype);
    for (const place of [{ part: 'outputs', name: 'y', at: 4 }, { part: 'grads', name: 'x', at: 2 }, { part: 'grads', name: 'bias', at: 1 }] as const) {
      const far = judge(asked, offBy(asked, 20, place), { dtype, factor: 16 });
      assert.is(far.outcome, 'failed');
      assert.ok(far.ratio > 18 && far.ratio < 22, `ratio ${far.ratio}`);
      assert.is(far.findings.length, 1);
      assert.is(far.findings[0]!.name, place.name);
      assert.is(judge(asked, offBy(asked, 10, place), { dtype, factor: 16 }).outcome, 'passed');
      assert.is(judge(asked, offBy(asked, 10, place), { dtype, factor: profiles.tight }).outcome, 'failed');
      assert.is(judge(asked, offBy(asked, 20, place), { dtype, factor: profiles.loose }).outcome, 'passed');
    }
  });
}

test('float32 results are no right answer in float64', () => {
  const { outcome, ratio } = judge(layerCase('float64'), results(layerCase('float32')), { dtype: 'float64', factor: profiles.loose });
  assert.is(outcome, 'failed');
  assert.ok(ratio > 1e6);
});

test('a finding has the worst element: its index, what came and was wanted, absolute and relative error, ratio', () => {
  const reply = results(layerCase(), ([call]) => {
    call!.outputs.y!.data[1]! += 1e-3;
    call!.outputs.y!.data[5]! += 1;
  });
  const [finding] = judge(layerCase(), reply, standard).findings;
  const want = results(layerCase());
  const right = want.kind === 'results' ? want.results[0]!.outputs.y!.data[5]! : NaN;
  assert.equal([finding!.call, finding!.part, finding!.name, finding!.index, finding!.note], [0, 'outputs', 'y', [1, 2], undefined]);
  assert.ok(Math.abs(finding!.want - right) < 1e-6 && Math.abs(finding!.got - right - 1) < 1e-6);
  assert.ok(Math.abs(finding!.absolute - 1) < 1e-6);
  assert.ok(Math.abs(finding!.relative - 1 / Math.abs(right)) < 1e-6);
  assert.ok(finding!.ratio > 1e4);
});

test('findings come in graph order: outputs, gradients of inputs, of parameters', () => {
  const reply = results(layerCase(), ([call]) => {
    for (const x of [call!.grads.bias!, call!.grads.weight!, call!.grads.x!, call!.outputs.y!]) x.data[0]! += 1;
  });
  const verdict = judge(layerCase(), reply, standard);
  assert.equal(verdict.findings.map(({ part, name }) => `${part} ${name}`), ['outputs y', 'grads x', 'grads weight', 'grads bias']);
  assert.match(verdict.message, /^call 0, outputs y\[0, 0\]: got .*, want .*; and 3 more$/);
});

test('a tensor that is missing among others fails, and says so', () => {
  const { outcome, ratio, findings, message } = judge(layerCase(), results(layerCase(), ([call]) => void delete call!.grads.weight), standard);
  assert.equal([outcome, ratio, findings.length, findings[0]!.name, findings[0]!.note], ['failed', Infinity, 1, 'weight', 'missing']);
  assert.is(message, 'call 0, grads weight is missing');
});

test('outputs that are left out are missing, gradients that are left out are untested', () => {
  const without = (part: 'outputs' | 'grads') => judge(layerCase(), resultsWithout(layerCase(), part), standard);
  assert.equal([without('outputs').outcome, without('outputs').findings[0]!.note], ['failed', 'missing']);
  assert.equal([without('grads').outcome, without('grads').untested], ['passed', ['grads']]);
});

test('a tensor of another shape fails, and says both', () => {
  const wrong = (shape: number[]) => {
    const reply = results(layerCase(), ([call]) => void (call!.grads.bias = zeros(shape)));
    return judge(layerCase(), reply, standard).findings[0]!.note;
  };
  assert.is(wrong([2]), 'of shape [2] instead of [3]');
  assert.is(wrong([1, 3]), 'of shape [1, 3] instead of [3]');
});

test('a tensor that was not asked for is named, and fails nothing', () => {
  const reply = results(layerCase(), ([call]) => void (call!.outputs.mean = zeros([2])));
  const { outcome, message } = judge(layerCase(), reply, standard);
  assert.equal([outcome, message], ['passed', 'not asked for: outputs mean']);
});

test('only forward, and only backward, judge that half', () => {
  const wrong = (part: 'outputs' | 'grads', name: string) => results(layerCase(), ([call]) => void (call![part][name]!.data[0]! += 1));
  const outcome = (reply: Reply, only: 'forward' | 'backward') => judge(layerCase(), reply, { ...standard, only }).outcome;
  assert.is(outcome(wrong('outputs', 'y'), 'forward'), 'failed');
  assert.is(outcome(wrong('outputs', 'y'), 'backward'), 'passed');
  assert.is(outcome(wrong('grads', 'x'), 'forward'), 'passed');
  assert.is(outcome(wrong('grads', 'x'), 'backward'), 'failed');
});

test('an answer of which nothing can be judged does not pass', () => {
  const verdict = judge(layerCase(), resultsWithout(layerCase(), 'grads'), { ...standard, only: 'backward' });
  assert.equal(verdict, { outcome: 'skipped', ratio: 0, findings: [], untested: ['grads'], message: 'nothing could be judged' });
});

test('a case that is skipped is skipped, for the reason given', () => {
  assert.equal(judge(layerCase(), { kind: 'skipped', message: 'no affine' }, standard).message, 'no affine');
  assert.equal(judge(invalid(), { kind: 'skipped', message: '' }, standard).outcome, 'skipped');
});

test('a valid case that is rejected, or answered by an error, fails', () => {
  const rejected = judge(layerCase(), { kind: 'rejected', message: 'bad eps' }, standard);
  assert.equal([rejected.outcome, rejected.ratio, rejected.message], ['failed', Infinity, 'rejects a valid case: "bad eps"']);
  const errored = judge(layerCase(), { kind: 'errored', message: 'boom' }, standard);
  assert.equal([errored.outcome, errored.message], ['failed', 'fails: "boom"']);
});

test('an invalid case passes only when it is rejected', () => {
  assert.is(judge(invalid(), { kind: 'rejected', message: 'eps' }, standard).outcome, 'passed');
  const accepted = judge(invalid(), results(layerCase()), standard);
  assert.is(accepted.outcome, 'failed');
  assert.match(accepted.message, /^accepts a case that is invalid: ".*eps.*"$/);
  const errored = judge(invalid(), { kind: 'errored', message: 'boom' }, standard);
  assert.is(errored.outcome, 'failed');
  assert.match(errored.message, /^fails: "boom", where an invalid case is to be rejected: /);
});

test('a case of the phase invalid is to be rejected, whatever the norm says', () => {
  const asked = inPhase('invalid', layerCase());
  assert.equal(judge(asked, results(layerCase()), standard).message, 'accepts a case that is invalid');
  assert.is(judge(asked, { kind: 'rejected', message: '' }, standard).outcome, 'passed');
  assert.is(judge(inPhase('regular', layerCase()), results(layerCase()), standard).outcome, 'passed');
});

test('results of fewer calls are missing, of more calls too many', () => {
  assert.equal(judge(layerCase(), sent([], 'float32'), standard).findings[0]!.note, 'missing');
  const { outcome, message } = judge(layerCase(), results(layerCase(), (calls) => void calls.push(calls[0]!)), standard);
  assert.equal([outcome, message], ['failed', 'answers 2 calls, where 1 were asked for']);
});

test('without gradOutputs no gradient is wanted', () => {
  const { calls, ...rest } = layerCase();
  const asked = { ...rest, calls: calls.map((call) => ({ ...call, gradOutputs: {} })) };
  assert.equal(judge(asked, resultsWithout(asked, 'grads'), standard).untested, []);
});

test('an element with nothing allowed has to be exact', () => {
  // a weight of 0 takes every deviation out of y
  const json = { norm: 'layer', config: { normalizedShape: [2] }, params: { weight: { shape: [2], data: [0, 1] } }, calls: [{ inputs: { x: { shape: [1, 2], data: [1, 4] } } }] };
  const asked = caseFromJson(json, 'float32');
  const ratioWith = (value: number) => judge(asked, results(asked, ([call]) => void (call!.outputs.y!.data[0] = value)), standard).ratio;
  assert.ok(ratioWith(0) <= 1);
  assert.ok(ratioWith(-0) <= 1);
  assert.is(ratioWith(1e-30), Infinity);
});

test('an early verdict is the same verdict', () => {
  for (const times of [0, 10, 15, 17, 20]) {
    for (const place of [{ part: 'outputs', name: 'y', at: 4 }, { part: 'grads', name: 'x', at: 2 }] as const) {
      const reply = offBy(layerCase(), times, place);
      const full = judge(layerCase(), reply, standard);
      const early = judge(layerCase(), reply, { ...standard, early: true });
      assert.is(early.outcome, full.outcome);
      assert.equal(early.findings, full.findings);
      assert.ok(early.ratio >= full.ratio);
    }
  }
});

test.run();
