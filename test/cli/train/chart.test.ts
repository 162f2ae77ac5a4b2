import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lineChart } from '../../../src/cli/train/chart.ts';
import type { Run } from '../../../src/cli/train/loop.ts';
import { linearScale, logScale } from '../../../src/cli/train/scale.ts';
import { summarize } from '../../../src/cli/train/summary.ts';

const test = suite('the chart');

function run(norm: string, losses: readonly number[], accuracies: readonly number[], status: Run['status'] = 'done'): Run {
  const epochs = accuracies.map((testAccuracy, i) => ({ epoch: i + 1, trainLoss: 1, trainAccuracy: 0, testLoss: 1, testAccuracy }));
  return { norm, status, parameters: 1, savedBytes: 1, losses: [...losses], times: [1], epochs };
}

function draw(runs: readonly Run[], stepsPerEpoch = 8): string {
  const text = { title: 'A < B & C', subtitle: 'sub "title"' };
  return lineChart(runs, runs.map((each) => summarize(each, stepsPerEpoch)), stepsPerEpoch, text);
}

/** Opening and closing tags in balance, no bare `&`, no number that is none. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, end, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^<>]*)>/g)) {
    if (end) assert.is(open.pop(), name);
    else if (!rest!.endsWith('/')) open.push(name!);
  }
  assert.equal(open, []);
  assert.not.match(svg, /&(?!amp;|lt;|gt;|quot;)/);
  assert.not.match(svg, /NaN|Infinity|undefined/);
}

/** The points of the drawn curves. */
function curves(svg: string): [number, number][][] {
  return [...svg.matchAll(/<path d="M([\d. -]+(?:L[\d. -]+)*)" fill="none" stroke="#\w+" stroke-width="2.25"/g)].map(([, path]) =>
    path!.split('L').map((point) => point.split(' ').map(Number) as [number, number]),
  );
}

const falling = Array.from({ length: 16 }, (_, i) => 2 / (1 + i));

test('has a title, two panels with axes and a legend, and is well formed', () => {
  const svg = draw([run('none', falling, [0.5, 0.6]), run('batch', falling, [0.9, 0.95])]);
  assertWellFormed(svg);
  for (const text of ['>A &lt; B &amp; C<', 'sub &quot;title&quot;', 'Training loss', 'Test accuracy', '>none<', '>batch<', '95.0 %']) {
    assert.ok(svg.includes(text), text);
  }
  assert.is(svg.match(/>epoch</g)!.length, 2);
});

test('draws a curve of loss and one of accuracy for each training, in the right direction', () => {
  const found = curves(draw([run('none', falling, [0.5, 0.6])]));
  assert.is(found.length, 2);
  for (const points of found) for (let i = 1; i < points.length; i++) assert.ok(points[i]![0] > points[i - 1]![0]);
  const [loss, accuracy] = found as [[number, number][], [number, number][]];
  // y points down: a falling loss goes down the picture, a rising accuracy up
  assert.is(loss.length, 16);
  for (let i = 1; i < loss.length; i++) assert.ok(loss[i]![1] >= loss[i - 1]![1]);
  assert.ok(accuracy[1]![1] < accuracy[0]![1]);
});

test('no two of forty trainings have the same line', () => {
  const svg = draw(Array.from({ length: 40 }, (_, i) => run(i === 0 ? 'none' : `norm${i}`, falling, [0.5])));
  assertWellFormed(svg);
  const styles = [...svg.matchAll(/h30" (stroke="[^/]*)\/>/g)].map(([, style]) => style);
  assert.is(styles.length, 40);
  assert.is(new Set(styles).size, 40);
});

test('a legend with long names has two columns, so that names and results do not meet', () => {
  const places = (names: readonly string[]): number[] => {
    const svg = draw(names.map((name) => run(name, falling, [0.5])));
    return [...svg.matchAll(/<path d="M(\d+) \d+h30"/g)].map(([, x]) => Number(x));
  };
  assert.equal(places(['none', 'batch', 'decorrelated-batch', 'group']), [76, 386, 696, 76]);
  assert.equal(places(['none', 'batch', 'instance-level-meta', 'group']), [76, 541, 76, 541]);
  assert.equal(places(['none', 'batch', 'group + weight-standardization', 'group']), [76, 541, 76, 541]);
});

test('marks a divergence, and is well formed without a point, with one, and with losses of any size', () => {
  const svg = draw([run('none', [2, 1e30, NaN], [], 'diverged')]);
  assertWellFormed(svg);
  assert.match(svg, /l10 10m0 -10l-10 10/);
  assert.match(svg, />diverged</);
  assertWellFormed(draw([run('none', [NaN], [], 'diverged')]));
  assertWellFormed(draw([run('none', [], [], 'stopped')]));
  assertWellFormed(draw([run('none', [2], [0], 'done')], 1));
  assertWellFormed(draw([run('none', new Array<number>(16).fill(0), [1, 1])]));
});

test('a training that explodes leaves the others their room: its loss is drawn at the upper edge, up to 100', () => {
  const exploding = [...falling.slice(0, 15), 1e21];
  const [calm] = curves(draw([run('none', falling, [0.5])]));
  const [kept, lost] = curves(draw([run('none', falling, [0.5]), run('batch', exploding, [0.5], 'diverged')]));
  const height = (curve: [number, number][]): number => Math.max(...curve.map(([, y]) => y)) - Math.min(...curve.map(([, y]) => y));
  assert.ok(height(kept!) > height(calm!) / 4, `${height(kept!)} of ${height(calm!)}`);
  assert.is(lost![lost!.length - 1]![1], 96);
});

test('a linear scale has round ticks that hold the data', () => {
  assert.equal(linearScale(0, 8, 11).ticks, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(linearScale(0, 30, 11).ticks, [0, 5, 10, 15, 20, 25, 30]);
  const { ticks, at } = linearScale(42, 100, 7);
  assert.equal(ticks, [40, 50, 60, 70, 80, 90, 100]);
  assert.equal([at(40), at(70), at(100), at(0), at(1000)], [0, 0.5, 1, 0, 1]);
});

test('a logarithmic scale has ticks that hold the data, fewer over many decades', () => {
  assert.equal(logScale(0.3, 2).ticks, [0.2, 0.5, 1, 2]);
  assert.equal(logScale(0.004, 2.4).ticks, [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]);
  const wide = logScale(0.0004, 800);
  assert.equal(wide.ticks, [0.0001, 0.001, 0.01, 0.1, 1, 10, 100, 1000]);
  assert.ok(Math.abs(wide.at(0.1) - 3 / 7) < 1e-12);
});

test.run();
