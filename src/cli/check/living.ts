/**
 * Processes that must not outlive this one. They are in groups of their own, so that they can be killed with their
 * children; the price is that a terminal's Ctrl-C reaches this process alone.
 */
const living = new Set<() => void>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `kill` when this process ends before the returned function was called. `kill` must not wait. */
export function killAtExit(kill: () => void): () => void {
  if (living.size === 0) {
    process.on('exit', killAll);
    for (const signal of signals) process.on(signal, onSignal);
  }
  living.add(kill);
  return () => {
    if (living.delete(kill) && living.size === 0) forget();
  };
}

function onSignal(signal: NodeJS.Signals): void {
  // another listener means that somebody else decides what the signal does
  if (process.listenerCount(signal) > 1) return;
  killAll();
  forget();
  process.kill(process.pid, signal);
}

function killAll(): void {
  for (const kill of living) kill();
}

function forget(): void {
  process.off('exit', killAll);
  for (const signal of signals) process.off(signal, onSignal);
}
