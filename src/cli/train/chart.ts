/** The curves of all trainings as one SVG: training loss on the left, test accuracy on the right. */
import { percent, shownLoss } from './format.ts';
import type { Run } from './loop.ts';
import { linearScale, logScale, type Scale } from './scale.ts';
import type { Summary } from './summary.ts';

/** What stands around the curves. */
export interface ChartText {
  readonly title: string;
  readonly subtitle: string;
}

/** Colours of Okabe and Ito (2008), apart for every kind of colour vision; grey is for training without a norm. */
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5195', '#8c6d31'];
const NONE = '#6b7280';
/** Dashes tell apart what colours do not: in print, and where there are more curves than colours. */
const dashes = ['', '7 3', '2 3', '9 3 2 3', '12 4'];

const WIDTH = 1040;
const PLOT = { width: 420, height: 280, top: 96 };
const LEFT = [76, 580] as const;
const FONT = `font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"`;
const LEGEND_WIDTH = 930;
/** Longest name that has room for its results beside it in a legend of three columns. */
const SHORT_NAME = 18;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A training that explodes would leave no room for the others: losses above this are drawn at the upper edge. */
const HIGHEST_LOSS = 100;

interface Panel {
  readonly left: number;
  readonly title: string;
  readonly x: Scale;
  readonly y: Scale;
  readonly tick: (value: number) => string;
  readonly curves: readonly (readonly Point[])[];
  /** Whether the points are measurements to be marked, not a continuous line. */
  readonly marked: boolean;
  /** Places of trainings that diverged: the end of their curve is marked with a cross. */
  readonly crossed: readonly boolean[];
}

/** Draws the chart; a curve that has no points yet appears in the legend only. */
export function lineChart(runs: readonly Run[], summaries: readonly Summary[], stepsPerEpoch: number, text: ChartText): string {
  const losses = runs.map((run) => smoothed(run.losses, stepsPerEpoch));
  const accuracies = runs.map((run) => run.epochs.map(({ epoch, testAccuracy }) => ({ x: epoch, y: 100 * testAccuracy })));
  const epochs = Math.max(1, ...runs.map((run) => Math.ceil(run.losses.length / stepsPerEpoch)));
  const x = linearScale(0, epochs, 11);
  const lossValues = losses.flat().map(({ y }) => y);
  const accuracyValues = accuracies.flat().map(({ y }) => y);
  const crossed = runs.map((run) => run.status === 'diverged');
  const panels: Panel[] = [
    {
      left: LEFT[0],
      title: 'Training loss (cross entropy, logarithmic)',
      x,
      y: logScale(Math.min(1, ...lossValues), Math.min(HIGHEST_LOSS, Math.max(2, ...lossValues))),
      tick: String,
      curves: losses,
      marked: false,
      crossed,
    },
    {
      left: LEFT[1],
      title: 'Test accuracy (%)',
      x,
      y: linearScale(Math.min(90, ...accuracyValues), 100, 7),
      tick: String,
      curves: accuracies,
      marked: true,
      crossed: crossed.map(() => false),
    },
  ];
  const columns = runs.every((run) => run.norm.length <= SHORT_NAME) ? 3 : 2;
  const rows = Math.ceil(runs.length / columns);
  const legendTop = PLOT.top + PLOT.height + 72;
  const height = legendTop + 24 * rows + 4;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    `${FONT} font-size="13" fill="#1f2937" role="img" aria-label="${escaped(text.title)}">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="28" y="36" font-size="20" font-weight="600">${escaped(text.title)}</text>`,
    `<text x="28" y="58" fill="#4b5563">${escaped(text.subtitle)}</text>`,
    ...panels.map((panel) => drawPanel(panel, runs)),
    ...runs.map((run, i) => legendEntry(run, summaries[i]!, i, columns, legendTop)),
    '</svg>\n',
  ].join('\n');
}

