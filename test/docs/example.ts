/** Examples in docstrings: finding them, and cutting them into statements with the values they show. */

/** A block of code after `@example`. */
export interface Example {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly code: string;
}

/** A statement and the comment behind it, empty without one. */
export interface Statement {
  readonly code: string;
  readonly shown: string;
}

/** The ```ts blocks that follow `@example` in the doc comments of a source file. */
export function examplesIn(source: string): Example[] {
  const examples: Example[] = [];
  for (const doc of source.matchAll(/\/\*\*[^]*?\*\//g)) {
    for (const block of doc[0].matchAll(/@example\s*\n\s*\* ?```ts\n([^]*?)\n\s*\* ?```/g)) {
      const code = block[1]!.split('\n').map((line) => line.replace(/^\s*\* ?/, '')).join('\n');
      examples.push({ line: source.slice(0, doc.index + block.index).split('\n').length + 2, code });
    }
  }
  return examples;
}

/** Cuts code at the ends of its statements. The comment of a statement may go on over the following lines. */
export function statements(code: string): Statement[] {
  const found: Statement[] = [];
  let at = 0;
  while (at < code.length) {
    const end = endOfStatement(code, at);
    const text = code.slice(at, end).trim();
    const { shown, next } = commentBehind(code, end);
    if (text !== '') found.push({ code: text, shown });
    at = Math.max(next, end, at + 1);
  }
  return found;
}

/** The position behind the statement that begins at `start`: behind a `;`, or a `}` that ends a block, at depth 0. */
function endOfStatement(code: string, start: number): number {
  const isBlock = /^\s*(?:\/\/[^\n]*\n\s*)*(?:async\s+)?(?:function|class|for|if|while|try|interface)\b/.test(code.slice(start));
  let depth = 0;
  for (let i = start; i < code.length; i++) {
    const c = code[i]!;
    if (c === "'" || c === '"' || c === '`') i = endOfString(code, i);
    else if (code.startsWith('//', i)) i = endOfLine(code, i) - 1;
    else if ('([{'.includes(c)) depth++;
    else if (')]}'.includes(c)) {
      depth--;
      if (depth === 0 && c === '}' && isBlock && !/^\s*(?:else|catch|finally)\b/.test(code.slice(i + 1))) return i + 1;
    } else if (c === ';' && depth === 0) return i + 1;
  }
  return code.length;
}

function endOfString(code: string, start: number): number {
  let i = start + 1;
  while (i < code.length && code[i] !== code[start]) i += code[i] === '\\' ? 2 : 1;
  return i;
}

function endOfLine(code: string, start: number): number {
  const end = code.indexOf('\n', start);
  return end < 0 ? code.length : end;
}

function commentBehind(code: string, end: number): { shown: string; next: number } {
  const lines: string[] = [];
  let next = end;
  const behind = /^[ \t]*\/\/ ?([^\n]*)/.exec(code.slice(end));
  if (behind) {
    lines.push(behind[1]!);
    next = end + behind[0].length;
  }
  for (;;) {
    const following = /^[ \t]*\n[ \t]*\/\/ ?([^\n]*)/.exec(code.slice(next));
    if (!following) break;
    lines.push(following[1]!);
    next += following[0].length;
  }
  return { shown: lines.join('\n'), next };
}

/**
 * One function body that runs the statements and tells each shown value to `show(index, text, () => value)`. A
 * comment behind a declaration of one name shows the value of that name.
 */
export function instrumented(code: string): { body: string; shows: number } {
  const out: string[] = [];
  let shows = 0;
  for (const { code: statement, shown } of statements(code)) {
    const text = statement.replace(/^(?:\s*\/\/[^\n]*\n)+/, '').trim();
    if (/^import\s/.test(text)) continue;
    const declared = /^(?:const|let)\s+([A-Za-z_$][\w$]*)\s*(?::[^=]+)?=/.exec(text)?.[1];
    const isExpression = !/^(?:const|let|var|function|async function|class|for|if|while|try|return|throw|interface|type)\b|^[{}]/.test(text);
    if (shown !== '' && isExpression) {
      out.push(`await show(${JSON.stringify(shown)}, async () => (${text.replace(/;$/, '')}));`);
      shows++;
    } else {
      out.push(statement);
      if (shown !== '' && declared) {
        out.push(`await show(${JSON.stringify(shown)}, async () => ${declared}, true);`);
        shows++;
      }
    }
  }
  return { body: out.join('\n'), shows };
}
