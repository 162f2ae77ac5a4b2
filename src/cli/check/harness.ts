/**
 * A foreign implementation behind a command: it is started, asked case after case over its standard input and output,
 * and stopped. Whatever it does instead ends as a `HarnessError` within a known time, and `restart` gives a new process.
 *
 * The messages, one JSON object a line:
 *
 *   -> {"cmd":"start","version":1}           <- {"version":1,"implementation":{…},"norms":[…],"dtypes":[…],"features":[…]}
 *   -> {"cmd":"run","seq":17,"case":{…}}     <- {"seq":17,"results":[…]}
 *   -> {"cmd":"stop"}
 */
import { HarnessError } from './harness-error.ts';
import { HarnessProcess } from './harness-process.ts';
import { type Introduction, introductionOf } from './introduction.ts';
import { limits as defaults, type Limits, quoted } from './limits.ts';

export { HarnessError, type HarnessErrorKind } from './harness-error.ts';
export type { Introduction } from './introduction.ts';

export interface HarnessOptions {
  /** The program and its arguments. No shell comes between. */
  readonly command: readonly string[];
  /** Milliseconds until the introduction must have come. */
  readonly startTimeout: number;
  /** Milliseconds for each case. */
  readonly caseTimeout: number;
  /** Overrides some of the limits on what a harness may write and how long its end may take. */
  readonly limits?: Partial<Limits>;
}

export class Harness {
  readonly #options: HarnessOptions;
  readonly #limits: Limits;
  #process: HarnessProcess;
  #introduction: Introduction;
  /** Runs on over restarts: no answer of an old process fits a new case. */
  #seq = 0;
  #running = false;
  /** Restarts and stops one after the other. */
  #turn: Promise<void> = Promise.resolve();

  /** Starts the command and waits for its introduction. Throws a HarnessError, and then leaves no process behind. */
  static async start(options: HarnessOptions): Promise<Harness> {
    for (const name of ['startTimeout', 'caseTimeout'] as const) {
      if (!(options[name] > 0)) throw new RangeError(`Harness.start: ${name} must be positive milliseconds, got ${options[name]}`);
    }
    if (!options.command[0]) throw new HarnessError('start', 'the command of the harness is empty; give it behind --: -- python3 mine.py');
    const limits = { ...defaults, ...options.limits };
    return new Harness(options, limits, await introduced(options, limits));
  }

  private constructor(options: HarnessOptions, limits: Limits, started: Started) {
    this.#options = options;
    this.#limits = limits;
    this.#process = started.process;
    this.#introduction = started.introduction;
  }

  /** What the harness said of itself at its latest start. */
  get introduction(): Introduction {
    return this.#introduction;
  }

  /**
   * Sends a case and gives the reply, without its `seq`. One case at a time. After a HarnessError the process is gone:
   * `restart` before the next case. `timeout` is for a case that is known to take another time than most.
   */
  async run(asked: object, { timeout = this.#options.caseTimeout }: { readonly timeout?: number } = {}): Promise<unknown> {
    if (this.#running) throw new Error('Harness.run: one case at a time; await the reply to the last one');
    this.#running = true;
    try {
      const running = this.#process;
      const seq = ++this.#seq;
      const { seq: got, ...reply } = await running.ask({ cmd: 'run', seq, case: asked }, `the answer to seq ${seq}`, timeout);
      if (got !== seq) throw await running.refuse(`expected the answer to seq ${seq}, ${otherwise(got, seq, reply)}`);
      return reply;
    } finally {
      this.#running = false;
    }
  }

  /** Ends the process, waits for its end, and starts a fresh one. May be tried again after it threw. */
  restart(): Promise<void> {
    return this.#next(async () => {
      await this.#process.stop();
      if (!this.#process.gone) {
        throw new HarnessError('timeout', `${this.#options.command[0]}: expected the old process to end before a new one starts, but it cannot be killed; end it by hand`);
      }
      ({ process: this.#process, introduction: this.#introduction } = await introduced(this.#options, this.#limits));
    });
  }

  /** Tells the harness to stop, and kills it and its children if it does not. A case without its answer is given up. */
  stop(): Promise<void> {
    return this.#next(() => this.#process.stop());
  }

  #next(body: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(body);
    this.#turn = result.catch(() => {});
    return result;
  }
}

interface Started {
  readonly process: HarnessProcess;
  readonly introduction: Introduction;
}

async function introduced({ command, startTimeout }: HarnessOptions, limits: Limits): Promise<Started> {
  const process = new HarnessProcess(command, limits);
  const message = await process.ask({ cmd: 'start', version: 1 }, 'its introduction', startTimeout);
  const introduction = introductionOf(message);
  if (typeof introduction === 'string') throw await process.refuse(`cannot be introduced: ${introduction}`);
  return { process, introduction };
}

/** What came instead of the reply to a case. */
function otherwise(got: unknown, seq: number, reply: object): string {
  const message = quoted({ ...(got !== undefined && { seq: got }), ...reply });
  if (got === undefined) return `got a message without its seq: ${message}; copy seq from the message that asks`;
  if (typeof got === 'number' && got < seq) return `got one with the seq of an older case: ${message}; answer each case once, before the next is read`;
  return `got one with another seq: ${message}; copy seq from the message that asks, unchanged`;
}
