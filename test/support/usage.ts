/** What tests of commands share. */
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/cli/usage-error.ts';

/** Asserts that a command, called in this process, refuses its arguments with this message. */
export async function assertUsage(run: () => unknown, message: RegExp): Promise<void> {
  try {
    await run();
  } catch (error) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable(`no usage error; expected ${message}`);
}
