/** What the library costs before its first call: time to import, bytes to load. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { quartiles, shown, table } from './harness.js';

const dist = new URL('../dist/', import.meta.url);

/** Milliseconds that an import adds to an empty Node, by child processes in turn. */
export function importTimes(files, times) {
  const codes = { empty: '', ...Object.fromEntries(files.map((file) => [file, `import ${JSON.stringify(new URL(file, dist).href)};`])) };
  const taken = Object.fromEntries(Object.keys(codes).map((name) => [name, []]));
  for (let i = 0; i < times; i++) {
    for (const [name, code] of Object.entries(codes)) {
      const start = performance.now();
      execFileSync(process.execPath, ['--input-type=module', '-e', code]);
      taken[name].push(performance.now() - start);
    }
  }
  const empty = quartiles(taken.empty).median;
  const rows = files.map((file) => [file, `+${shown(Math.max(0, quartiles(taken[file]).median - empty))}`]);
  return `${table(['import', 'ms'], rows)}\n\nAn empty Node takes ${shown(empty)} ms.`;
}

/** Bytes of the engine with one norm and of everything, minified and compressed, by the bundler that tsx brings. */
export function sizes(slugs) {
  const require = createRequire(import.meta.url);
  const esbuild = createRequire(require.resolve('tsx/package.json'))('esbuild');
  const size = (contents) => {
    const { outputFiles } = esbuild.buildSync({
      stdin: { contents, resolveDir: fileURLToPath(dist) },
      bundle: true,
      write: false,
      minify: true,
      format: 'esm',
      target: 'es2022',
      external: ['fast-check'],
    });
    return gzipSync(outputFiles[0].contents, { level: 9 }).length;
  };
  const engine = `export { backward } from './autograd/backward.js'; export { tensor } from './tensor/create.js';`;
  const rows = [
    ['engine: tensor, backward', size(engine)],
    ...slugs.map((slug) => [`engine + ${slug}`, size(`${engine} export * from './norms/${slug}.js';`)]),
    ['everything', size(`export * from './index.js';`)],
  ];
  return table(['min + gzip', 'bytes'], rows.map(([name, bytes]) => [name, String(bytes)]));
}
