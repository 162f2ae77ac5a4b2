/** One case through the pipe: what the harness made of it, and what the judge says of that. */
import type { Phase } from '../../oracle/generate/phases.ts';
import { type AskedCase, type Finding, judge, type Verdict } from '../../oracle/judge.ts';
import { type Reply, replyFromJson } from '../../oracle/reply.ts';
import type { DType } from '../../tensor/dtype.ts';
import { type Harness, HarnessError } from './harness.ts';
import type { Interrupt } from './interrupt.ts';

/** A case as it is asked and as it is judged. */
export interface Question {
  /** The case of a message. */
  readonly message: object;
  readonly judged: AskedCase;
  readonly dtype: DType;
  readonly phase: Phase | null;
}

/** A harness that gave no reply that can be read. */
export interface Lost {
  readonly kind: HarnessError['kind'];
  readonly message: string;
  readonly stderr: string;
}

export interface Trial {
  readonly reply: Reply | null;
  readonly verdict: Verdict | null;
  /** Set when there is no verdict. */
  readonly lost: Lost | null;
  /** In what ways it failed, in graph order, as `grads x`; empty when it did not. */
  readonly kinds: readonly string[];
}

/** How replies are judged. */
export interface Judging {
  readonly factor: number;
  readonly only: 'forward' | 'backward' | null;
}

/** Milliseconds that Ctrl-C has to arrive here too when it has ended the harness: on Windows both share a console. */
const SETTLE = 50;

/** A harness under examination: it is started again when it has been lost. */
export class Examiner {
  readonly #harness: Harness;
  readonly #judging: Judging;
  readonly #interrupt: Interrupt;
  #state: 'fresh' | 'used' | 'lost' = 'fresh';

  constructor(harness: Harness, judging: Judging, interrupt: Interrupt) {
    this.#harness = harness;
    this.#judging = judging;
    this.#interrupt = interrupt;
  }

  /**
   * Asks a case. Throws an Interrupted at Ctrl-C, and a HarnessError when a lost harness cannot be started again. `early`
   * judges no longer than the outcome needs, so that the ratio of a case that passes may be too large.
   */
  async ask(question: Question, early = false): Promise<Trial> {
    if (this.#state === 'lost') await this.#restart();
    this.#state = 'used';
    let raw: unknown;
    try {
      raw = await this.#interrupt.guard(this.#harness.run(question.message));
    } catch (error) {
      if (!(error instanceof HarnessError)) throw error;
      this.#state = 'lost';
      await this.#interrupt.guard(new Promise((resolve) => setTimeout(resolve, SETTLE)));
      return lostTrial(error);
    }
    return judgeReply(question, raw, this.#judging, early);
  }

  /** Asks a case in a process that has seen no other. */
  async askFresh(question: Question): Promise<Trial> {
    if (this.#state === 'used') await this.#restart();
    return this.ask(question);
  }

  async #restart(): Promise<void> {
    await this.#interrupt.guard(this.#harness.restart());
    this.#state = 'fresh';
  }
}

/** What comes of a reply as it stood in the message. */
export function judgeReply({ judged, dtype }: Question, raw: unknown, { factor, only }: Judging, early = false): Trial {
  let reply: Reply;
  try {
    reply = replyFromJson(raw, dtype);
  } catch (error) {
    return lostTrial({ kind: 'protocol', message: (error as Error).message, stderr: '' });
  }
  const verdict = judge(judged, reply, { dtype, factor, early, ...(only && { only }) });
  return { reply, verdict, lost: null, kinds: verdict.outcome === 'failed' ? kindsOf(reply, verdict) : [] };
}

function lostTrial({ kind, message, stderr }: Lost): Trial {
  const words = { start: 'could not start', died: 'died', timeout: 'timed out', protocol: 'broke the protocol' };
  return { reply: null, verdict: null, lost: { kind, message, stderr }, kinds: [words[kind]] };
}

function kindsOf(reply: Reply, { findings, message }: Verdict): string[] {
  if (reply.kind === 'errored') return [`errored: ${beginning(reply.message)}`];
  return findings.length > 0 ? [...new Set(findings.map(kindOf))] : [beginning(message)];
}

/** An error's message up to its first number, bracket, quotation or colon: what stays the same when its case gets smaller. */
function beginning(message: string): string {
  return message.split(/[\d[({:,"'\n]/)[0]!.trim();
}

/** The tensor, and how it is wrong where that is not by a number. */
function kindOf({ part, name, got, want, note }: Finding): string {
  const tensor = `${part} ${name}`;
  if (note !== undefined && note !== '') return `${tensor} ${beginning(note)}`;
  return Number.isFinite(want) && !Number.isFinite(got) ? `${tensor} not finite` : tensor;
}

/** Whether a smaller case fails in the way that the one it comes from did. */
export function sameKind(trial: Trial, first: Trial): boolean {
  return first.kinds.length > 0 && trial.kinds.includes(first.kinds[0]!);
}
