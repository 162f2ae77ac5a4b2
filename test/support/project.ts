/** The project's own files, for tests about its structure. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** A file of the project as text. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Paths from the root, with forward slashes, of the files below a folder whose name has an ending. */
export function filesBelow(folder: string, ending = '.ts'): string[] {
  if (!existsSync(join(root, folder))) return [];
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith(ending) && !path.includes('node_modules'))
    .sort();
}

/** The slugs of the norms: files of src/norms that are neither shared kernels nor lists of norms. */
export function slugs(): string[] {
  return readdirSync(join(root, 'src/norms'))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('_') && file !== 'catalog.ts' && file !== 'index.ts')
    .map((file) => file.slice(0, -3))
    .sort();
}

interface BuildResult {
  readonly outputFiles: readonly { readonly text: string }[];
}

interface BuildOptions {
  readonly stdin: { readonly contents: string; readonly resolveDir: string; readonly loader: 'ts' };
  readonly bundle: true;
  readonly write: false;
  readonly minify: boolean;
  readonly format: 'esm' | 'iife';
  readonly target: 'es2022';
  readonly globalName?: string;
  readonly ignoreAnnotations: boolean;
  readonly external: readonly string[];
  readonly logLevel: 'silent';
}

interface Esbuild {
  buildSync(options: BuildOptions): BuildResult;
  transformSync(code: string, options: { loader: 'ts'; target: 'es2022'; minifyWhitespace?: boolean }): { code: string };
}

/** The bundler that tsx brings along: no dependency of our own. */
const esbuild = createRequire(createRequire(join(root, 'package.json')).resolve('tsx/package.json'))('esbuild') as Esbuild;

/** Bundles a module whose imports are relative to the root. */
export function bundle(
  contents: string,
  { minify = true, globalName, ignoreAnnotations = false }: { minify?: boolean; globalName?: string; ignoreAnnotations?: boolean } = {},
): string {
  const result = esbuild.buildSync({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    minify,
    format: globalName === undefined ? 'esm' : 'iife',
    target: 'es2022',
    ...(globalName === undefined ? {} : { globalName }),
    ignoreAnnotations,
    external: ['fast-check', 'node:*'],
    logLevel: 'silent',
  });
  return result.outputFiles[0]!.text;
}

/** TypeScript without its types; comments go too when `bare`. */
export function stripTypes(code: string, bare = false): string {
  return esbuild.transformSync(code, { loader: 'ts', target: 'es2022', ...(bare ? { minifyWhitespace: true } : {}) }).code;
}
