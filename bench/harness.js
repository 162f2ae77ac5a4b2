/**
 * Measuring: every case is visited in turn, again and again, so that a slow minute of the machine falls on all of them,
 * and the median visit counts. Runs compiled code only: under a TypeScript loader a closure costs ten times as much.
 */
import { performance } from 'node:perf_hooks';

/**
 * @param {{ name: string, run: () => unknown, elements: number }[]} cases
 * @param {{ visits?: number, milliseconds?: number, warmup?: number }} options visits of each case, the least time of
 *   a visit, and visits that do not count
 * @returns {Map<string, { median: number, low: number, high: number }>} nanoseconds per element: the median of the
 *   visits and the quartiles around it
 */
export function measure(cases, { visits = 9, milliseconds = 40, warmup = 2 } = {}) {
  const times = new Map(cases.map(({ name }) => [name, []]));
  for (let visit = -warmup; visit < visits; visit++) {
    for (const { name, run, elements } of cases) {
      const start = performance.now();
      let calls = 0;
      let end = start;
      do {
        run();
        calls++;
        end = performance.now();
      } while (end - start < milliseconds);
      if (visit >= 0) times.get(name).push((1e6 * (end - start)) / calls / elements);
    }
  }
  return new Map([...times].map(([name, list]) => [name, quartiles(list)]));
}

/** The median of a list and the quartiles around it. */
export function quartiles(list) {
  const sorted = list.slice().sort((a, b) => a - b);
  const at = (part) => sorted[Math.round(part * (sorted.length - 1))];
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** A case that copies as many float32 elements: the bandwidth of this machine. */
export function copyCase(elements) {
  const from = new Float32Array(elements).fill(1);
  const to = new Float32Array(elements);
  return { name: 'copy', elements, run: () => to.set(from) };
}

/** The geometric mean. */
export function geometricMean(list) {
  return Math.exp(list.reduce((total, x) => total + Math.log(x), 0) / list.length);
}

/** A Markdown table; the first column to the left, the others to the right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

/** A number with three significant digits. */
export function shown(x) {
  return Number.isFinite(x) ? (x >= 100 ? String(Math.round(x)) : x.toPrecision(x < 1 ? 2 : 3)) : '–';
}
