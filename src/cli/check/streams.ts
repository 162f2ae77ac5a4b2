/** Where a subcommand writes: `process`, or what stands for it in a test. */
import type { Screen } from '../train/progress.ts';

export interface Streams {
  readonly stdout: Screen;
  readonly stderr: Pick<Screen, 'write'>;
}

/** The width that texts are fitted to. */
export function columnsOf({ columns = 120 }: Screen): number {
  return Math.max(40, Math.min(120, columns));
}
