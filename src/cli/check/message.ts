/** One line of a harness as a message, or the reason why it is none. */
import { isUtf8 } from 'node:buffer';
import { brief } from './limits.ts';

/** A message: a JSON object. */
export type Message = Record<string, unknown>;

/** Standard output belongs to the protocol: the remedy for most that is no message. */
export const printElsewhere = 'print one JSON object a line to standard output, and everything else to standard error';

/** The message, null for a blank line, or what is wrong with it and the likely remedy, as `got …; …`. */
export function readMessage(line: Buffer): Message | null | string {
  if (!isUtf8(line)) return `got bytes that are not UTF-8: ${brief(JSON.stringify(line.toString('latin1')))}; write UTF-8, without UTF-16 or a code page`;
  // a byte order mark is no part of the text
  const text = line.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `got a line that is not JSON (${brief((error as Error).message, 100)}): ${brief(text.trim())}; ${remedy(text)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `got JSON that is no object: ${brief(text.trim())}; ${printElsewhere}`;
  }
  return value as Message;
}

function remedy(text: string): string {
  // every other piece between quotation marks is outside of strings
  const outside = text.replace(/\\./g, '').split('"').filter((_, i) => i % 2 === 0).join('""');
  const bare = /^\s*\{/.test(text) && /\b(?:NaN|Infinity|nan|inf)\b/.test(outside);
  return bare ? 'JSON has no such numbers: write "NaN", "Infinity", "-Infinity" as strings' : printElsewhere;
}
