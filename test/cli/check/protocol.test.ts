import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import { compile } from '../../support/compiled.ts';
import { reply } from '../../../src/oracle/protocol.ts';
import { isAlive, started } from './start-harness.ts';

const test = suite('normgrad answer is a harness');
const compiled = compile();
test.after(compiled.remove);

const vectors = (slug: string, count: number): object[] => {
  const { cases } = JSON.parse(readFileSync(new URL(`../../vectors/${slug}.json`, import.meta.url), 'utf8')) as { cases: object[] };
  return cases.slice(0, count).map((found) => ({ ...found, norm: slug }));
};

test('it is started, answers cases, refuses a wrong one and goes on, and is stopped', async () => {
  const harness = await started([process.execPath, compiled.path('src/cli/main.ts'), 'answer']);
  const { implementation, norms, dtypes, features } = harness.introduction;
  assert.is(implementation.name, 'normgrad');
  assert.ok(norms.includes('layer') && norms.includes('batch'));
  assert.equal(dtypes, ['float32', 'float64']);
  assert.equal(features, ['state', 'eval']);

  for (const asked of [...vectors('layer', 3), ...vectors('batch', 3)]) {
    const wanted: unknown = JSON.parse(JSON.stringify(reply(JSON.stringify(asked))));
    assert.ok(Array.isArray((wanted as { results: unknown }).results));
    assert.equal(await harness.run(asked), wanted);
  }
  const wrong = { norm: 'layer', config: { normalizedShape: [3] }, calls: [{ inputs: { x: { shape: [1, 2], data: [1, 2] } } }] };
  const refused = (await harness.run(wrong)) as { rejected: boolean; message: string };
  assert.is(refused.rejected, true);
  assert.match(refused.message, /normalizedShape/);
  const unknown = (await harness.run({ norm: 'no such norm', calls: [] })) as { errored: boolean };
  assert.is(unknown.errored, true);

  const [asked] = vectors('group', 1);
  const before = await harness.run(asked!);
  await harness.restart();
  assert.equal(await harness.run(asked!), before);
  await harness.stop();
});

test('many small cases and a large one pass through it in order', async () => {
  const harness = await started([process.execPath, compiled.path('src/cli/main.ts'), 'answer', '--dtype', 'float64']);
  const asked = (count: number, bias: number): object => ({
    norm: 'layer',
    config: { normalizedShape: [1], eps: 1 },
    params: { weight: { shape: [1], data: [1] }, bias: { shape: [1], data: [bias] } },
    calls: [{ mode: 'eval', inputs: { x: { shape: [count, 1], data: new Array<number>(count).fill(1 / 3) } } }],
  });
  for (const [count, bias] of [...Array.from({ length: 50 }, (_, i) => [1, i] as const), [200_000, 0.5] as const, [2, 7] as const]) {
    const { results } = (await harness.run(asked(count, bias))) as { results: { outputs: { y: { data: number[] } } }[] };
    const { data } = results[0]!.outputs.y;
    assert.is(data.length, count);
    assert.ok(data.every((y) => y === bias));
  }
  await harness.stop();
});

test('it ends by itself at the end of its input', async () => {
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, [compiled.path('src/cli/main.ts'), 'answer'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const code = new Promise((resolve) => child.on('exit', resolve));
  child.stdin.end();
  assert.is(await code, 0);
  assert.not(isAlive(child.pid!));
});

test.run();
