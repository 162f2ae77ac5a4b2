/**
 * What is shown while it trains. On a terminal one line is redrawn; elsewhere (a file, a pipe) there is a line for each
 * epoch.
 */
import { clock, grouped, percent, shownLoss } from './format.ts';
import type { Epoch, Run } from './loop.ts';

/** Where the lines go: `process.stdout`, or what stands for it in a test. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How much there is to do. */
export interface Plan {
  readonly norms: readonly string[];
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly batch: number;
}

/** Milliseconds between two drawings of the line. */
const REDRAW = 80;
const BAR = 20;

export class Progress {
  readonly #screen: Screen;
  readonly #plan: Plan;
  readonly #now: () => number;
  readonly #width: number;
  readonly #start: number;
  #runStart: number;
  #drawn = -Infinity;
  /** Trainings that are over, however far they went. */
  #over = 0;

  /** `now` is a clock in milliseconds. */
  constructor(screen: Screen, plan: Plan, now: () => number) {
    this.#screen = screen;
    this.#plan = plan;
    this.#now = now;
    this.#width = Math.max(...plan.norms.map((norm) => norm.length));
    this.#start = this.#runStart = now();
  }

  /** After a step; `loss` and `accuracy` are means of the epoch so far. */
  step(run: Run, epoch: number, loss: number, accuracy: number): void {
    if (!this.#screen.isTTY) return;
    const now = this.#now();
    if (now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    const { epochs, stepsPerEpoch, norms } = this.#plan;
    const each = epochs * stepsPerEpoch;
    const done = run.losses.length;
    const allDone = this.#over * each + done;
    const left = ((now - this.#start) / allDone) * (norms.length * each - allDone);
    const filled = Math.floor((BAR * done) / each);
    const line = [
      `${run.norm.padEnd(this.#width)} ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${epoch}/${epochs}`,
      `loss ${shownLoss(loss)}`,
      `acc ${percent(accuracy)}`,
      `${this.#speed(run, now)}/s`,
      `${clock(left / 1000)} left`,
    ].join('  ');
    const { columns = 80 } = this.#screen;
    this.#screen.write(`\r${line.slice(0, columns - 1)}\x1b[K`);
  }

  epoch(run: Run, { epoch, trainLoss, trainAccuracy, testAccuracy }: Epoch): void {
    if (this.#screen.isTTY) return;
    this.#screen.write(
      `${run.norm.padEnd(this.#width)}  epoch ${epoch}/${this.#plan.epochs}  loss ${shownLoss(trainLoss)}  ` +
        `train ${percent(trainAccuracy)}  test ${percent(testAccuracy)}  ${this.#speed(run, this.#now())} samples/s\n`,
    );
  }

  /** A training is over: its line stays. */
  finish(run: Run): void {
    const now = this.#now();
    const last = run.epochs[run.epochs.length - 1];
    const seconds = `${((now - this.#runStart) / 1000).toFixed(1)} s`;
    const result = last ? `loss ${shownLoss(last.trainLoss)}  test ${percent(last.testAccuracy)}` : 'no epoch finished';
    const step = run.losses.length;
    if (run.status === 'diverged') this.#stay(`${run.norm.padEnd(this.#width)}  diverged at step ${step}`);
    else if (run.status === 'stopped') this.#stay(`${run.norm.padEnd(this.#width)}  stopped after step ${step}  ${result}`);
    else if (this.#screen.isTTY) this.#stay(`${run.norm.padEnd(this.#width)}  ${result}  ${seconds}`);
    this.#over++;
    this.#runStart = now;
    this.#drawn = -Infinity;
  }

  #stay(line: string): void {
    this.#screen.write(this.#screen.isTTY ? `\r${line}\x1b[K\n` : `${line}\n`);
  }

  /** Samples per second of this training. */
  #speed(run: Run, now: number): string {
    return grouped((1000 * run.losses.length * this.#plan.batch) / Math.max(1, now - this.#runStart));
  }
}
