import type { Schedule } from './schedules.ts';

/** What a scheduler sets: the learning rates of an optimizer's groups. */
export interface Scheduled {
  readonly groups: readonly { lr: number }[];
}

/** A saved scheduler, plain JSON. */
export interface SchedulerState {
  step: number;
  baseLrs: number[];
}

/**
 * Keeps `group.lr = base * schedule(step)` for every group of an optimizer; `base` is the learning rate a group has
 * when the scheduler is made. Made at step 0, which sets the first rate; `step` is called after each step of the
 * optimizer.
 * @example
 * ```ts
 * const optimizer = new SGD([parameter(ones([2]))], { lr: 4 });
 * const scheduler = new Scheduler(optimizer, stepDecay({ every: 1, factor: 0.5 }));
 * scheduler.step();
 * optimizer.groups[0]!.lr; // 2
 * ```
 */
export class Scheduler {
  readonly #optimizer: Scheduled;
  readonly #schedule: Schedule;
  #baseLrs: number[];
  #step = 0;

  constructor(optimizer: Scheduled, schedule: Schedule) {
    this.#optimizer = optimizer;
    this.#schedule = schedule;
    this.#baseLrs = optimizer.groups.map((group) => group.lr);
    this.#apply();
  }

  /** Goes on to the next step's learning rates. */
  step(): void {
    this.#step++;
    this.#apply();
  }

  stateDict(): SchedulerState {
    return { step: this.#step, baseLrs: this.#baseLrs.slice() };
  }

  /**
   * Takes over a saved step and base rates, and sets the groups' rates by them. Throws a RangeError, before anything is
   * changed, unless there is a finite rate for each group and the step is an integer of at least 0.
   */
  loadStateDict({ step, baseLrs }: SchedulerState): void {
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new RangeError(`Scheduler.loadStateDict: step must be an integer of at least 0, got ${step}`);
    }
    const count = this.#baseLrs.length;
    if (baseLrs.length !== count || !baseLrs.every((lr) => Number.isFinite(lr))) {
      throw new RangeError(
        `Scheduler.loadStateDict: baseLrs must be ${count} finite numbers, got [${baseLrs.join(', ')}]`,
      );
    }
    this.#step = step;
    this.#baseLrs = baseLrs.slice();
    this.#apply();
  }

  #apply(): void {
    const factor = this.#schedule(this.#step);
    this.#optimizer.groups.forEach((group, i) => {
      group.lr = this.#baseLrs[i]! * factor;
    });
  }
}
