/** Numbers in reports: as few digits as say something. */

/** At most `digits` significant digits: `0.0312`, `1.9e-7`, `inf`. */
export function showNumber(value: number, digits = 3): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size >= 1e-3 && size < 1e6) return String(rounded);
  const [mantissa, exponent] = rounded.toExponential().split('e');
  return `${mantissa}e${exponent!.replace('+', '')}`;
}

/** Two numbers with as many digits as tell them apart, and two more; 4 at least, 17 at most. Their points are aligned. */
export function showPair(a: number, b: number): [string, string] {
  const apart = Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
  const needed = apart > 0 && Number.isFinite(apart) ? 2 - Math.floor(Math.log10(apart)) : 4;
  const digits = Math.min(17, Math.max(4, needed));
  const shown = [a, b].map((value) => showNumber(value, digits));
  const decimals = Math.max(...shown.map((text) => /^-?\d+\.(\d+)$/.exec(text)?.[1]!.length ?? 0));
  const aligned = [a, b].map((value, i) => (/^-?\d+(\.\d+)?$/.test(shown[i]!) ? value.toFixed(decimals) : shown[i]!));
  return [aligned[0]!, aligned[1]!];
}
