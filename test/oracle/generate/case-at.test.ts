/** The cases of a run: what a run is made of, and that it can be cut up and repeated. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { entryOf } from '../../../src/norms/catalog.ts';
import { answer } from '../../../src/oracle/answer.ts';
import { caseFromJson, caseToJson } from '../../../src/oracle/case.ts';
import { caseAt } from '../../../src/oracle/generate/case-at.ts';
import type { OracleCase } from '../../../src/oracle/generate/oracle-case.ts';
import { type Phase, phaseAt, phases } from '../../../src/oracle/generate/phases.ts';
import { judged, worstOf } from '../../../src/oracle/tolerance.ts';
import { listed } from '../../support/listed.ts';
import { runsOf } from '../../support/property.ts';

const test = suite('cases of a run');
/** Cases of each phase of each norm. */
const runs = runsOf(3);
const finite: readonly Phase[] = ['regular', 'single', 'constant', 'offset'];

function cases(slug: string, phase: Phase, count: number): OracleCase[] {
  return Array.from({ length: count }, (_, i) => caseAt(entryOf(slug), i, { seed: 3, runs: count, phases: [phase] }));
}

test('six tenths of a run are regular and come first, then each phase has its part, in order', () => {
  const run = Array.from({ length: 100 }, (_, i) => phaseAt(i, 100));
  assert.equal(run, phases.flatMap((phase) => new Array<Phase>(phase === 'regular' ? 60 : 8).fill(phase)));
});

test('a short run begins regular, and a run of some phases has those alone', () => {
  assert.is(phaseAt(0, 1), 'regular');
  assert.equal([0, 1, 2, 3].map((i) => phaseAt(i, 4, ['offset', 'single'])), ['single', 'single', 'offset', 'offset']);
  assert.equal([0, 1, 2, 3, 4].map((i) => phaseAt(i, 5, ['invalid', 'regular'])), ['regular', 'regular', 'regular', 'invalid', 'invalid']);
});

test('a place outside of the run, and a run of no phase, are errors', () => {
  for (const index of [-1, 5, 0.5, NaN]) assert.throws(() => phaseAt(index, 5), /phaseAt: index must be an integer in \[0, runs\)/);
  assert.throws(() => phaseAt(0, 5, []), /phaseAt: phases must name at least one phase/);
});

test('a case depends on seed, norm, place and run alone: asked again, alone and in another order, it is the same', () => {
  const text = (seed: number, index: number): string => JSON.stringify(caseAt(entryOf('batch'), index, { seed, runs: 30 }).toJson('float32'));
  const forth = Array.from({ length: 30 }, (_, i) => text(5, i));
  const back = Array.from({ length: 30 }, (_, i) => text(5, 29 - i)).reverse();
  assert.equal(forth, back);
  assert.is(new Set(forth).size, 30);
  assert.is.not(text(6, 0), forth[0]);
});

test('a message of a case is read as that very case, whatever its numbers', () => {
  for (const phase of phases) {
    for (const found of cases('batch', phase, 6)) {
      const message = JSON.parse(JSON.stringify(found.toJson('float32'))) as Record<string, unknown>;
      assert.equal(Object.keys(message), ['norm', 'phase', 'flags', 'dtype', 'config', 'params', 'state', 'calls']);
      assert.is(message.phase, found.phase);
      const { phase: _phase, flags: _flags, ...bare } = message;
      assert.equal(caseToJson(caseFromJson(message)), bare);
      assert.equal(caseFromJson(message).config, found.toCase('float32').config);
    }
  }
});

test('float32 and float64 ask the same numbers', () => {
  for (const found of cases('layer', 'offset', 5)) {
    const [narrow, wide] = [found.toCase('float32'), found.toCase('float64')];
    assert.equal(Array.from(narrow.calls[0]!.inputs.x!.data), Array.from(wide.calls[0]!.inputs.x!.data));
  }
});

test('every case has memory of its own', () => {
  const found = cases('batch', 'regular', 1)[0]!;
  found.toCase('float32').calls[0]!.inputs.x!.data.fill(7);
  assert.not(found.toCase('float32').calls[0]!.inputs.x!.data.every((value) => value === 7));
});

