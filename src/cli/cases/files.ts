/** Cases as files in a folder: a file of lines for each norm, or a file of tensors for each case and a manifest beside. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeNpz } from '../../formats/npz.ts';
import { writeSafetensors } from '../../formats/safetensors.ts';
import type { Tensors } from '../../norms/catalog/entry.ts';
import { type CaseCall, caseToJson } from '../../oracle/case.ts';
import type { OracleCase } from '../../oracle/generate/oracle-case.ts';
import { type Asked, asJson, type Format, rightAnswers } from './asked.ts';
import { casesOf } from './run.ts';

/** Writes the cases of a run into a folder, which is made. */
export function writeFiles(asked: Asked, format: Format, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { at, of } = asked.shard;
  const share = of === 1 ? '' : `-${at}-of-${of}`;
  const writeLines = (name: string, lines: readonly object[]): void =>
    writeFileSync(join(folder, `${name}${share}.jsonl`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (format !== 'jsonl') {
    writeLines('manifest', [...casesOf(asked)].map((found) => writeTensors(found, asked, format, folder)));
    return;
  }
  for (const entry of asked.entries) {
    writeLines(entry.slug, [...casesOf({ ...asked, entries: [entry] })].map((found) => asJson(found, asked)));
  }
}

/** Writes the tensors of a case, and gives its line of the manifest: all that is no tensor. */
function writeTensors(found: OracleCase, { dtype, answers }: Asked, format: 'npz' | 'safetensors', folder: string): object {
  const file = `${found.entry.slug}-${String(found.index).padStart(5, '0')}.${format}`;
  const { params, state, calls } = found.toCase(dtype);
  const results = answers ? rightAnswers(found) : null;
  const tensors: Tensors = {
    ...under('params', params),
    ...under('state', state),
    ...together(calls.map(({ inputs, gradOutputs }: CaseCall, i) => ({ ...under(`calls.${i}.inputs`, inputs), ...under(`calls.${i}.gradOutputs`, gradOutputs) }))),
    ...together((results ?? []).map((result, i) => together(Object.entries(result).map(([part, all]) => under(`results.${i}.${part}`, all as Tensors))))),
  };
  const line = { file, ...described(found, dtype), ...(answers && !results && { rejected: true }) };
  const bytes = format === 'npz' ? writeNpz(tensors) : writeSafetensors(tensors, { case: JSON.stringify(line) });
  writeFileSync(join(folder, file), bytes);
  return line;
}

function described(found: OracleCase, dtype: Asked['dtype']): object {
  const asked = found.toCase(dtype);
  const { norm, config } = caseToJson(asked) as { norm: string; config: object };
  const calls = asked.calls.map(({ mode, op }) => ({ mode, ...(op !== undefined && { op }) }));
  return { norm, index: found.index, phase: found.phase, flags: found.flags, dtype, config, calls };
}

function under(place: string, tensors: Readonly<Tensors>): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [`${place}.${name}`, x]));
}

function together(parts: readonly Tensors[]): Tensors {
  return Object.assign({}, ...parts) as Tensors;
}
