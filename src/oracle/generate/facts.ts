/** What can be seen of a generated case and may matter, in words. */
import { variance } from '../../autograd/variance.ts';
import type { NormCase } from './norm-case.ts';
import type { TensorCase } from './tensor-case.ts';

/** The facts of a case, those of its shape last. */
export function factsOf(found: NormCase): string[] {
  return [...factsOfData(found), ...factsOfParameters(found), ...factsOfCalls(found), ...factsOfShape(found)];
}

function factsOfData({ data, plan, tensors }: NormCase): string[] {
  const found = data.map((place) => tensors.get(place)!);
  const facts = new Set<string>();
  for (const { integers, exponent, offset } of found) {
    const largest = integers.reduce((most, integer) => Math.max(most, Math.abs(integer)), 0);
    if (offset !== 0) facts.add(`offset ${offset.toExponential().replace('+', '')}`);
    if (exponent !== -4 && exponent !== 0 && Math.abs(exponent) < 40) facts.add(`scale 2^${exponent}`);
    if (largest >= 16_384) facts.add('an outlier');
    if (exponent === 0 && largest <= 2 && integers.length > 5) facts.add('ties');
  }
  if (found.length > 0 && epsShows(plan.config.eps, found[0]!)) facts.add('eps shows');
  return [...facts];
}

/** Whether eps is at least a thousandth of the variance of the data. */
function epsShows(eps: unknown, data: TensorCase): boolean {
  return typeof eps === 'number' && data.integers.length > 0 && eps >= 1e-3 * variance(data.tensor()).data[0]!;
}

function factsOfParameters({ tensors }: NormCase): string[] {
  return [...tensors].flatMap(([place, { integers }]) => {
    const [where, name] = place.split('.');
    if (where !== 'params') return [];
    const facts = integers.some((integer) => integer < 0) ? [`${name} is negative somewhere`] : [];
    return integers.includes(0) ? [...facts, `${name} is 0 somewhere`] : facts;
  });
}

const counts = ['no', 'one', 'two', 'three', 'four'];

function factsOfCalls({ plan: { modes, ops } }: NormCase): string[] {
  const operations = [...new Set(ops)].filter((op) => op !== undefined);
  const calls = modes.length === 1 && modes[0] === 'train' ? [] : [`${counts[modes.length] ?? modes.length} call${modes.length === 1 ? '' : 's'}: ${modes.join(', ')}`];
  return [...calls, ...operations.map((op) => `operation ${op}`)];
}

function factsOfShape({ draft: { sizes }, plan: { config } }: NormCase): string[] {
  const extents = Object.values(sizes);
  const { numGroups } = config;
  return [
    ...Object.entries(sizes).flatMap(([name, extent]) => (extent === 1 ? [`${name} = 1`] : [])),
    ...(extents.length > 1 && !extents.includes(1) && new Set(extents).size === extents.length ? ['extents all different'] : []),
    ...(numGroups === 1 ? ['one group'] : []),
    ...(numGroups !== undefined && numGroups === sizes.C ? ['group of one channel'] : []),
  ];
}
