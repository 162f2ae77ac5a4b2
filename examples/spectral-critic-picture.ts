/** The picture of the example: the critics' Lipschitz bounds along the training, and the points that were generated. */
import { linearScale, logScale } from '../src/cli/train/scale.ts';
import type { Tensor } from '../src/index.ts';

/** A training as it is drawn. */
export interface Drawn {
  readonly name: string;
  readonly measured: readonly { readonly step: number; readonly bound: number }[];
  readonly points: Tensor;
}

const STYLES = [
  { color: '#6b7280', dash: '' },
  { color: '#d55e00', dash: '' },
  { color: '#0072b2', dash: '7 4' },
];
const REAL = '#111827';
const TOP = 84;
const SIZE = 280;
const LEFT = 64;
const WIDTH = 380;
/** Half the side of the square of the plane that is shown. */
const EXTENT = 4;
/** Left ends of the two panels of points: the first two trainings. */
const PANELS = [500, 810];

/** Draws the bounds of all trainings and the points of the first two, over the real ones. */
export function picture(trainings: readonly Drawn[], real: Tensor): string {
  const width = PANELS[PANELS.length - 1]! + SIZE + 24;
  const height = TOP + SIZE + 64;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13" fill="#1f2937" role="img" ` +
      `aria-label="Lipschitz bound of a critic with and without spectral norm">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    '<text x="24" y="34" font-size="20" font-weight="600">Lipschitz bound of a Wasserstein critic, with and without spectral norm</text>',
    bounds(trainings),
    ...PANELS.map((left, i) => cloud(trainings[i]!, real, left, STYLES[i]!.color)),
    '</svg>\n',
  ].join('\n');
}

/** The bounds over the steps, on a logarithmic axis. */
function bounds(trainings: readonly Drawn[]): string {
  const all = trainings.flatMap(({ measured }) => measured);
  const x = linearScale(0, Math.max(...all.map(({ step }) => step)), 7);
  const y = logScale(Math.min(0.5, ...all.map(({ bound }) => bound)), Math.max(2, ...all.map(({ bound }) => bound)));
  const placeX = (value: number): number => rounded(LEFT + WIDTH * x.at(value));
  const placeY = (value: number): number => rounded(TOP + SIZE * (1 - y.at(value)));
  const parts = [`<text x="${LEFT}" y="${TOP - 12}" font-weight="600">Bound on the critic's slope (logarithmic)</text>`];
  for (const tick of y.ticks) {
    parts.push(
      `<path d="M${LEFT} ${placeY(tick)}h${WIDTH}" stroke="#e5e7eb"/>`,
      `<text x="${LEFT - 10}" y="${placeY(tick)}" dy="0.35em" text-anchor="end" fill="#4b5563">${tick}</text>`,
    );
  }
  for (const tick of x.ticks) {
    parts.push(`<text x="${placeX(tick)}" y="${TOP + SIZE + 20}" text-anchor="middle" fill="#4b5563">${tick}</text>`);
  }
  parts.push(
    `<path d="M${LEFT} ${TOP}v${SIZE}h${WIDTH}" fill="none" stroke="#9ca3af"/>`,
    `<text x="${LEFT + WIDTH / 2}" y="${TOP + SIZE + 42}" text-anchor="middle" fill="#4b5563">updates of the generator</text>`,
  );
  trainings.forEach(({ name, measured }, i) => {
    const { color, dash } = STYLES[i]!;
    const stroke = `stroke="${color}" stroke-width="2.25"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
    const path = measured.map(({ step, bound }) => `${placeX(step)} ${placeY(bound)}`).join('L');
    const top = TOP + 100 + 22 * i;
    parts.push(
      `<path d="M${path}" fill="none" ${stroke}/>`,
      `<path d="M${LEFT + 160} ${top}h28" ${stroke}/>`,
      `<text x="${LEFT + 196}" y="${top}" dy="0.35em">${name}</text>`,
    );
  });
  return parts.join('\n');
}

/** Generated points over the real ones, both in the square around 0. Points outside are left out. */
function cloud({ name, points }: Drawn, real: Tensor, left: number, color: string): string {
  const dots = ({ data }: Tensor, radius: number, fill: string): string => {
    let path = '';
    for (let i = 0; i < data.length; i += 2) {
      const [a, b] = [data[i]! / EXTENT, data[i + 1]! / EXTENT];
      if (!(Math.abs(a) <= 1 && Math.abs(b) <= 1)) continue;
      const x = rounded(left + (SIZE * (1 + a)) / 2);
      const y = rounded(TOP + (SIZE * (1 - b)) / 2);
      path += `<circle cx="${x}" cy="${y}" r="${radius}"/>`;
    }
    return `<g fill="${fill}" fill-opacity="0.55">${path}</g>`;
  };
  return [
    `<text x="${left}" y="${TOP - 12}" font-weight="600">Generated, ${name}</text>`,
    dots(real, 1.4, REAL),
    dots(points, 2, color),
    `<rect x="${left}" y="${TOP}" width="${SIZE}" height="${SIZE}" fill="none" stroke="#9ca3af"/>`,
    `<text x="${left}" y="${TOP + SIZE + 20}" fill="#4b5563">black: the real points</text>`,
  ].join('\n');
}

function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}
