/** The tensors that cases of a norm have, with their axes, as many drafts show them. */
import type { CasePlan, Entry } from '../../norms/catalog/entry.ts';
import { chooserFrom } from '../../oracle/generate/chooser.ts';
import { Random } from '../../tensor/random.ts';

/** Drafts that are looked at. */
const drafts = 300;

/** Titles, each with its lines. */
export function tensorsOf(entry: Entry): [string, string[]][] {
  const choose = chooserFrom(new Random(1));
  const plans = Array.from({ length: drafts }, () => entry.plan(entry.draw(choose))).filter((plan) => plan !== null);
  const titles: [string, (plan: CasePlan) => Readonly<Record<string, readonly string[]>>][] = [
    ['inputs', ({ inputs }) => axesOf(inputs)],
    ['parameters', ({ params }) => axesOf(params)],
    ['state', ({ state }) => axesOf(state)],
    ['outputs', ({ outputs }) => outputs],
  ];
  return titles.flatMap(([title, of]): [string, string[]][] => {
    const lines = linesOf(plans.map(of));
    return lines.length === 0 ? [] : [[title, lines]];
  });
}

function axesOf(tensors: CasePlan['inputs']): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(tensors).map(([name, { axes }]) => [name, axes]));
}

/** A line for each name: the most axes that it has, and whether it may be missing. */
function linesOf(plans: readonly Readonly<Record<string, readonly string[]>>[]): string[] {
  const names = [...new Set(plans.flatMap((plan) => Object.keys(plan)))];
  const width = Math.max(0, ...names.map((name) => name.length)) + 2;
  return names.map((name) => {
    const found = plans.flatMap((plan) => (plan[name] ? [plan[name]] : []));
    const most = found.reduce((a, b) => (b.length > a.length ? b : a));
    const least = Math.min(...found.map((axes) => axes.length));
    const notes = [least < most.length ? `${least} to ${most.length} axes` : '', found.length < plans.length ? 'with some options' : ''];
    return `${name.padEnd(width)}[${most.join(', ')}]  ${notes.filter(Boolean).join(', ')}`.trimEnd();
  });
}
