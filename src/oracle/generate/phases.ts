/** The phases of a run: regular cases first, then those at an edge, each kind by itself, so that one bug does not hide another. */

/** What a case is about. */
export type Phase = 'regular' | 'single' | 'constant' | 'offset' | 'non-finite' | 'invalid';

/** The phases in their order. */
export const phases: readonly Phase[] = ['regular', 'single', 'constant', 'offset', 'non-finite', 'invalid'];

/** The phases in a few words. */
export const phaseMeanings: Readonly<Record<Phase, string>> = {
  regular: 'data of moderate offset and any scale, with outliers and ties',
  single: 'slices of one element',
  constant: 'constant slices, constant tensors',
  offset: 'offsets of 1e3 to 1e6 against a spread of about 2',
  'non-finite': 'NaN, infinities, huge and tiny numbers among the data',
  invalid: 'cases that have to be rejected',
};

/** How large a part of a run is regular, where other phases are asked for as well. */
const regularShare = 0.6;

/** The phase of a place in a run of `runs` cases. */
export function phaseAt(index: number, runs: number, among: readonly Phase[] = phases): Phase {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < runs)) {
    throw new RangeError(`phaseAt: index must be an integer in [0, runs), got ${index} of ${runs}`);
  }
  const edges = phases.filter((phase) => phase !== 'regular' && among.includes(phase));
  const plain = among.includes('regular');
  if (edges.length === 0) {
    if (!plain) throw new RangeError('phaseAt: phases must name at least one phase, got none');
    return 'regular';
  }
  const first = plain ? Math.ceil(regularShare * runs) : 0;
  if (index < first) return 'regular';
  return edges[Math.floor(((index - first) * edges.length) / (runs - first))]!;
}
