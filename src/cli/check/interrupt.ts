/** Ctrl-C: what is waited for is given up, so that what was found so far can be shown. */

/** Thrown in place of a result once Ctrl-C was pressed. */
export class Interrupted extends Error {
  override readonly name: string = 'Interrupted';
}

export class Interrupt {
  #requested = false;
  #giveUp: (() => void) | null = null;

  get requested(): boolean {
    return this.#requested;
  }

  /** What Ctrl-C does; the second one ends the process at once. */
  readonly request = (): void => {
    if (this.#requested) process.exit(130);
    this.#requested = true;
    this.#giveUp?.();
  };

  /** The result of a promise, or an Interrupted as soon as Ctrl-C is pressed. One promise at a time. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#giveUp = () => reject(new Interrupted('interrupted'));
      if (this.#requested) this.#giveUp();
      // both handlers, so that a promise that fails after it was given up is no unhandled rejection
      promise.then(resolve, reject);
    }).finally(() => (this.#giveUp = null));
  }

  /** Listens to Ctrl-C while `body` runs. */
  async during<T>(body: () => Promise<T>): Promise<T> {
    process.on('SIGINT', this.request);
    try {
      return await body();
    } finally {
      process.off('SIGINT', this.request);
    }
  }
}
