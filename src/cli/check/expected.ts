/**
 * Expected failures: a file in the user's own repository that says what is known to be wrong, so that a run fails only
 * for what is new. A line is `norm`, `norm phase` or `norm part name`; `#` begins a comment.
 */
import { answerable } from '../../norms/catalog.ts';
import { type Phase, phases } from '../../oracle/generate/phases.ts';
import { parts } from '../../oracle/tolerance.ts';
import { UsageError } from '../usage-error.ts';

/** A tensor that a case failed in. */
export interface FailedTensor {
  readonly part: (typeof parts)[number];
  readonly name: string;
}

/** A line of the file. */
interface Line {
  /** `known.txt:3: layer grads weight`, for messages. */
  readonly label: string;
  readonly norm: string;
  readonly phase?: Phase;
  readonly tensor?: FailedTensor;
  /** Whether it has excused a failure. */
  used: boolean;
}

export class Expected {
  readonly #lines: readonly Line[];

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  /**
   * Whether a failing case is expected: its norm is, or its norm in this phase, or each of the tensors it failed in. A
   * case that failed without a tensor, by an error or by dying, needs a line without one.
   */
  excuses(norm: string, phase: Phase | null, tensors: readonly FailedTensor[]): boolean {
    const fitting = this.#lines.filter((line) => line.norm === norm && (line.phase === undefined || line.phase === phase));
    const whole = fitting.filter((line) => !line.tensor);
    for (const line of whole) line.used = true;
    const byTensor = tensors.map((failed) =>
      fitting.filter(({ tensor }) => tensor && tensor.part === failed.part && tensor.name === failed.name),
    );
    for (const line of byTensor.flat()) line.used = true;
    return whole.length > 0 || (tensors.length > 0 && byTensor.every((lines) => lines.length > 0));
  }

  /** The lines about this norm that have excused nothing although what they speak of was tested. */
  unused(norm: string, tested: { phase(phase: Phase): boolean; part(part: FailedTensor['part']): boolean }): string[] {
    return this.#lines
      .filter((line) => line.norm === norm && !line.used)
      .filter(({ phase, tensor }) => (phase === undefined || tested.phase(phase)) && (!tensor || tested.part(tensor.part)))
      .map(({ label }) => label);
  }
}

/** Reads the text of a file of this name. Throws a UsageError that names the line for one that is wrong. */
export function parseExpected(text: string, file: string): Expected {
  const lines = text.split(/\r?\n/).flatMap((raw, i): Line[] => {
    const words = raw.replace(/#.*/, '').trim().split(/\s+/);
    return words[0] === '' ? [] : [lineOf(words, `${file}:${i + 1}`)];
  });
  return new Expected(lines);
}

function lineOf(words: readonly string[], place: string): Line {
  const [norm, second, name] = words as [string, string?, string?];
  try {
    answerable(norm);
  } catch {
    throw new UsageError(`${place}: there is no norm "${norm}"; a line is NORM, NORM PHASE or NORM PART NAME`);
  }
  const label = `${place}: ${words.join(' ')}`;
  if (words.length === 1) return { label, norm, used: false };
  const phase = phases.find((candidate) => candidate === second);
  if (words.length === 2 && phase) return { label, norm, phase, used: false };
  const part = parts.find((candidate) => candidate === second);
  if (words.length === 3 && part) return { label, norm, tensor: { part, name: name! }, used: false };
  throw new UsageError(
    `${place}: a line is NORM, NORM PHASE (${phases.join(', ')}) or NORM PART NAME (${parts.join(', ')}), got "${words.join(' ')}"`,
  );
}
