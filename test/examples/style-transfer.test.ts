/** The example runs, and does what it says: the features of the result have the style's means and standard deviations. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { between, checkerboard, decode, encode, landscape, ppm, stripes, styleOf, table, transfer } from '../../examples/style-transfer.ts';
import { add, fromArray, mul, Random, type Tensor } from '../../src/index.ts';
import { assertClose } from '../support/assertions.ts';

const test = suite('style-transfer');

/** Content and two styles, of three sizes. */
function pictures(): { content: Tensor; warm: Tensor; cool: Tensor } {
  const random = new Random(1);
  return { content: landscape(random), warm: stripes(random), cool: checkerboard(random) };
}

/** Means and standard deviations of the 12 channels, in plain numbers. */
function statistics(picture: Tensor): { mean: number[]; std: number[] } {
  const { data, shape } = encode(picture);
  const size = shape[2]! * shape[3]!;
  const channels = Array.from({ length: 12 }, (_, c) => Array.from(data.slice(c * size, (c + 1) * size)));
  const mean = channels.map((values) => values.reduce((a, b) => a + b, 0) / size);
  const std = channels.map((values, c) => Math.sqrt(values.reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / size));
  return { mean, std };
}

function near(got: readonly number[], want: readonly number[], what: string): void {
  got.forEach((value, c) => assert.ok(Math.abs(value - want[c]!) < 1e-8, `${what} of channel ${c}: got ${value}, want ${want[c]}`));
}

test('what is encoded is decoded again', () => {
  const { content } = pictures();
  assertClose(decode(encode(content)), content, 1e-14);
});

test('the result has the mean and the standard deviation of the style in every channel', () => {
  const { content, warm, cool } = pictures();
  for (const style of [warm, cool]) {
    const [got, want, before] = [transfer(content, encode(style)), style, content].map(statistics);
    near(got!.mean, want!.mean, 'mean');
    near(got!.std, want!.std, 'standard deviation');
    const moved = want!.mean.some((value, c) => Math.abs(value - before!.mean[c]!) > 0.1 && Math.abs(want!.std[c]! - before!.std[c]!) > 0.05);
    assert.ok(moved, 'content and style differ to begin with');
  }
});

test('the content shows through: where it is bright, the result is', () => {
  const { content, warm } = pictures();
  const [before, after] = [encode(content), encode(transfer(content, encode(warm)))];
  const size = before.shape[2]! * before.shape[3]!;
  const brightness = (x: Tensor): number[] => Array.from(x.data.slice(0, size));
  const order = (values: number[]): number[] => values.map((_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
  assert.equal(order(brightness(after)), order(brightness(before)));
});

test('alpha goes from the content to the full style in a straight line', () => {
  const { content, warm } = pictures();
  const full = transfer(content, encode(warm));
  assertClose(transfer(content, encode(warm), 0), content, 1e-14);
  for (const alpha of [0.25, 0.5, 0.75]) {
    assertClose(transfer(content, encode(warm), alpha), add(mul(content, 1 - alpha), mul(full, alpha)), 1e-12);
  }
  const means = [0, 0.25, 0.5, 0.75, 1].map((alpha) => statistics(transfer(content, encode(warm), alpha)).mean[0]!);
  means.slice(1).forEach((mean, i) => assert.ok(mean > means[i]!, 'red rises with alpha'));
});

test('a mixture of two styles has the mixture of their means and standard deviations', () => {
  const { content, warm, cool } = pictures();
  const [a, b] = [statistics(warm), statistics(cool)];
  for (const share of [0, 0.3, 1]) {
    const got = statistics(transfer(content, between(styleOf(warm), styleOf(cool), share)));
    near(got.mean, a.mean.map((value, c) => (1 - share) * value + share * b.mean[c]!), 'mean');
    near(got.std, a.std.map((value, c) => (1 - share) * value + share * b.std[c]!), 'standard deviation');
  }
});

test('the table shows the statistics, and the picture file the pixels', () => {
  const { warm } = pictures();
  const lines = table({ warm });
  assert.is(lines.length, 13);
  const { mean, std } = statistics(warm);
  assert.ok(lines[1]!.startsWith('red sum') && lines[1]!.endsWith(`${mean[0]!.toFixed(3)} ± ${std[0]!.toFixed(3)}`), lines[1]);
  assert.ok(lines[12]!.startsWith('blue diagonal') && lines[12]!.endsWith(`${mean[11]!.toFixed(3)} ± ${std[11]!.toFixed(3)}`), lines[12]);
  const pixel = (...colour: number[]): Tensor => fromArray(Float64Array.from(colour), [1, 3, 1, 1]);
  const bytes = ppm([pixel(0, 0.5, 1), pixel(-1, 2, 0.2)]);
  assert.is(new TextDecoder().decode(bytes.slice(0, 11)), 'P6\n2 1\n255\n');
  assert.equal(Array.from(bytes.slice(11)), [0, 128, 255, 0, 255, 51]);
});

test('run by itself it prints three tables, in the first of which style and result are the same', () => {
  const script = fileURLToPath(new URL('../../examples/style-transfer.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--import', 'tsx', script], { encoding: 'utf8' });
  assert.is(output.match(/^red sum/gm)!.length, 3);
  const rows = output.split('\n\n')[1]!.split('\n').slice(1).map((line) => line.match(/-?\d\.\d{3} ± \d\.\d{3}/g)!);
  assert.is(rows.length, 12);
  for (const [content, style, result] of rows) {
    assert.is(result!.replaceAll('-0.000', '0.000'), style!.replaceAll('-0.000', '0.000'));
    assert.is.not(result, content);
  }
});

test.run();
