/** Not a harness, but the owner of one: starts it, says its process id, and ends without having stopped it. */
import { Harness } from '../../../../src/cli/check/harness.ts';
import { patience, script } from '../start-harness.ts';

const harness = await Harness.start({ command: script('stubborn'), startTimeout: patience, caseTimeout: patience });
const { pid, child } = (await harness.run({})) as { pid: number; child: number };
process.stdout.write(`${pid} ${child}\n`);
if (process.argv[2] === 'exits') process.exit(0);
