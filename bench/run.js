/**
 * `npm run bench [-- slug… --quick]`: what the norms, the import and the bytes cost, from the compiled dist/.
 *
 * A full run writes bench/RESULTS.md; `--quick` (small shapes, short visits) and a choice of slugs only print.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchNorms } from './norms.js';
import { importTimes, sizes } from './start.js';

const { values, positionals: filters } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } });

if (!existsSync(new URL('../dist/index.js', import.meta.url))) {
  console.error('bench: there is no dist/index.js; run `npm run build` first');
  process.exit(1);
}
const library = await import('../dist/index.js');
const { catalog } = await import('../dist/norms/catalog.js');
const slugs = catalog.map((entry) => entry.slug);
const unknown = filters.filter((slug) => !slugs.includes(slug));
if (unknown.length > 0) {
  console.error(`bench: there is no norm ${unknown.join(', ')}; the norms are ${slugs.join(', ')}`);
  process.exit(1);
}

const processors = cpus();
const machine = `${processors[0]?.model.trim() ?? 'unknown processor'}, ${processors.length} cores, Node ${process.versions.node}`;
const date = new Date().toISOString().slice(0, 10);
const isFull = !values.quick && filters.length === 0;
const norms = benchNorms(catalog, library, { isQuick: values.quick, filters, log: (line) => console.error(line) });
const parts = [
  '# Measured speed and size',
  `Written by \`npm run bench\` on ${date}: ${machine}, one thread.`,
  '## Norms',
  'Nanoseconds per element of x, float32, whole calls with fresh outputs, medians of interleaved visits. ' +
    '«definition» is the same norm composed from primitives, «copy» is `Float32Array.set` of as many elements, ' +
    '«in copies» is fused forward + backward over copy.',
  norms,
];
if (filters.length === 0) {
  parts.push('## Import', importTimes(['index.js', 'norms/layer.js'], values.quick ? 3 : 15), '## Size', sizes(slugs));
}
const text = `${parts.join('\n\n')}\n`;
console.log(text);
if (isFull) writeFileSync(new URL('RESULTS.md', import.meta.url), text);
