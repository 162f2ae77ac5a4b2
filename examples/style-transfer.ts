/**
 * Style transfer with AdaIN: a picture takes on the colours and the texture of another one, without any training.
 *
 *     features = encode(picture)                                12 channels at half the size
 *     result   = decode(adaptiveInstanceNorm(encode(content), encode(style), { alpha }))
 *
 * The encoder of the paper is a part of VGG, and its decoder is learned. Here the encoder is the Haar transform: of every
 * 2 x 2 block and colour it takes the sum and the horizontal, vertical and diagonal differences. That is an orthogonal
 * matrix, so its transpose decodes exactly, and no training is needed. The mean and spread of the sums are colour and
 * contrast; those of the differences say which texture there is, in which direction, and how its strength varies.
 *
 * Run it: node --import tsx examples/style-transfer.ts [picture.ppm]
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  adaptiveInstanceNorm,
  add,
  conv2d,
  convTranspose,
  fromArray,
  mul,
  Random,
  styleStatistics,
  type StyleStatistics,
  type Tensor,
  zeros,
} from '../src/index.ts';

/** Small enough to leave the statistics alone, and large enough for a channel that is constant. */
const eps = 1e-12;

/** What a 2 x 2 block of one colour is taken apart into. */
export const parts = ['sum', 'horizontal', 'vertical', 'diagonal'] as const;
const colours = ['red', 'green', 'blue'] as const;

/** The Haar transform as a convolution: four filters of orthogonal unit vectors for each of three colours. */
function filters(): Tensor {
  const one = [
    [1, 1, 1, 1],
    [1, -1, 1, -1],
    [1, 1, -1, -1],
    [1, -1, -1, 1],
  ];
  const values = colours.flatMap(() => one.flat().map((value) => value / 2));
  return fromArray(Float64Array.from(values), [12, 1, 2, 2]);
}

/** Features `[N, 12, H / 2, W / 2]` of pictures `[N, 3, H, W]` with even sides. */
export function encode(picture: Tensor): Tensor {
  return conv2d(picture, filters(), null, { stride: 2, groups: 3 });
}

/** The pictures that have these features: the inverse of `encode`. */
export function decode(features: Tensor): Tensor {
  return convTranspose(features, filters(), null, { stride: 2, groups: 3 });
}

/** The content with the style's statistics; `alpha` says how much of them. */
export function transfer(content: Tensor, style: Tensor | StyleStatistics, alpha = 1): Tensor {
  return decode(adaptiveInstanceNorm(encode(content), style, { eps, alpha }));
}

/** The statistics of a style picture's features. */
export function styleOf(picture: Tensor): StyleStatistics {
  return styleStatistics(encode(picture), { eps });
}

/** A style between two others: `(1 - share) * a + share * b`, of their means and of their standard deviations. */
export function between(a: StyleStatistics, b: StyleStatistics, share: number): StyleStatistics {
  const mixed = (first: Tensor, second: Tensor): Tensor => add(mul(first, 1 - share), mul(second, share));
  return { styleMean: mixed(a.styleMean, b.styleMean), styleStd: mixed(a.styleStd, b.styleStd) };
}

/** A picture whose pixels are given as red, green and blue in [0, 1], with a little noise. */
function painted(random: Random, size: number, colour: (x: number, y: number) => readonly number[]): Tensor {
  const picture = zeros([1, 3, size, size], { dtype: 'float64' });
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      colour(x / size, y / size).forEach((value, c) => {
        picture.data[(c * size + y) * size + x] = value + 0.02 * random.normal();
      });
    }
  }
  return picture;
}

/** Content: a pale sun over a dark hill. */
export function landscape(random: Random, size = 32): Tensor {
  return painted(random, size, (x, y) => {
    if (y > 0.6 + 0.15 * Math.sin(5 * x)) return [0.2, 0.3, 0.25];
    return (x - 0.65) ** 2 + (y - 0.3) ** 2 < 0.03 ? [0.9, 0.9, 0.8] : [0.5, 0.55, 0.6];
  });
}

/** Style: warm vertical stripes, one pixel wide, that darken downwards. */
export function stripes(random: Random, size = 24): Tensor {
  return painted(random, size, (x, y) => {
    const colour = Math.round(x * size) % 2 === 0 ? [0.95, 0.6, 0.2] : [0.6, 0.15, 0.1];
    return colour.map((value) => value * (1 - 0.7 * y));
  });
}

/** Style: a cool checkerboard of single pixels, bright in the middle. */
export function checkerboard(random: Random, size = 40): Tensor {
  return painted(random, size, (x, y) => {
    const colour = Math.round((x + y) * size) % 2 === 0 ? [0.2, 0.6, 1] : [0.1, 0.35, 0.5];
    return colour.map((value) => value * (1 - 1.5 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)));
  });
}

/** The means and standard deviations of some pictures' features as the lines of a table. */
export function table(pictures: Readonly<Record<string, Tensor>>): string[] {
  const found = Object.values(pictures).map(styleOf);
  const cell = (text: string): string => text.padStart(16);
  return [
    ''.padEnd(18) + Object.keys(pictures).map(cell).join(''),
    ...colours.flatMap((colour, c) =>
      parts.map((part, p) => {
        const cells = found.map(({ styleMean, styleStd }) => {
          const [mean, std] = [styleMean.data[4 * c + p]!, styleStd.data[4 * c + p]!];
          return cell(`${mean.toFixed(3)} ± ${std.toFixed(3)}`);
        });
        return `${colour} ${part}`.padEnd(18) + cells.join('');
      }),
    ),
  ];
}

/** Pictures of one size side by side, as the bytes of a PPM file. */
export function ppm(pictures: readonly Tensor[]): Uint8Array {
  const [height, width] = pictures[0]!.shape.slice(2) as [number, number];
  const header = new TextEncoder().encode(`P6\n${width * pictures.length} ${height}\n255\n`);
  const bytes = new Uint8Array(header.length + 3 * height * width * pictures.length);
  bytes.set(header);
  let at = header.length;
  for (let y = 0; y < height; y++) {
    for (const { data } of pictures) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) bytes[at++] = Math.round(255 * Math.min(1, Math.max(0, data[(c * height + y) * width + x]!)));
      }
    }
  }
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const random = new Random(1);
  const [content, warm, cool] = [landscape(random), stripes(random), checkerboard(random)];
  console.log('Mean and standard deviation of each feature, before and after:\n');
  console.log(table({ content, style: warm, result: transfer(content, encode(warm)) }).join('\n'));
  console.log('\nThe amount of style, by alpha:\n');
  const alphas = [0, 0.25, 0.5, 0.75, 1];
  const steps = alphas.map((alpha) => transfer(content, encode(warm), alpha));
  console.log(table(Object.fromEntries(alphas.map((alpha, i) => [`alpha ${alpha}`, steps[i]!]))).join('\n'));
  console.log('\nFrom one style to the other, by their statistics:\n');
  const shares = [0, 0.5, 1];
  const mixes = shares.map((share) => transfer(content, between(styleOf(warm), styleOf(cool), share)));
  console.log(table(Object.fromEntries(shares.map((share, i) => [`${100 * share} % cool`, mixes[i]!]))).join('\n'));
  const path = process.argv[2];
  if (path !== undefined) {
    writeFileSync(path, ppm([...steps, ...mixes.slice(1)]));
    console.log(`\n${path}: alpha ${alphas.join(', ')}, then half and all of the other style`);
  }
}
