/** `normgrad answer`: cases in, right answers out, one JSON object a line. */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Form } from '../norms/catalog/entry.ts';
import { type AnswerOptions, reply } from '../oracle/protocol.ts';
import type { DType } from '../tensor/dtype.ts';
import { UsageError } from './usage-error.ts';

const usage = `normgrad answer [options] < cases.jsonl

Reads cases, one JSON object a line, and writes the right answers: outputs, gradients and state after each call.
Also speaks the protocol of a harness (start, run, stop).

  --dtype float32|float64     compute in this dtype, whatever the cases say (default: what they say, or float32)
  --form fused|definition     which of its two forms of each norm (default fused)

A case: {"norm": "layer", "config": {"normalizedShape": [3]}, "params": {}, "state": {},
         "calls": [{"mode": "train", "inputs": {"x": {"shape": [1, 3], "data": [1, 2, 4]}},
                    "gradOutputs": {"y": {"shape": [1, 3], "data": [1, 0, 0]}}}]}
on one line. A case that the norm refuses is answered {"rejected": true, "message": ...}, a line that is no case
{"errored": true, "message": ...}; the next line is served all the same.
`;

/** Serves standard input until it ends or says stop. Returns the exit code. */
export async function answer(args: readonly string[]): Promise<number> {
  const values = optionsOf(args);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const options: AnswerOptions = {
    ...(values.dtype !== undefined && { dtype: oneOf<DType>('dtype', values.dtype, ['float32', 'float64']) }),
    ...(values.form !== undefined && { form: oneOf<Form>('form', values.form, ['fused', 'definition']) }),
  };
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === '') continue;
    const found = reply(line, options);
    if (!found) break;
    if (!process.stdout.write(`${JSON.stringify(found)}\n`)) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
  return 0;
}

function optionsOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { dtype: { type: 'string' }, form: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found) return found;
  throw new UsageError(`--${name} must be ${allowed.join(' or ')}, got ${value}`);
}
