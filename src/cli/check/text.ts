/** Texts in lines of a terminal, and words for a shell. */

/** A text with line breaks between words so that no line is longer than `columns`, all indented, later ones by two more. */
export function paragraph(text: string, columns: number, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last]!.length + 1 + word.length < columns) lines[last] += ` ${word}`;
    else lines.push(`${' '.repeat(last < 0 ? indent : indent + 2)}${word}`);
  }
  return lines.join('\n');
}

/** A word as a POSIX shell reads it back. */
export function quotedForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
