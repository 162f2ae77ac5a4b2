/** Plain text in columns and paragraphs. */

/**
 * Rows with their cells at the same columns, two spaces apart. Column i is flush right where `right` has i. Trailing
 * spaces are dropped.
 */
export function inColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** `text` in lines of at most `width`, broken at spaces; the first begins with `label`, the others below its text. */
export function paragraph(label: string, text: string, width: number): string[] {
  const indent = ' '.repeat(label.length);
  const lines: string[] = [];
  for (const part of text.split('\n')) {
    let line = lines.length === 0 ? label : indent;
    let empty = true;
    for (const word of part.split(' ')) {
      if (!empty && line.length + 1 + word.length > width) {
        lines.push(line.trimEnd());
        line = indent;
        empty = true;
      }
      line += empty ? word : ` ${word}`;
      empty = false;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}
