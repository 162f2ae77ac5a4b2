/**
 * One process of a harness, from its start to its end. It ends for good at the first thing that goes wrong; `Harness`
 * then starts another. All state belongs to the one process, so that late events of an old one change nothing of a new
 * one.
 */
import type { ChildProcess } from 'node:child_process';
import { HarnessError, type HarnessErrorKind } from './harness-error.ts';
import { after, brief, type Limits, quoted } from './limits.ts';
import { LineSplitter } from './lines.ts';
import { type Message, printElsewhere, readMessage } from './message.ts';
import { killAtExit } from './living.ts';
import { signalGroup, spawnHarness, startProblem } from './spawn.ts';
import { Tail } from './tail.ts';

interface Waiting {
  /** What is waited for, in words. */
  readonly wanted: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (message: Message) => void;
  readonly reject: (error: HarnessError) => void;
}

interface Cause {
  readonly kind: HarnessErrorKind;
  readonly message: string;
}

export class HarnessProcess {
  /** Settles when the process has ended and its pipes are closed, or when it was waited for in vain. Never rejects. */
  readonly over: Promise<void>;
  readonly #command: readonly string[];
  readonly #limits: Limits;
  readonly #child: ChildProcess | null;
  readonly #lines: LineSplitter;
  readonly #stderr: Tail;
  readonly #finish: () => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #forget: () => void = () => {};
  #waiting: Waiting | null = null;
  #blank = 0;
  #introduced = false;
  /** How it ended, in words. */
  #exit: string | null = null;
  #ending = false;
  #killing = false;
  /** The pipe that it has closed while it runs. */
  #closed = '';
  /** The beginning of a message whose end never came. */
  #torn = '';
  /** What went wrong first. */
  #cause: Cause | null = null;
  /** Set once it is over. */
  #failure: Cause | null = null;

  constructor(command: readonly string[], limits: Limits) {
    this.#command = command;
    this.#limits = limits;
    this.#lines = new LineSplitter(limits.line);
    this.#stderr = new Tail(limits.stderr);
    let settle = (): void => {};
    this.over = new Promise((resolve) => (settle = resolve));
    this.#finish = () => this.#end(settle);
    this.#child = this.#spawn();
  }

  /** Whether the process is known to have ended, or never ran. */
  get gone(): boolean {
    return this.#exit !== null;
  }

