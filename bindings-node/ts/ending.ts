/**
 * The end of the process: what is on the wire is recorded before it, and the trails are closed.
 *
 * The promise: there is one listener for it in a process, however often this module is evaluated (a test runner does so
 * for every file), and none once every client is closed; and an evaluation is kept for it only while it has something to
 * tell: while a function of the caller's is to be called, or somebody follows the log.
 */
import { isMainThread } from "node:worker_threads";
import { native } from "./native";

/** An evaluation of this module that has something to tell at the end. */
export interface Teller {
  /** Whether functions of the caller's are to be called. */
  readonly serves: () => boolean;
  /** Calls them, and throws nothing. */
  readonly serve: () => void;
  /** Says what was said last. */
  readonly after: () => void;
}

interface Tellers {
  /** Each with what ends the clients of its copy of the library. */
  readonly all: Map<Teller, (serve: () => void) => void>;
  readonly listener: () => void;
}

const TELLERS: unique symbol = Symbol.for("cxone-actions.tellers.1") as never;

/** What a test runner shows to its tests is a copy, whose `exit` never comes. */
const real = native.process() as NodeJS.Process & { [TELLERS]?: Tellers };

/** Sees to the end of the process, from the first client on. A worker may end while the process goes on. */
export function expectEnd(teller: Teller | undefined): void {
  if (!isMainThread) return;
  if (teller) {
    tellers().all.set(teller, native.drainAtExitServing);
    real.off("exit", native.drainAtExit);
  } else if (!ourTellers() && !real.listeners("exit").includes(native.drainAtExit)) {
    real.once("exit", native.drainAtExit);
  }
}

/** A client was closed; `idle` if this evaluation has nothing to tell any more. */
export function expectLess(teller: Teller, idle: boolean): void {
  if (!isMainThread) return;
  const over = !native.hasClients();
  const known = real[TELLERS];
  if ((idle || over) && known?.all.delete(teller) && known.all.size === 0) {
    real.off("exit", known.listener);
    delete real[TELLERS];
  }
  if (over) real.off("exit", native.drainAtExit);
  else expectEnd(undefined);
}

function ourTellers(): boolean {
  return Array.from(real[TELLERS]?.all.values() ?? []).includes(native.drainAtExitServing);
}

function tellers(): Tellers {
  const known = real[TELLERS];
  if (known) return known;
  const all: Tellers["all"] = new Map();
  const listener = () => {
    const serving = Array.from(all.keys()).filter((teller) => teller.serves());
    const serve = () => {
      for (const teller of serving) teller.serve();
    };
    for (const drain of new Set(all.values())) drain(serve);
    for (const teller of all.keys()) teller.after();
  };
  const made = { all, listener };
  Object.defineProperty(real, TELLERS, { value: made, configurable: true });
  real.once("exit", listener);
  return made;
}
