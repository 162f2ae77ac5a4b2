/** Axes: from values to places, and the ticks in between. */

export interface Scale {
  readonly ticks: readonly number[];
  /** Where a value lies between the ends of the axis, 0 to 1. Values beyond an end lie at it. */
  at(value: number): number;
}

/** Evenly spaced between two round numbers around `low` and `high`, with at most `most` ticks. */
export function linearScale(low: number, high: number, most: number): Scale {
  const step = niceStep((high - low || 1) / Math.max(1, most - 1));
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  return { ticks, at: (value) => clamp((value / step - first) / (last - first)) };
}

/** Logarithmic between powers of ten (and their doubles and fives) around `low` and `high`, both above 0. */
export function logScale(low: number, high: number): Scale {
  const decades = Math.log10(high / low);
  const steps = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const grid: number[] = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)) + 1; power++) {
    for (const step of steps) grid.push(Number((step * 10 ** power).toPrecision(6)));
  }
  const first = Math.max(0, grid.filter((tick) => tick <= low * (1 + 1e-9)).length - 1);
  const last = Math.max(first + 1, grid.findIndex((tick) => tick >= high * (1 - 1e-9)));
  const ticks = grid.slice(first, last + 1);
  const from = Math.log(ticks[0]!);
  const to = Math.log(ticks[ticks.length - 1]!);
  return { ticks, at: (value) => clamp((Math.log(value) - from) / (to - from)) };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9))!;
  return factor * power;
}

function clamp(part: number): number {
  return Math.min(1, Math.max(0, part));
}
