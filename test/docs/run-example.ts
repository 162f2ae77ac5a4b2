/** Running an example and holding the values it shows against those it gives. */
import * as assert from 'uvu/assert';
import * as normgrad from '../../src/index.ts';
import { stripTypes } from '../support/project.ts';
import { instrumented } from './example.ts';

const everything = normgrad as unknown as Record<string, unknown>;

/** A shown value as a value; undefined when it is not written as one. */
function literal(text: string): { value: unknown } | undefined {
  try {
    return { value: new Function(`"use strict"; return (${text});`)() as unknown };
  } catch {
    return undefined;
  }
}

/** A value as examples show it: a tensor as nested arrays, typed arrays as arrays. */
function plain(value: unknown): unknown {
  if (value instanceof normgrad.Tensor) return normgrad.toArray(value);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float32Array);
  return value;
}

/** Deep equality, numbers within 1e-6 of the larger one or absolutely. */
function near(got: unknown, want: unknown): boolean {
  if (typeof got === 'number' && typeof want === 'number') {
    return Object.is(got, want) || Math.abs(got - want) <= 1e-6 * Math.max(1, Math.abs(got), Math.abs(want));
  }
  if (Array.isArray(got) && Array.isArray(want)) return got.length === want.length && got.every((v, i) => near(plain(v), want[i]));
  if (got !== null && want !== null && typeof got === 'object' && typeof want === 'object') {
    const keys = Object.keys(got);
    const a = got as Record<string, unknown>;
    const b = want as Record<string, unknown>;
    return keys.length === Object.keys(want).length && keys.every((key) => key in b && near(plain(a[key]), b[key]));
  }
  return Object.is(got, want);
}

const squeeze = (text: string): string => text.replace(/[ \t]+$/gm, '').trim();

/** Throws unless what was computed is what the comment shows. `// throws TypeError: part of the message` also counts. */
async function show(shown: string, compute: () => Promise<unknown>, isDeclaration = false): Promise<void> {
  const thrown = /^throws (\w+)(?:: ([^]*))?$/.exec(shown);
  if (thrown && !isDeclaration) {
    try {
      await compute();
    } catch (error) {
      assert.is((error as Error).name, thrown[1]);
      assert.ok((error as Error).message.includes(thrown[2] ?? ''), `the message is: ${(error as Error).message}`);
      return;
    }
    assert.unreachable(`nothing was thrown where ${shown}`);
  }
  const value = plain(await compute());
  const wanted = literal(shown);
  if (wanted && near(value, wanted.value)) return;
  if (squeeze(String(value)) === squeeze(shown)) return;
  // a remark behind a declaration or a call for its effect is not a value
  if (!wanted && (isDeclaration || value === undefined)) return;
  assert.unreachable(`shown: ${shown}\ngot:   ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}

/** Runs code with every public name in scope. Returns how many values it shows; throws where one is not what it gives. */
export async function runExample(code: string): Promise<number> {
  const { body, shows } = instrumented(code);
  const names = Object.keys(everything).filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  const script = stripTypes(`async function example() { const { ${names.join(', ')} } = normgrad; {\n${body}\n} }`);
  const run = new Function('normgrad', 'show', `"use strict"; ${script}\nreturn example();`) as (
    all: typeof everything,
    shows: typeof show,
  ) => Promise<void>;
  await run(everything, show);
  return shows;
}
