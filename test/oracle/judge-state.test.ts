/** Verdicts on answers of several calls, of norms that move state backward, and of norms with several inputs. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { answer } from '../../src/oracle/answer.ts';
import { judge } from '../../src/oracle/judge.ts';
import { results, resultsWithout, sent, vectorCase } from '../support/replies.ts';

const test = suite('the verdict on state and on several calls');
const standard = { dtype: 'float32', factor: 16 } as const;
const batch = () => vectorCase('batch', 'rank2, three train steps then eval');
const online = () => vectorCase('online', 'defaults-4d');
const sync = () => vectorCase('sync-batch', '2 equal replicas, rank4');

test('right answers of several calls pass, state after each included', () => {
  for (const asked of [batch(), online(), sync()]) {
    const { outcome, ratio, untested } = judge(asked, results(asked), standard);
    assert.equal([outcome, untested], ['passed', []]);
    assert.ok(ratio <= 1);
  }
});

test('state that is wrong after one call is found there, and findings come call by call', () => {
  const reply = results(batch(), (calls) => {
    calls[2]!.outputs.y!.data[0]! += 1;
    calls[1]!.stateAfter.runningVar!.data[3]! *= 1.01;
    calls[1]!.grads.x!.data[7]! += 1;
  });
  const { findings } = judge(batch(), reply, standard);
  assert.equal(findings.map(({ call, part, name }) => `${call} ${part} ${name}`), ['1 grads x', '1 stateAfter runningVar', '2 outputs y']);
  assert.equal(findings[1]!.index, [3]);
});

test('a batch that is not counted is found, though all else is right', () => {
  const reply = results(batch(), (calls) => void (calls[3]!.stateAfter.numBatchesTracked!.data[0]! -= 1));
  assert.equal(judge(batch(), reply, standard).findings.map(({ name, got, want }) => [name, got, want]), [['numBatchesTracked', 2, 3]]);
});

test('state that is left out is untested: in all calls, or in those that are named', () => {
  assert.equal(judge(batch(), resultsWithout(batch(), 'stateAfter'), standard).untested, ['stateAfter']);
  const some = judge(batch(), resultsWithout(batch(), 'stateAfter', [1, 2]), standard);
  assert.equal([some.outcome, some.untested], ['passed', ['stateAfter of call 1, 2']]);
});

test('a published backward is judged by its recursion, with the state that it moves', () => {
  const reply = results(online(), (calls) => void (calls[1]!.stateAfter.errorProj!.data[0]! += 1e-3));
  assert.equal(judge(online(), reply, standard).findings.map(({ name, call }) => [call, name]), [[1, 'errorProj']]);
  const exact = results(online(), (calls) => void (calls[2]!.grads.x!.data[0]! += 1e-2));
  assert.equal(judge(online(), exact, standard).findings.map(({ name, call }) => [call, name]), [[2, 'x']]);
});

test('without a backward the state that it would move is untested, and the other state is judged', () => {
  const { calls, ...rest } = online();
  const forward = answer({ ...rest, calls: calls.map((call) => ({ ...call, gradOutputs: {} })) });
  const sentForward = sent(forward.map(({ outputs, stateAfter }) => ({ outputs, stateAfter })), 'float32');
  const verdict = judge(online(), sentForward, standard);
  assert.equal([verdict.outcome, verdict.untested], ['passed', ['grads', 'stateAfter errorMean', 'stateAfter errorProj']]);
  forward[2]!.stateAfter.runningMean!.data[0]! += 1;
  const wrong = sent(forward.map(({ outputs, stateAfter }) => ({ outputs, stateAfter })), 'float32');
  assert.is(judge(online(), wrong, standard).outcome, 'failed');
});

test('only forward leaves out the state that the backward moves, only backward judges it', () => {
  const outcome = (name: string, only: 'forward' | 'backward') =>
    judge(online(), results(online(), (calls) => void (calls[0]!.stateAfter[name]!.data[0]! += 1)), { ...standard, only }).outcome;
  assert.equal([outcome('runningMean', 'forward'), outcome('runningMean', 'backward')], ['failed', 'passed']);
  assert.equal([outcome('errorMean', 'forward'), outcome('errorMean', 'backward')], ['passed', 'failed']);
});

test('numbered inputs and outputs are each judged by its name', () => {
  const reply = results(sync(), ([call]) => {
    [call!.outputs.y0, call!.outputs.y1] = [call!.outputs.y1!, call!.outputs.y0!];
    call!.grads.x1!.data[0]! += 1;
  });
  const { findings } = judge(sync(), reply, standard);
  assert.equal(findings.map(({ part, name }) => `${part} ${name}`), ['outputs y0', 'outputs y1', 'grads x1']);
});

test('gradients of the inputs come before those of the parameters and their copies', () => {
  const asked = sync();
  const reply = results(asked, ([call]) => {
    for (const gradient of Object.values(call!.grads)) gradient.data[0]! += 1;
  });
  const names = judge(asked, reply, standard).findings.map(({ name }) => name);
  assert.equal(names.slice(0, 2), ['x0', 'x1']);
  assert.equal(names.slice(2).sort(), ['bias', 'bias0', 'bias1', 'weight', 'weight0', 'weight1']);
});

test.run();
