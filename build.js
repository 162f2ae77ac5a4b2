/**
 * Builds dist/ with two compilations. The first one compiles the library without any platform's types, so that a
 * use of `process`, `console` or another web or Node global in it is a compile error. The second one adds the
 * command line, which may use Node.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';

const compiler = new URL('./node_modules/typescript/bin/tsc', import.meta.url).pathname;
rmSync('dist', { recursive: true, force: true });
for (const config of ['tsconfig.build.json', 'tsconfig.cli.json']) {
  execFileSync(process.execPath, [compiler, '-p', config], { stdio: 'inherit' });
}
if (existsSync('dist/cli/main.js')) chmodSync('dist/cli/main.js', 0o755);