test('single: a layer norm over one element gives its bias, whatever the element', () => {
  for (const found of cases('layer', 'single', 10)) {
    assert.is(found.phase, 'single');
    const asked = found.toCase('float64');
    const shift = asked.params.bias ?? null;
    answer(asked)[0]!.outputs.y!.data.forEach((y, i) => assert.is(y + 0, (shift ? shift.data[i % shift.data.length]! : 0) + 0));
  }
});

test('a norm that has no case of a phase has regular ones in its place, which say so', () => {
  for (const found of cases('batch', 'single', 3)) {
    assert.is(found.phase, 'regular');
    assert.is(found.flags[0], 'regular');
  }
});

test('constant: the data are level along the axes that the flag names', () => {
  for (const found of cases('rms', 'constant', 10)) {
    const x = found.toCase('float64').calls[0]!.inputs.x!;
    assert.ok(new Set(x.data).size < x.data.length || x.data.length === 1);
    assert.match(found.flags[1]!, /^constant (tensor|along )/);
  }
});

test('offset: the data lie 1e3 to 1e6 from 0, with a spread of about 2', () => {
  const seen = new Set<number>();
  for (const found of cases('layer', 'offset', 24)) {
    const data = Array.from(found.toCase('float32').calls[0]!.inputs.x!.data);
    const centre = data.reduce((total, value) => total + value, 0) / data.length;
    assert.ok(Math.abs(centre) > 990 && data.every((value) => Math.abs(value - centre) <= 8), found.flags.join());
    seen.add(Math.round(Math.log10(Math.abs(centre))));
  }
  assert.equal([...seen].sort(), [3, 4, 5, 6]);
});

test('non-finite: NaN, both infinities, huge and tiny numbers all occur, and the flags say which', () => {
  const flags = cases('layer', 'non-finite', 60).map((found) => found.flags.join());
  for (const kind of ['NaN in x', ',Infinity in x', '-Infinity in x', '1e15 in x', 'x of size 2^-', 'x of size 2^4']) {
    assert.ok(flags.some((text) => text.includes(kind)), kind);
  }
});

test('invalid: negative eps, NaN, wrong groups, wrong shapes and too few values all occur', () => {
  const said = ['group', 'batch'].flatMap((slug) => cases(slug, 'invalid', 60)).map((found) => found.flags[1]!);
  for (const kind of [/^eps is -1/, /^eps is NaN/, /^momentum is (1.5|-0.1)/, /^numGroups is/, /^weight has one element too many/, /^running(Mean|Var) has/, /^one value for each channel/]) {
    assert.ok(said.some((flag) => kind.test(flag)), String(kind));
  }
});

for (const entry of listed) {
  test(`${entry.slug}: our own answer in float32 is within what rounding explains, in every finite phase`, () => {
    for (const phase of finite) {
      for (let i = 0; i < runs; i++) {
        const found = caseAt(entry, i, { seed: 1, runs, phases: [phase] });
        const { ratio, where, got, want } = worstOf(answer(found.toCase('float32')), judged(found.toCase('float64')));
        assert.ok(ratio <= 1, `${phase} ${i}, ${where}: got ${got}, want ${want}, ${ratio} times the bound`);
      }
    }
  });

  test(`${entry.slug}: our own answer takes what is not finite, and rejects what is invalid`, () => {
    for (let i = 0; i < runs; i++) {
      const lost = caseAt(entry, i, { seed: 1, runs, phases: ['non-finite'] });
      assert.is(lost.phase, 'non-finite');
      const { ratio, where, got, want } = worstOf(answer(lost.toCase('float32')), judged(lost.toCase('float64')));
      assert.ok(ratio <= 1, `${lost.flags}, ${where}: got ${got}, want ${want}, ${ratio} times the bound`);
      const found = caseAt(entry, i, { seed: 1, runs, phases: ['invalid'] });
      assert.is(found.phase, 'invalid');
      for (const form of ['fused', 'definition'] as const) {
        for (const dtype of ['float32', 'float64'] as const) assert.throws(() => answer(found.toCase(dtype), form), /^\w+: /);
      }
      const bare = { ...found.toCase('float64'), calls: found.toCase('float64').calls.map((call) => ({ ...call, gradOutputs: {} })) };
      assert.throws(() => answer(bare), undefined, 'the norm rejects it, not the gradient');
    }
  });
}

test.run();
