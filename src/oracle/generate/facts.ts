/** What can be seen of a generated case and may matter, in words. */
import type { NormCase } from './norm-case.ts';

export function factsOf({ plan }: NormCase): string[] {
  return [plan.modes.length === 1 ? '' : `${plan.modes.length} calls: ${plan.modes.join(', ')}`].filter(Boolean);
}
