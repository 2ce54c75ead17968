/**
 * Who waits for which `AbortSignal`. One listener for each signal, however many calls share it (Node warns beyond ten),
 * and none once the last of them is over.
 */
import type { Signal } from "./options";

/** Somebody who waits, and gives up when a signal is aborted. */
export interface Abortable {
  abort(): void;
}

interface Watch {
  readonly waiting: Set<Abortable>;
  readonly listener: () => void;
}

const watches = new WeakMap<Signal, Watch>();

/** Has `abort` called once when the signal is aborted, at once where it already is. */
export function watch(signal: Signal, waiting: Abortable): void {
  if (signal.aborted) waiting.abort();
  else (watches.get(signal) ?? begin(signal)).waiting.add(waiting);
}

/** Takes that back. */
export function unwatch(signal: Signal, waiting: Abortable): void {
  const known = watches.get(signal);
  if (!known?.waiting.delete(waiting) || known.waiting.size > 0) return;
  watches.delete(signal);
  signal.removeEventListener("abort", known.listener);
}

function begin(signal: Signal): Watch {
  const waiting = new Set<Abortable>();
  const listener = () => {
    watches.delete(signal);
    for (const one of waiting) one.abort();
    waiting.clear();
  };
  const made = { waiting, listener };
  watches.set(signal, made);
  signal.addEventListener("abort", listener, { once: true });
  return made;
}