  /** Sends a message and gives what comes back. One at a time. `wanted` names the reply in errors. */
  ask(message: object, wanted: string, timeout: number): Promise<Message> {
    const line = `${JSON.stringify(message)}\n`;
    if (this.#waiting) throw new Error(`Harness: one message at a time, ${this.#waiting.wanted} is still awaited`);
    if (this.#failure) {
      return Promise.reject(this.#error(this.#failure.kind, `cannot give ${wanted}, it is gone until it is restarted: ${this.#failure.message}`));
    }
    return new Promise((resolve, reject) => {
      const timer = after(timeout, () => {
        if (this.#waiting?.timer === timer) this.#late(wanted, timeout);
      });
      this.#waiting = { wanted, timer, resolve, reject };
      if (!this.#cause) this.#child?.stdin?.write(line);
    });
  }

  /** Gives the process up for what it wrote, and the error for it, with what it wrote to standard error meanwhile. */
  async refuse(message: string): Promise<HarnessError> {
    this.#fail('protocol', message);
    await this.over;
    return this.#error('protocol', message);
  }

  /** Tells it to stop, kills it if it does not, and waits for its end. */
  async stop(): Promise<void> {
    if (!this.#ending && !this.#cause && this.#exit === null) {
      this.#ending = true;
      this.#child?.stdin?.end('{"cmd":"stop"}\n');
      this.#timers.push(after(this.#limits.grace, () => this.#kill()));
    }
    await this.over;
  }

  #spawn(): ChildProcess | null {
    let child: ChildProcess;
    try {
      child = spawnHarness(this.#command);
    } catch (error) {
      this.#refused(error as Error);
      return null;
    }
    child.on('error', (error) => {
      if (child.pid === undefined) this.#refused(error);
    });
    if (child.pid !== undefined) this.#forget = killAtExit(() => signalGroup(child, 'SIGKILL'));
    child.on('exit', (code, signal) => {
      this.#exit = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
      if (this.#killing) signalGroup(child, 'SIGKILL');
      this.#timers.push(after(this.#limits.drain, this.#finish));
    });
    child.on('close', this.#finish);
    child.stdin?.on('error', () => this.#half('its standard input'));
    child.stdout?.on('error', () => this.#half('its standard output'));
    child.stdout?.on('end', () => {
      this.#readRest();
      this.#half('its standard output');
    });
    child.stdout?.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stderr?.on('error', () => {});
    child.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    return child;
  }

  #refused(error: Error): void {
    this.#exit = 'did not start';
    this.#cause = { kind: 'start', message: `cannot be started: ${startProblem(this.#command, error)}` };
    this.#finish();
  }

  /** One pipe is closed: as a rule the process is about to end, which says more. */
  #half(what: string): void {
    if (this.#exit !== null || this.#ending || this.#cause || this.#closed) return;
    this.#closed = what;
    this.#timers.push(after(this.#limits.drain, () => this.#mute()));
  }

  #mute(): void {
    if (this.#exit !== null || this.#ending || this.#failure) return;
    const wanted = this.#waiting?.wanted ?? 'it to wait for the next case';
    this.#fail('protocol', `expected ${wanted}, but it has closed ${this.#closed} and still runs; keep it open until {"cmd":"stop"}`);
  }

  #read(chunk: Buffer): void {
    if (this.#ending || this.#cause) return;
    if (this.#lines.push(chunk, (line) => this.#line(line))) return;
    const wanted = this.#waiting?.wanted ?? 'nothing';
    this.#fail('protocol', `expected ${wanted}, got a line of more than ${this.#limits.line} bytes; end each message with a newline`);
  }

  /** The last line counts without its newline too, if it is whole. */
  #readRest(): void {
    if (this.#ending || this.#cause || this.#lines.held === 0) return;
    const rest = this.#lines.rest();
    const message = readMessage(rest);
    if (typeof message === 'object') this.#line(rest);
    else this.#torn = brief(rest.toString());
  }

  #line(line: Buffer): void {
    if (this.#ending || this.#cause) return;
    const wanted = this.#waiting?.wanted;
    const message = readMessage(line);
    if (message === null) {
      if (++this.#blank > this.#limits.blankLines) {
        this.#fail('protocol', `expected ${wanted ?? 'nothing'}, got ${this.#blank} blank lines; ${printElsewhere}`);
      }
    } else if (typeof message === 'string') {
      this.#fail('protocol', `expected ${wanted ?? 'nothing before the next case'}, ${message}`);
    } else if (this.#waiting) {
      this.#blank = 0;
      this.#introduced = true;
      const { timer, resolve } = this.#waiting;
      this.#waiting = null;
      clearTimeout(timer);
      resolve(message);
    } else {
      this.#fail('protocol', `expected nothing before the next case, got ${quoted(message)}; answer each message once`);
    }
  }

  #late(wanted: string, timeout: number): void {
    if (this.#exit !== null) return this.#finish();
    if (this.#closed) return this.#mute();
    const held = this.#lines.held;
    const got = held > 0 ? `${held} bytes without a newline` : 'nothing';
    const remedy = held > 0 ? 'end each message with a newline' : 'flush the output after each line, or raise --timeout';
    this.#fail('timeout', `expected ${wanted} within ${timeout / 1000} s, got ${got}; ${remedy}`);
  }

  #fail(kind: HarnessErrorKind, message: string): void {
    if (this.#cause) return;
    this.#cause = { kind, message };
    this.#kill();
  }

  /** Asks the process and its children to terminate, then makes them. */
  #kill(): void {
    const child = this.#child;
    if (this.#killing || this.#failure || !child) return;
    this.#killing = true;
    child.stdin?.destroy();
    child.stdout?.destroy();
    signalGroup(child, 'SIGTERM');
    this.#timers.push(
      after(this.#limits.kill, () => {
        if (this.#failure) return;
        signalGroup(child, 'SIGKILL');
        this.#timers.push(after(this.#limits.drain, this.#finish));
      }),
    );
  }

  #end(settle: () => void): void {
    if (this.#failure) return;
    this.#readRest();
    const { kind, message } = this.#cause ?? { kind: this.#introduced ? 'died' : 'start', message: this.#obituary() };
    this.#failure = { kind, message };
    for (const timer of this.#timers) clearTimeout(timer);
    const child = this.#child;
    if (child) {
      // children that have outlived it, and pipes that somebody else still holds
      signalGroup(child, 'SIGKILL');
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      if (this.#exit === null) child.unref();
    }
    this.#forget();
    if (this.#waiting) {
      clearTimeout(this.#waiting.timer);
      this.#waiting.reject(this.#error(kind, message));
      this.#waiting = null;
    }
    settle();
  }

  #obituary(): string {
    const how = this.#exit ?? 'did not end';
    if (this.#ending) return `${how} after it was told to stop`;
    const wanted = this.#waiting?.wanted ?? 'it to wait for the next case';
    const torn = this.#torn && `, in the middle of a message: ${this.#torn}`;
    return `expected ${wanted}, but it ${how}${torn}; ${this.#advice(how)}`;
  }

  #advice(how: string): string {
    if (!this.#introduced) return 'run the command by hand to see why';
    if (how.endsWith('code 0')) return 'serve one case after the other until {"cmd":"stop"} or the end of the input';
    return how.startsWith('was ended') ? 'look for a crash of native code or a lack of memory' : 'catch what a case throws and answer {"seq":…,"errored":true,"message":…}';
  }

  #error(kind: HarnessErrorKind, message: string): HarnessError {
    return new HarnessError(kind, `${brief(this.#command.join(' '), 60)}: ${message}`, this.#stderr.text());
  }
}
