/** Random sequences of good and bad answers, restarts and stops, against a model of what a run must come through. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { Harness, HarnessError, type HarnessErrorKind } from '../../../src/cli/check/harness.ts';
import { check } from '../../support/property.ts';
import { patience, script } from './start-harness.ts';

const test = suite('a harness under any sequence of answers');

/** What a case gives at once, and what is then wrong with the process. */
interface Outcome {
  readonly gives: 'answer' | HarnessErrorKind;
  readonly leaves: 'well' | HarnessErrorKind;
}

const well: Outcome = { gives: 'answer', leaves: 'well' };
const later = (kind: HarnessErrorKind): Outcome => ({ gives: 'answer', leaves: kind });
const at = (kind: HarnessErrorKind): Outcome => ({ gives: kind, leaves: kind });

const outcomes: Readonly<Record<string, Outcome>> = {
  'good': well,
  'CRLF': well,
  'BOM': well,
  'blank lines': well,
  'byte by byte': well,
  'much stderr': well,
  'leaves a child': well,
  'answers without newline and ends': later('died'),
  'answers and ends': later('died'),
  'stderr without end': later('timeout'),
  'twice': later('protocol'),
  'lines without end': later('protocol'),
  'ends': at('died'),
  'crashes': at('died'),
  'ends in the middle': at('died'),
  'hangs': at('timeout'),
  'garbage': at('protocol'),
  'garbage before': at('protocol'),
  'no object': at('protocol'),
  'no seq': at('protocol'),
  'wrong seq': at('protocol'),
  'older seq': at('protocol'),
  'blank lines without end': at('protocol'),
};

type Step = { readonly do: 'restart' | 'stop' } | { readonly do: 'run'; readonly behaviour: string; readonly text: string };

const healthy = Object.keys(outcomes).filter((name) => outcomes[name] === well);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: run(fc.constantFrom(...healthy)) },
    { weight: 4, arbitrary: run(fc.constantFrom(...Object.keys(outcomes))) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const) }) },
  ),
  { minLength: 1, maxLength: 12 },
);

const ending: readonly Step[] = [{ do: 'restart' }, { do: 'run', behaviour: 'good', text: 'the end' }];

function run(behaviour: fc.Arbitrary<string>): fc.Arbitrary<Step> {
  return fc.record({ do: fc.constant('run' as const), behaviour, text: fc.string({ unit: 'binary', maxLength: 20 }) });
}

test('every case gives its answer or the error that the model foretells, and the run goes on after a restart', async () => {
  const property = fc.asyncProperty(steps, async (sequence) => {
    const harness = await Harness.start({
      command: script('on-demand'),
      startTimeout: patience,
      caseTimeout: patience,
      // a child that was left behind holds the pipes of an ended process; one that floods standard error hears no stop
      limits: { drain: 300, grace: 100 },
    });
    let state: Outcome['leaves'] = 'well';
    const pids = new Set<number>();
    let current: number | null = null;
    try {
      for (const step of [...sequence, ...ending]) {
        if (step.do === 'run') {
          const { gives, leaves }: Outcome = state === 'well' ? outcomes[step.behaviour]! : at(state);
          const limit = gives === 'timeout' ? { timeout: 100 } : {};
          const asked = { do: step.behaviour, text: step.text };
          const outcome = await harness.run(asked, limit).catch((error: unknown) => error);
          if (gives === 'answer') {
            const { results, pid } = outcome as { results: unknown; pid: number };
            assert.equal(results, [step.text], `${step.behaviour}: ${String(outcome)}`);
            if (current === null) assert.not(pids.has(pid));
            else assert.is(pid, current);
            pids.add((current = pid));
          } else {
            assert.instance(outcome, HarnessError);
            assert.is((outcome as HarnessError).kind, gives, `${step.behaviour}: ${(outcome as HarnessError).message}`);
          }
          state = leaves;
        } else if (step.do === 'restart') {
          await harness.restart();
          [state, current] = ['well', null];
        } else {
          await harness.stop();
          if (state === 'well') state = 'died';
        }
      }
    } finally {
      await harness.stop();
    }
  });
  await check(property, { runs: 6 });
});

test.run();
