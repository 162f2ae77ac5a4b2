/**
 * What is shown while a check runs. On a terminal one line is redrawn in place: the norm, cases done, cases a second,
 * the worst ratio so far. Elsewhere (a file, a pipe) there is a line for each norm when it is done.
 */
import type { Screen } from '../train/progress.ts';
import { showNumber } from '../../oracle/show-number.ts';
import { shownRate } from './numbers.ts';
import { unhappy } from './table.ts';
import type { Tally } from './tally.ts';

/** Milliseconds between two drawings of the line. */
const REDRAW = 80;

export class Progress {
  readonly #screen: Screen;
  readonly #width: number;
  readonly #now: () => number;
  readonly #total: number;
  /** Norms begun. */
  #begun = 0;
  #start = 0;
  #drawn = -Infinity;
  /** Whether the redrawn line stands on the screen. */
  #standing = false;

  /** `labels` are those of the norms to come; `now` is a clock in milliseconds. */
  constructor(screen: Screen, labels: readonly string[], now: () => number) {
    this.#screen = screen;
    this.#width = Math.max(0, ...labels.map((label) => label.length));
    this.#total = labels.length;
    this.#now = now;
  }

  begin(): void {
    this.#begun++;
    this.#start = this.#now();
    this.#drawn = -Infinity;
  }

  /** After a case; `doing` says what is done in place of the next one, as shrinking. */
  step(label: string, tally: Tally, doing = ''): void {
    if (!this.#screen.isTTY) return;
    const now = this.#now();
    if (now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    this.#standing = true;
    const line = [
      `${this.#begun}/${this.#total} ${label.padEnd(this.#width)}`,
      `${String(tally.cases).padStart(String(tally.planned).length)}/${tally.planned}`,
      `${shownRate(tally.cases, now - this.#start)}/s`,
      `worst ${showNumber(tally.worst)}`,
      ...unhappy(tally),
      ...(doing ? [doing] : []),
    ].join('  ');
    const { columns = 80 } = this.#screen;
    this.#screen.write(`\r${line.slice(0, Math.max(1, columns - 1))}\x1b[K`);
  }

  /** A norm is done. */
  finish(label: string, tally: Tally): void {
    if (this.#screen.isTTY) return this.clear();
    const of = tally.cases < tally.planned ? `${tally.cases} of ${tally.planned}` : `${tally.cases}`;
    const line = [
      label.padEnd(this.#width),
      `${of} cases`,
      `${shownRate(tally.cases, this.#now() - this.#start)}/s`,
      `worst ${showNumber(tally.worst)}`,
      ...unhappy(tally),
    ].join('  ');
    this.#screen.write(`${line}\n`);
  }

  /** Takes the redrawn line away, so that a text can be written in its place. */
  clear(): void {
    if (this.#standing) this.#screen.write('\r\x1b[K');
    this.#standing = false;
    this.#drawn = -Infinity;
  }
}
