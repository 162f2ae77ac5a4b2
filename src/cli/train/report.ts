/** What is left when the training is over: curves and numbers in files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineChart } from './chart.ts';
import type { Digits } from './data.ts';
import { grouped } from './format.ts';
import type { Run } from './loop.ts';
import type { TrainOptions } from './options.ts';
import type { Summary } from './summary.ts';

/** What the trainings have in common, in one line. */
export function describe(digits: Digits, { preset, batch, lr, gain, epochs, seed, workers }: TrainOptions): string {
  const { train, test, height, width, name } = digits;
  return (
    `${name}: ${grouped(train.labels.length)} train, ${grouped(test.labels.length)} test, ${height}×${width} · ` +
    `${preset}: lr ${lr}, batch ${batch}, gain ${gain} · epochs ${epochs}, seed ${seed}${workers > 1 ? ` · ${workers} workers` : ''}`
  );
}

/** Writes the SVG and the JSON and returns their paths. */
export function writeReport(
  runs: readonly Run[],
  summaries: readonly Summary[],
  stepsPerEpoch: number,
  digits: Digits,
  options: TrainOptions,
): string[] {
  const base = join(options.out, `train-${options.preset}`);
  const title = 'Training a digit classifier with and without normalization';
  writeFileSync(`${base}.svg`, lineChart(runs, summaries, stepsPerEpoch, { title, subtitle: describe(digits, options) }));
  const { name, height, width, classes, train, test } = digits;
  const record = {
    options,
    data: { name, train: train.labels.length, test: test.labels.length, height, width, classes },
    stepsPerEpoch,
    node: process.version,
    runs: runs.map(({ epochs, losses }, i) => ({ ...summaries[i]!, epochs, losses })),
  };
  writeFileSync(`${base}.json`, `${JSON.stringify(record, null, 1).replace(/\[\s+([-\d.e,\s]+?)\s+\]/g, oneLine)}\n`);
  return [`${base}.svg`, `${base}.json`];
}

/** Long lists of numbers are read by programs; one line each keeps the rest readable. */
function oneLine(_: string, numbers: string): string {
  return `[${numbers.replace(/\s+/g, ' ')}]`;
}
