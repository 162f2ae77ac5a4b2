/**
 * The sources as the JavaScript that is published, in a folder of its own: what worker threads start from in a twentieth
 * of the time that TypeScript takes, and what shows that the compiled command finds its workers.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesBelow, read, root, stripTypes } from './project.ts';

export interface Compiled {
  /** The URL of a compiled source: `url('src/cli/replicas.ts')`. */
  readonly url: (source: string) => URL;
  /** The path of a compiled source. */
  readonly path: (source: string) => string;
  readonly remove: () => void;
}

/** Compiles src and the named files of test. */
export function compile(also: readonly string[] = []): Compiled {
  const folder = mkdtempSync(join(tmpdir(), 'normgrad-compiled-'));
  const path = (source: string): string => join(folder, source.replace(/\.ts$/, '.js'));
  for (const source of [...filesBelow('src'), ...also]) {
    mkdirSync(dirname(path(source)), { recursive: true });
    // as rewriteRelativeImportExtensions does it
    const code = stripTypes(read(source)).replace(/(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.[^"']*)\.ts\2/g, '$1$2$3.js$2');
    writeFileSync(path(source), code);
  }
  writeFileSync(join(folder, 'package.json'), read('package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return { url: (source) => pathToFileURL(path(source)), path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
