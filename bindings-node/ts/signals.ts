/**
 * Who waits for which `AbortSignal`. One listener for each signal, however many calls share it (Node warns beyond ten),
 * and none once the last of them is over.
 */
import type { Signal } from "./options";

interface Watch {
  readonly waiting: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<Signal, Watch>();

/** Calls `abort` once when the signal is aborted, at once where it already is; what it returns takes that back. */
export function watch(signal: Signal | null | undefined, abort: () => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) {
    abort();
    return () => {};
  }
  const { waiting, listener } = watches.get(signal) ?? begin(signal);
  waiting.add(abort);
  return () => {
    if (!waiting.delete(abort) || waiting.size > 0) return;
    watches.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}

function begin(signal: Signal): Watch {
  const waiting = new Set<() => void>();
  const listener = () => {
    watches.delete(signal);
    for (const abort of waiting) abort();
    waiting.clear();
  };
  const made = { waiting, listener };
  watches.set(signal, made);
  signal.addEventListener("abort", listener, { once: true });
  return made;
}
