/** Mistakes in reading a foreign reply, in its verdict, and in what is reported of it. */
import type { Mutant } from './mutant.ts';

type Patch = readonly [name: string, find: string, replace: string];

function of(file: string, tests: readonly string[], patches: readonly Patch[]): Mutant[] {
  return patches.map(([name, find, replace]) => ({ name, file: `src/oracle/${file}.ts`, find, replace, tests: tests.map((test) => `oracle/${test}`) }));
}

export const mutants: readonly Mutant[] = [
  ...of('reply', ['reply'], [
    ['a reply that says two things is believed', 'if (said.length > 1)', 'if (said.length > 9)'],
    ['a part that is null is read', "...(given(grads) && { grads:", "...(grads !== undefined && { grads:"],
    ['a tensor that is null is read', 'filter(([, entry]) => given(entry))', 'filter(([, entry]) => entry !== undefined)'],
    ['a part that is left out is empty', '...(given(stateAfter) && { stateAfter: tensorsAt(`${at}.stateAfter`, stateAfter, dtype) }),', 'stateAfter: tensorsAt(`${at}.stateAfter`, stateAfter ?? {}, dtype),'],
    ['the place of a bad tensor is not said', 'throw new TypeError(`${at}: ${reason}${hint}`', 'throw new TypeError(`${reason}${hint}`'],
    ['any value is a flag', 'return value === true;\n', 'return value === true;\n  if (value) return true;\n'],
    ['a traceback is lost', '...(traceback !== undefined && { traceback })', '...(traceback === undefined && { traceback: "" })'],
  ]),
  ...of('judge', ['judge'], [
    ['a rejected valid case passes', "if (reply.kind !== 'results') return verdict('failed', Infinity,", "if (reply.kind !== 'results') return verdict('passed', 0,"],
    ['an accepted invalid case passes', "if (reply.kind === 'results') return verdict('failed', Infinity,", "if (reply.kind === 'results') return verdict('passed', 0,"],
    ['an invalid case passes with any error', "if (reply.kind === 'rejected') return", "if (reply.kind !== 'results') return"],
    ['the phase invalid does not count', "asked.phase === 'invalid'", "asked.phase === 'none'"],
    ['every case with a phase is invalid', "asked.phase === 'invalid'", "asked.phase !== undefined"],
    ['results of too many calls pass', 'reply.results.length > plain.calls.length', 'reply.results.length > 99'],
    ['nothing judged passes', "verdict('skipped', 0, 'nothing could be judged')", "verdict('passed', 0, 'nothing could be judged')"],
    ['a missing tensor passes', 'if (!got || !sameShape', 'if (!got) continue;\n    if (!sameShape'],
    ['another shape with as many elements passes', '!sameShape(got.shape, right.shape)', 'got.data.length !== right.data.length'],
    ['the limit is twice the factor', '!(element.ratio <= limits.factor)', '!(element.ratio <= 2 * limits.factor)'],
    ['the limit is half the factor', '!(element.ratio <= limits.factor)', '!(element.ratio <= limits.factor / 2)'],
    ['every dtype is judged as float32', 'unit: unitOf[options.dtype]', 'unit: unitOf.float32'],
    ['every dtype is judged as float64', 'unit: unitOf[options.dtype]', 'unit: unitOf.float64'],
    ['only the spread of no run is allowed', 'while (!(early && found.findings.length === 0)', 'while (!(found.findings.length === 0 || early)'],
    ['untested parts are not told of a case that passes', "return { ...verdict('passed', ratio, others), untested };", "return verdict('passed', ratio, others);"],
    ['what was not asked for is not told', "extra.length > 0 ? `not asked for", "extra.length > 99 ? `not asked for"],
    ['the ratio is that of the last tensor', 'worst = Math.max(worst, element.ratio);', 'worst = element.ratio;'],
  ]),
  ...of('judge-parts', ['judge'], [
    ['outputs that are left out are untested', "if (!tensors && part !== 'outputs')", 'if (!tensors)'],
    ['only forward judges the gradients', "(part === 'outputs') === (only === 'forward')", "(part === 'grads') === (only === 'forward')"],
    ['only forward judges the state of the backward', "byBackward.has(name) === (only === 'backward')", "byBackward.has(name) === (only === 'forward')"],
    ['state of a backward that was left out is judged', "part === 'stateAfter' && !backward && byBackward", "part === 'stateAfter' && backward && byBackward"],
    ['no backward moves state', 'if (!asked.entry.published) return new Set();', 'return new Set();'],
    ['the calls of an untested part are not told', 'calls.length === everywhere ? what', 'calls.length >= 1 ? what'],
    ['gradients come in the order of the answer', "if (part !== 'grads') return names;", 'return names;'],
    ['what is left out is not told', 'leaveOut(part, call);\n', ''],
  ]),
  ...of('judge-tensor', ['judge'], [
    ['the first element is the worst', 'if (here > ratio ||', 'if (k === 0 ||'],
    ['the index is not split by axes', 'index.unshift(rest % extent);', 'index.push(rest % extent);'],
    ['an infinity of either sign is beyond the range', 'got * want <= 0', 'got * want === 0'],
    ['every infinity is beyond the range', 'left <= factor * allowed ?', 'left >= 0 ?'],
    ['no result is beyond the range', 'if (ratio < Infinity ||', 'if (ratio <= Infinity ||'],
    ['float64 has the range of float32', 'float64: 1.7976931348623157e308', 'float64: 3.4028234663852886e38'],
    ['the relative error is of what came', 'absolute / Math.abs(value)', 'absolute / Math.abs(got.data[at]!)'],
  ]),
  ...of('tolerance', ['judge-non-finite', 'tolerance.test'], [
    ['where a number and an infinity disagree NaN is right', 'return Number.isNaN(got) ? Infinity : 0;', 'return 0;'],
    ['what is allowed of an infinity is infinite', 'value === 0 || !Number.isFinite(value) ? 0', 'value === 0 ? 0'],
    ['NaN is far from NaN', 'return Object.is(a, b) ? 0 : Math.abs(a - b);', 'return Math.abs(a - b);'],
    ['the definition never disagrees with itself', '|| Number.isNaN(allowed)) return 0;', ') return 0;'],
  ]),
  ...of('tolerance', ['tolerance-early'], [
    ['the last run counts, not the largest', 'Math.max(worst[k]!, distance(', 'Math.max(0, distance('],
    ['a bound is not looked at after the first run', 'if (worst.ratio <= limit) break;', 'if (worst.ratio <= limit || stage) break;'],
    ['a bound is taken for kept at twice the limit', 'if (worst.ratio <= limit) break;', 'if (worst.ratio <= 2 * limit) break;'],
    ['one run is left out', 'for (let run = 0; run < runs; run++)', 'for (let run = 1; run < runs; run++)'],
    ['an early end never comes', 'if (worst.ratio <= limit) break;', ''],
  ]),
  ...of('show-number', ['show-number'], [
    ['two numbers that are near look the same', '2 - Math.floor(Math.log10(apart))', '0 - Math.floor(Math.log10(apart))'],
    ['a negative zero is a zero', "Object.is(value, -0) ? '-0' : '0'", "Object.is(value, -0) ? '0' : '0'"],
  ]),
  ...of('report', ['report'], [
    ['the ratio is not to the limit', 'showNumber(ratio / factor)', 'showNumber(ratio)'],
    ['the first tensor is told twice', 'if (others.length > 0)', 'others.unshift(first!);\n  if (others.length > 1)'],
    ['a flag is told twice', '[...new Set([...(phase', '[...([...(phase'],
    ['the case is not one line', 'JSON.stringify(shrunk)', 'JSON.stringify(shrunk, null, 1)'],
  ]),
  ...of('summary', ['summary'], [
    ['an untested part counts twice in a case', "new Set(untested.map((what) => what.split(' ')[0]!))", "untested.map((what) => what.split(' ')[0]!)"],
    ['the ratio is the last', 'this.ratio = Math.max(this.ratio, ratio);', 'this.ratio = ratio;'],
    ['a norm without a case has a ratio', "passed + failed === 0 ? '-'", "passed + failed < 0 ? '-'"],
  ]),
  ...of('records', ['records'], [
    ['numbers that JSON does not have are null', 'typeof value === \'number\' && (!Number', 'typeof value === \'none\' && (!Number'],
    ['the negative zero loses its sign', "(!Number.isFinite(value) || Object.is(value, -0))", '!Number.isFinite(value)'],
    ['the record of a case does not say what it is', "line({ record: 'case', norm", "line({ norm"],
  ]),
];
