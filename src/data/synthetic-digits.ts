/**
 * Handwritten digits that nobody wrote: strokes with random control points, slant, place, size, pen and noise. They
 * stand in where no real data can be shipped: easy to learn, but not without learning.
 *
 * Only `+ − × /` and the square root are used, so the same generator gives the same images in every engine.
 */
import type { Random } from '../tensor/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import { digitStrokes, type Stroke } from './_digit-strokes.ts';
import type { Dataset } from './dataset.ts';

/** Options of `syntheticDigits`. */
export interface SyntheticDigitsOptions {
  /** Where all that varies comes from. */
  random: Random;
  /** Height and width of an image, an integer of at least 8. Default 16. */
  size?: number;
  /** Deviation of a control point from its place, in widths of a digit, at least 0. Default 0.04. */
  jitter?: number;
  /** Standard deviation of the noise on every pixel, at least 0. Default 0.2. */
  noise?: number;
}

/** Straight pieces that each span of a curve is drawn with. */
const PIECES = 4;

/**
 * `count` images `[count, 1, size, size]` of the digits 0 to 9, each digit equally often (to one), in random order.
 *
 * Throws a RangeError for a count, size, jitter or noise out of range.
 * @example
 * ```ts
 * const digits = syntheticDigits(20, { random: new Random(1) });
 * digits.images.shape; // [20, 1, 16, 16]
 * digits.labels.filter((label) => label === 7).length; // 2
 * ```
 */
export function syntheticDigits(
  count: number,
  { random, size = 16, jitter = 0.04, noise = 0.2 }: SyntheticDigitsOptions,
): Dataset {
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`syntheticDigits: count must be an integer of at least 0, got ${count}`);
  }
  if (!Number.isInteger(size) || size < 8) {
    throw new RangeError(`syntheticDigits: size must be an integer of at least 8, got ${size}`);
  }
  for (const [name, value] of [['jitter', jitter], ['noise', noise]] as const) {
    if (!(value >= 0 && value < Infinity)) {
      throw new RangeError(`syntheticDigits: ${name} must be finite and at least 0, got ${value}`);
    }
  }
  const classes = digitStrokes.length;
  const labels = random.permutation(count).map((i) => i % classes);
  const data = new Float32Array(count * size * size);
  labels.forEach((label, i) => draw(data, i * size * size, size, label, jitter, noise, random));
  return { images: new Tensor(data, [count, 1, size, size]), labels, classes };
}

/** Draws one digit into the image that begins at `start`. */
function draw(
  data: Float32Array,
  start: number,
  size: number,
  digit: number,
  jitter: number,
  noise: number,
  random: Random,
): void {
  const styles = digitStrokes[digit]!;
  const strokes = styles[random.integer(styles.length)]!;
  const place = randomPlacement(random);
  const segments: number[] = [];
  for (const stroke of strokes) addSegments(segments, placed(stroke, place, jitter, random), size);
  const halfWidth = size * between(random, 0.03, 0.065);
  const ink = between(random, 0.65, 1);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const distance = Math.sqrt(nearest(segments, column + 0.5, row + 0.5));
      // a pixel is covered in full half a pixel inside the edge of the pen, not at all half a pixel outside
      const coverage = Math.min(1, Math.max(0, halfWidth + 0.5 - distance));
      const value = ink * coverage + noise * random.normal();
      data[start + row * size + column] = Math.min(1, Math.max(0, value));
    }
  }
}

/** An affine map of the unit square: `x' = xx x + xy y + x0`, `y' = yx x + yy y + y0`. */
interface Placement {
  readonly xx: number;
  readonly xy: number;
  readonly x0: number;
  readonly yx: number;
  readonly yy: number;
  readonly y0: number;
}

/** A slight turn, slant and stretch about the middle, then a shift. */
function randomPlacement(random: Random): Placement {
  // the tangent of half the angle gives a rotation without sine and cosine
  const half = between(random, -0.12, 0.12);
  const cos = (1 - half * half) / (1 + half * half);
  const sin = (2 * half) / (1 + half * half);
  const slant = between(random, -0.25, 0.25);
  const width = between(random, 0.5, 0.8);
  const height = between(random, 0.65, 0.9);
  const xx = width * cos;
  const yx = width * sin;
  const xy = height * (slant * cos - sin);
  const yy = height * (slant * sin + cos);
  const x0 = 0.5 + between(random, -0.08, 0.08) - (xx + xy) / 2;
  const y0 = 0.5 + between(random, -0.06, 0.06) - (yx + yy) / 2;
  return { xx, xy, x0, yx, yy, y0 };
}

/** The control points of a stroke, each moved a little, on the image as a unit square. */
function placed(stroke: Stroke, { xx, xy, x0, yx, yy, y0 }: Placement, jitter: number, random: Random): number[] {
  const points: number[] = [];
  for (let i = 0; i < stroke.length; i += 2) {
    const x = stroke[i]! + jitter * random.normal();
    const y = stroke[i + 1]! + jitter * random.normal();
    points.push(xx * x + xy * y + x0, yx * x + yy * y + y0);
  }
  return points;
}

/**
 * Appends the stroke as straight segments `x1, y1, x2, y2` in pixels. A curve is a chain of parabolas: each inner control
 * point pulls one, and they meet halfway between two control points, where their tangents agree.
 */
function addSegments(segments: number[], points: readonly number[], size: number): void {
  const last = points.length / 2 - 1;
  let fromX = points[0]! * size;
  let fromY = points[1]! * size;
  if (last === 1) {
    segments.push(fromX, fromY, points[2]! * size, points[3]! * size);
    return;
  }
  for (let i = 1; i < last; i++) {
    const startX = fromX;
    const startY = fromY;
    const pullX = points[2 * i]! * size;
    const pullY = points[2 * i + 1]! * size;
    const nextX = points[2 * i + 2]! * size;
    const nextY = points[2 * i + 3]! * size;
    const endX = i === last - 1 ? nextX : (pullX + nextX) / 2;
    const endY = i === last - 1 ? nextY : (pullY + nextY) / 2;
    for (let piece = 1; piece <= PIECES; piece++) {
      const t = piece / PIECES;
      const s = 1 - t;
      const toX = s * s * startX + 2 * s * t * pullX + t * t * endX;
      const toY = s * s * startY + 2 * s * t * pullY + t * t * endY;
      segments.push(fromX, fromY, toX, toY);
      fromX = toX;
      fromY = toY;
    }
  }
}

/** The square of the distance from a point to the nearest segment. */
function nearest(segments: readonly number[], x: number, y: number): number {
  let best = Infinity;
  for (let i = 0; i < segments.length; i += 4) {
    const dx = segments[i + 2]! - segments[i]!;
    const dy = segments[i + 3]! - segments[i + 1]!;
    const px = x - segments[i]!;
    const py = y - segments[i + 1]!;
    const length = dx * dx + dy * dy;
    const along = length > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
    const ox = px - along * dx;
    const oy = py - along * dy;
    best = Math.min(best, ox * ox + oy * oy);
  }
  return best;
}

function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}