function drawPanel({ left, title, x, y, tick, curves, marked, crossed }: Panel, runs: readonly Run[]): string {
  const { width, height, top } = PLOT;
  const placeX = (value: number): number => left + width * x.at(value);
  const placeY = (value: number): number => top + height * (1 - y.at(value));
  const parts = [`<text x="${left}" y="${top - 12}" font-weight="600">${escaped(title)}</text>`];
  for (const value of y.ticks) {
    const at = rounded(placeY(value));
    parts.push(
      `<path d="M${left} ${at}h${width}" stroke="#e5e7eb"/>`,
      `<text x="${left - 10}" y="${at}" dy="0.35em" text-anchor="end" fill="#4b5563">${tick(value)}</text>`,
    );
  }
  for (const value of x.ticks.filter(Number.isInteger)) {
    const at = rounded(placeX(value));
    parts.push(
      `<path d="M${at} ${top + height}v5" stroke="#9ca3af"/>`,
      `<text x="${at}" y="${top + height + 20}" text-anchor="middle" fill="#4b5563">${value}</text>`,
    );
  }
  parts.push(
    `<path d="M${left} ${top}v${height}h${width}" fill="none" stroke="#9ca3af"/>`,
    `<text x="${left + width / 2}" y="${top + height + 42}" text-anchor="middle" fill="#4b5563">epoch</text>`,
  );
  curves.forEach((points, i) => {
    const end = points[points.length - 1];
    if (!end) return;
    const style = styleOf(runs[i]!.norm, i);
    const path = points.map((point) => `${rounded(placeX(point.x))} ${rounded(placeY(point.y))}`).join('L');
    parts.push(`<path d="M${path}" fill="none" ${stroke(style)}/>`);
    if (marked || points.length === 1) {
      for (const point of points) {
        parts.push(`<circle cx="${rounded(placeX(point.x))}" cy="${rounded(placeY(point.y))}" r="3" fill="${style.color}"/>`);
      }
    }
    if (crossed[i]) {
      const at = `M${rounded(placeX(end.x) - 5)} ${rounded(placeY(end.y) - 5)}`;
      parts.push(`<path d="${at}l10 10m0 -10l-10 10" stroke="${style.color}" stroke-width="2.5"/>`);
    }
  });
  return parts.join('\n');
}

/** The line of a training, its name, and what it came to. */
function legendEntry(run: Run, summary: Summary, index: number, columns: number, top: number): string {
  const x = LEFT[0] + (index % columns) * (LEGEND_WIDTH / columns);
  const y = top + 24 * Math.floor(index / columns);
  const loss = summary.trainLoss === null ? '' : `loss ${shownLoss(summary.trainLoss)}`;
  const accuracy = summary.testAccuracy === null ? '' : percent(summary.testAccuracy);
  const result = run.status === 'diverged' ? 'diverged' : [accuracy, loss].filter((part) => part !== '').join(', ');
  return (
    `<path d="M${x} ${y}h30" ${stroke(styleOf(run.norm, index))}/>` +
    `<text x="${x + 40}" y="${y}" dy="0.35em">${escaped(run.norm)}` +
    `<tspan fill="#4b5563" dx="8">${escaped(result)}</tspan></text>`
  );
}

interface Style {
  readonly color: string;
  readonly dash: string;
}

/** `none` is the first of the trainings, so the norms count from 1. */
function styleOf(norm: string, index: number): Style {
  if (norm === 'none') return { color: NONE, dash: '' };
  const place = index - 1;
  return { color: colors[place % colors.length]!, dash: dashes[place % dashes.length]! };
}

function stroke({ color, dash }: Style): string {
  const pattern = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
  return `stroke="${color}" stroke-width="2.25" stroke-linejoin="round" stroke-linecap="butt"${pattern}`;
}

/**
 * The losses of single steps jump about: each point, an eighth of an epoch after the one before, is the mean over the
 * quarter of an epoch up to it. Losses that are not finite are left out, and no mean lies below 1e-6, where a logarithm
 * still has a place for it.
 */
function smoothed(losses: readonly number[], stepsPerEpoch: number): Point[] {
  const stride = Math.max(1, Math.round(stepsPerEpoch / 8));
  const points: Point[] = [];
  const count = Math.ceil(losses.length / stride);
  for (let i = 1; i <= count; i++) {
    const end = Math.min(i * stride, losses.length);
    const part = losses.slice(Math.max(0, end - 2 * stride), end).filter(Number.isFinite);
    if (part.length === 0) continue;
    const mean = part.reduce((sum, loss) => sum + loss, 0) / part.length;
    points.push({ x: end / stepsPerEpoch, y: Math.max(1e-6, mean) });
  }
  return points;
}

function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
