/** Starting and killing a harness: the process, its pipes and its group. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const groups = process.platform !== 'win32';

/** Starts the command with three pipes, as the leader of a process group where there are such. May throw. */
export function spawnHarness([file, ...args]: readonly string[]): ChildProcess {
  return spawn(file ?? '', args, { stdio: ['pipe', 'pipe', 'pipe'], detached: groups, windowsHide: true });
}

/** Sends a signal to the process and all its children that have not left its group. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (!groups) child.kill(signal);
    else if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // nobody is left
  }
}

/** Why the command could not be started, and what to do about it. */
export function startProblem(command: readonly string[], error: NodeJS.ErrnoException): string {
  const file = command[0] ?? '';
  if (error.code === 'ENOENT' && existsSync(file)) {
    return 'the interpreter that its first line (#!) names does not exist; correct that line, or name the interpreter: -- python3 mine.py';
  }
  if (error.code === 'ENOENT' && /\s/.test(file)) {
    return `there is no command "${file}"; give the command and its arguments as words of their own: -- ${file}`;
  }
  if (error.code === 'ENOENT') return `there is no command "${file}"; check its spelling, the folder and the PATH`;
  if (error.code === 'EACCES') {
    return `"${file}" may not be executed; make it executable (chmod +x), or name its interpreter: -- python3 ${file}`;
  }
  return `${error.message}; check the command`;
}
