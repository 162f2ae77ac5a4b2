/** A failing case in full: as it was generated, as small as it could be made, and what is known about it. */
import { type Case, caseFromJson } from '../../oracle/case.ts';
import { diagnoseAll } from '../../oracle/diagnose.ts';
import type { OracleCase } from '../../oracle/generate/oracle-case.ts';
import { phases } from '../../oracle/generate/phases.ts';
import type { PartialAnswer } from '../../oracle/reply.ts';
import type { DType } from '../../tensor/dtype.ts';
import { type Budget, type FastCheck, shrink } from './shrink.ts';
import { type Examiner, type Judging, type Question, sameKind, type Trial } from './trial.ts';

/** A case and what came of it. */
export interface Failing {
  readonly question: Question;
  readonly trial: Trial;
}

/** How a case was made small. */
export interface ShrinkFacts {
  readonly steps: number;
  readonly runs: number;
  /** Whether the budget ended it. */
  readonly spent: boolean;
}

export interface Failure {
  /** The case that is shown: the smallest one known. */
  readonly shown: Failing;
  /** The case of the run that it comes from; the same where nothing was shrunk. */
  readonly original: Failing;
  /** Whether it failed again in a fresh process. */
  readonly repeated: boolean;
  readonly shrunk: ShrinkFacts | null;
  /** What explains it, in sentences, the best explanation first. */
  readonly diagnosis: readonly string[];
}

/** A generated case as a question. */
export function questionOf(asked: OracleCase, dtype: DType): Question {
  return { message: asked.toJson(dtype), judged: asked, dtype, phase: asked.phase };
}

/** What making a case small needs. */
export interface Means {
  readonly examiner: Examiner;
  readonly judging: Judging;
  readonly fc: typeof FastCheck;
  readonly budget: Budget;
  readonly now: () => number;
  /** Called before each smaller case that is asked, with their number so far. */
  readonly trying: (runs: number) => void;
}

/** Shrinks a case that failed in a fresh process, and sees that what is left fails in a fresh process too. */
export async function smallest(asked: OracleCase, failing: Failing, means: Means): Promise<{ shown: Failing; shrunk: ShrinkFacts }> {
  const { examiner, fc, budget, now, trying } = means;
  const { dtype } = failing.question;
  let tried = 0;
  const { found, steps, runs, spent } = await shrink(asked, failing.trial, {
    fc,
    budget,
    now,
    key: (candidate) => JSON.stringify(candidate.toJson(dtype)),
    ask: (candidate) => {
      trying(tried++);
      return examiner.ask(questionOf(candidate, dtype), true);
    },
  });
  if (steps === 0) return { shown: failing, shrunk: { steps, runs, spent } };
  const question = questionOf(found, dtype);
  const trial = await examiner.askFresh(question);
  const holds = sameKind(trial, failing.trial);
  return { shown: holds ? { question, trial } : failing, shrunk: { steps: holds ? steps : 0, runs, spent } };
}

/**
 * The catalogued mistakes that explain a failure, in sentences, the best explanation first: those that explain the case
 * of the run as well, for a small case cannot tell all mistakes apart.
 */
export function explain(shown: Failing, original: Failing, factor: number): string[] {
  const small = diagnosable(shown);
  const whole = shown === original ? [] : diagnosable(original);
  if (small.length === 0) return [];
  const both = diagnoseAll([...small, ...whole], { factor });
  const found = both.length > 0 || whole.length === 0 ? both : diagnoseAll(small, { factor });
  const subject = namesOf(shown);
  return found.map(({ says }) => `your ${subject} ${subject.includes(',') ? 'equal' : 'equals'} ours ${says}`);
}

function diagnosable({ question, trial: { reply, verdict } }: Failing): { asked: Case; got: readonly PartialAnswer[] }[] {
  if (reply?.kind !== 'results' || question.phase === 'invalid' || verdict!.findings.length === 0) return [];
  return [{ asked: question.judged.toCase(question.dtype), got: reply.results }];
}

/** The failing tensors as mathematics writes them: `y`, `dx`. */
function namesOf({ trial }: Failing): string {
  const names = trial.verdict!.findings.map(({ part, name }) => (part === 'grads' ? `d${name}` : name));
  return [...new Set(names)].join(', ');
}

/** A saved case as a question. Throws when it cannot be read as a case. */
export function questionFromJson(message: object): Question {
  const asked = caseFromJson(message);
  const named = (message as { phase?: unknown }).phase;
  const phase = phases.find((known) => known === named) ?? null;
  return { message, judged: { ...(phase && { phase }), toCase: () => asked }, dtype: asked.dtype, phase };
}
