import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grad } from '../../src/autograd/backward.ts';
import { gradcheck } from '../../src/autograd/gradcheck.ts';
import { noGrad } from '../../src/autograd/record.ts';
import { copy } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { type Primitive, primitives } from '../support/primitives.ts';

const test = suite('primitives');

/** Exported functions with a tensor for a result that are not in the table, and why. */
const exempt = new Map([
  ['cast', 'rounding to float32 is a staircase to the differences of a check; its own tests are exact'],
  ['record', 'notes an operation, and returns what it is given'],
  ['detach', 'its purpose is to have no derivative'],
  ['grad', 'gives derivatives'],
  ['greater', 'a constant'],
  ['less', 'a constant'],
  ['equal', 'a constant'],
]);

/** The inputs as leaves. */
function leavesOf({ inputs }: Primitive, random: Random): Tensor[] {
  return inputs(random).map((x) => copy(x, { requiresGrad: true }));
}

/** The pullback as a function of the inputs and, last, the gradient of the output. */
function pullbackOf({ f }: Primitive): (...all: Tensor[]) => Tensor[] {
  return (...all) => {
    const inputs = all.slice(0, -1);
    return grad([f(...inputs)], inputs, { gradOutputs: [all[all.length - 1]!], createGraph: true });
  };
}

for (const [at, primitive] of primitives.entries()) {
  test(`${primitive.name}: the gradient is the derivative`, () => {
    const result = gradcheck(primitive.f, leavesOf(primitive, new Random(at)));
    assert.ok(result.passed, result.message);
    assert.not.ok(result.inconclusive);
  });

  test(`${primitive.name}: the gradient of the gradient is its derivative`, () => {
    const random = new Random(1000 + at);
    const inputs = leavesOf(primitive, random);
    const y = noGrad(() => primitive.f(...inputs));
    const dy = normal(random, y.shape, 0, 1, { dtype: 'float64', requiresGrad: true });
    const result = gradcheck(pullbackOf(primitive), [...inputs, dy]);
    assert.ok(result.passed, result.message);
    assert.not.ok(result.inconclusive);
  });
}

test('every function of src/autograd that gives a tensor is in the table, once per name', () => {
  const folder = new URL('../../src/autograd/', import.meta.url);
  const found = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.startsWith('_'))
    .flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/^export function (\w+)[^{]*?\([^]*?\)(: .*) \{$/gm)])
    .filter(([, , result]) => /^: Tensor(\[\])?$/.test(result!))
    .map(([, name]) => name!);
  const covered = new Set(primitives.map(({ name }) => name.split(':')[0]!));
  assert.equal(found.filter((name) => !covered.has(name) && !exempt.has(name)), [], 'not covered: add to test/support/primitives.ts');
  assert.equal([...covered, ...exempt.keys()].filter((name) => !found.includes(name)), [], 'covered, but not found');
  assert.is(new Set(primitives.map(({ name }) => name)).size, primitives.length);
});

test.run();
