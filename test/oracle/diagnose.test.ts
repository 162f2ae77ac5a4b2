import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { catalog, ops } from '../../src/norms/catalog.ts';
import { type Answer, answer } from '../../src/oracle/answer.ts';
import { type Case, caseFromJson, caseToJson } from '../../src/oracle/case.ts';
import { diagnose, diagnoseAll, mistakes } from '../../src/oracle/diagnose.ts';
import { caseAt } from '../../src/oracle/generate/case-at.ts';
import { inDouble } from '../../src/oracle/mistakes/mistake.ts';
import { runsOf } from '../support/property.ts';

const test = suite('the diagnosis of a failing answer');
const factor = 16;

/** A layer norm of two rows of three. */
function asked(config: object = {}, dtype: 'float32' | 'float64' = 'float32'): Case {
  const tensor = (shape: number[], data: number[]) => ({ shape, data });
  const params = { weight: tensor([3], [0.5, -2, 1.25]), bias: tensor([3], [0.25, 1, -0.5]) };
  const x = tensor([2, 3], [1, 2, 4, -3, 0.5, 2]);
  const y = tensor([2, 3], [1, -0.5, 0.25, 2, 1, -1]);
  return caseFromJson({ norm: 'layer', config: { normalizedShape: [3], eps: 0.125, ...config }, params, calls: [{ inputs: { x }, gradOutputs: { y } }] }, dtype);
}

const names = (found: readonly { name: string }[]): string[] => found.map(({ name }) => name);

test('a right answer has no diagnosis', () => {
  assert.equal(diagnose(asked(), answer(asked()), { factor }), []);
});

test('an answer with eps counted twice is named so', () => {
  const got = answer(asked({ eps: 0.25 }));
  assert.is(diagnose(asked(), got, { factor })[0]!.name, 'eps-doubled');
});

test('a number of the wrong answer that is off by itself has no diagnosis', () => {
  const got = answer(asked({ eps: 0.25 }));
  got[0]!.grads.x!.data[4]! += 0.01;
  assert.equal(diagnose(asked(), got, { factor }), []);
});

test('a wrong answer of a kind that is not catalogued has no diagnosis', () => {
  const got = answer(asked());
  got[0]!.outputs.y!.data[1]! *= 1.5;
  assert.equal(diagnose(asked(), got, { factor }), []);
});

test('what was not given is not compared', () => {
  const [wrong] = answer(asked({ eps: 0.25 }));
  const { outputs } = wrong!;
  assert.ok(names(diagnose(asked(), [{ outputs }], { factor })).includes('eps-doubled'));
  assert.equal(diagnose(asked(), [{ outputs: {} }], { factor }), []);
});

test('the mistake that changes the fewest tensors comes first, whatever was given of them', () => {
  const tensor = (shape: number[], data: number[]) => ({ shape, data });
  const inputs = { weightV: tensor([2, 2], [1, 2, -1, 0.5]), weightG: tensor([2, 1], [0.5, 2]) };
  const weight = tensor([2, 2], [1, -0.5, 2, 0.25]);
  const plain = caseFromJson({ norm: 'weight', calls: [{ inputs, gradOutputs: { weight } }] });
  const [{ outputs }] = answer(plain) as [Answer];
  for (let i = 0; i < 4; i++) outputs.weight!.data[i]! /= Math.sqrt(i < 2 ? 5 : 1.25);
  assert.equal(names(diagnose(plain, [{ outputs }], { factor })), ['squared-length', 'squared-length-differentiated']);
  const turned = mistakes().slice().reverse();
  assert.equal(names(diagnose(plain, [{ outputs }], { factor, among: turned })), ['squared-length', 'squared-length-differentiated']);
});

test('a mistake with an answer of its own comes before one of rounding', () => {
  const got = answer(asked({}, 'float32'));
  const rounding = mistakes().find(({ name }) => name === 'computed-in-float32')!;
  const exact = { name: 'exact', says: 'with just these numbers', fits: () => true, answer: () => got };
  assert.equal(names(diagnose(asked({}, 'float64'), got, { factor, among: [rounding, exact] })), ['exact', 'computed-in-float32']);
});

test('several cases tell mistakes apart that one of them does not', () => {
  // twice 2 is 2 squared; of 0.5 it is not
  const doubled = (eps: number) => ({ asked: asked({ eps }), got: answer(asked({ eps: 2 * eps })) });
  assert.equal(names(diagnoseAll([doubled(2)], { factor })), ['eps-doubled', 'eps-squared']);
  assert.equal(names(diagnoseAll([doubled(2), doubled(0.5)], { factor })), ['eps-doubled']);
});

test('a right answer among the failing ones takes the diagnosis away', () => {
  const wrong = { asked: asked(), got: answer(asked({ eps: 0.25 })) };
  assert.equal(diagnoseAll([wrong, { asked: asked(), got: answer(asked()) }], { factor }), []);
  assert.equal(diagnoseAll([], { factor }), []);
});

test('float64 that is somewhere rounded to float32 is named when nothing else explains it', () => {
  const got = answer(asked({}, 'float32'));
  assert.is(diagnose(asked({}, 'float64'), got, { factor })[0]!.name, 'computed-in-float32');
});

test('names are unique and in kebab case, and what they say ends a sentence', () => {
  assert.is(new Set(names(mistakes())).size, mistakes().length);
  for (const { name, says } of mistakes()) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.match(says, /^(with|without|as) .*[^.]$/);
  }
});

test('a mistake answers every case that it fits with tensors of the right shapes, or refuses it as a norm does, and changes nothing of it', () => {
  for (const entry of [...catalog, ...ops]) {
    for (const index of runsOf(1) > 1 ? [0, 1, 2, 3] : [0]) {
      const plain = inDouble(caseAt(entry, index, { seed: 3, runs: 4, phases: ['regular'] }).toCase('float64'));
      const before = JSON.stringify(caseToJson(plain));
      const right = answer(plain, 'definition');
      for (const mistake of mistakes()) {
        if (!mistake.fits(plain)) continue;
        let wrong: readonly Answer[];
        try {
          wrong = mistake.answer(plain, right, right);
        } catch (error) {
          assert.ok(/ShapeError|RangeError/.test((error as Error).name), `${mistake.name} of ${entry.slug}: ${(error as Error).stack}`);
          continue;
        }
        const shapes = (answers: readonly Answer[]): string =>
          JSON.stringify(answers.map(({ outputs, grads, stateAfter }) => [outputs, grads, stateAfter].map((part) => Object.entries(part).map(([name, x]) => [name, x.shape]).sort())));
        assert.is(shapes(wrong), shapes(right), `${mistake.name} of ${entry.slug}`);
      }
      assert.is(JSON.stringify(caseToJson(plain)), before, entry.slug);
    }
  }
});

test.run();
