/**
 * The calls that are under way on this thread.
 *
 * The promise: each settles exactly once; the event loop is kept alive while there is one and not a moment longer; and
 * a wait that was given up leaves no listener behind.
 */
import { AsyncResource } from "node:async_hooks";
import { setInterval } from "node:timers";
import { isMainThread } from "node:worker_threads";
import { abandonCheckpoints, keepsCheckpoints, serveCheckpoint, serveLastCheckpoint } from "./checkpoints";
import { AbortError, type CxoneError } from "./errors";
import { at, refusal, type Site } from "./from-core";
import { deliverLog, followLog } from "./log";
import { type NativeClient, type NativeMessage, type NativeQueue, native } from "./native";
import type { Signal } from "./options";
import { watch } from "./signals";
import { classOf, serveToken } from "./tokens";

/** What a call needs to be started and to be settled. */
export interface Call<T> {
  readonly client: NativeClient;
  /** Where the caller is. */
  readonly site: Site;
  readonly signal: Signal | null | undefined;
  /** Starts it: its number, or the JSON text of an error. */
  readonly begin: (queue: NativeQueue) => number | string;
  /** Reads its last message. */
  readonly read: (json: string) => { value: T } | { error: CxoneError };
  /** Hands over the terminal result before that. */
  readonly deliver?: ((json: string) => unknown) | undefined;
}

interface Pending {
  readonly client: NativeClient;
  readonly deliver: ((json: string) => unknown) | undefined;
  readonly settle: (json: string) => void;
}

/** The longest time a timer takes; it never does anything. */
const FOREVER_MS = 2 ** 31 - 1;

const pending = new Map<number, Pending>();
/** What was drained and is being received: a function of the caller's may end the process in the middle of it. */
let unread: Iterable<NativeMessage> = [];
let thread: { readonly queue: NativeQueue; readonly beat: NodeJS.Timeout } | undefined;

/** The queue of this thread, and the end of the process prepared; made with the first client. */
export function enter(): NativeQueue {
  if (!thread) {
    const queue = new native.NativeQueue(() => {
      unread = queue.drain().values();
      deliverLog();
      for (const message of unread) receive(message);
    });
    thread = { queue, beat: setInterval(() => undefined, FOREVER_MS).unref() };
    // A worker may end while the process goes on: its queue is closed natively, and the others keep working.
    if (isMainThread) {
      process.once("exit", () => {
        native.drainAtExit(keepsCheckpoints() ? () => serveAtExit(queue) : null);
        deliverLog();
      });
    }
  }
  return thread.queue;
}

/** Tells the last checkpoints: nobody comes back to the event loop. */
function serveAtExit(queue: NativeQueue): void {
  abandonCheckpoints();
  const messages = [...unread, ...queue.drain()];
  for (const { call, kind, json } of messages) if (kind === "checkpoint") serveLastCheckpoint(call, json);
  abandonCheckpoints();
}

/** Starts a call; settles with what its last message says, or with `AbortError`. */
export function start<T>(call: Call<T>): Promise<T> {
  const { client, site, signal } = call;
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) {
      reject(at(new AbortError(signal.reason), site));
      return;
    }
    followLog();
    const number = call.begin(enter());
    if (typeof number === "string") {
      reject(at(refusal(number), site));
      return;
    }
    let unwatch = () => {};
    const settle = (json: string) => {
      unwatch();
      try {
        const answer = call.read(json);
        if ("error" in answer) reject(at(answer.error, site));
        else resolve(answer.value);
      } catch (defect) {
        reject(defect);
      }
    };
    // The caller's asynchronous context is the callback's too.
    const deliver = call.deliver && AsyncResource.bind(call.deliver);
    remember(number, { client, deliver, settle });
    unwatch = watch(signal, () => {
      if (!forget(number)) return;
      client.cancel(number);
      reject(at(new AbortError(signal?.reason), site));
    });
  });
}

function receive({ call, kind, json }: NativeMessage): void {
  if (kind === "token") {
    void serveToken(call, Number(json));
    return;
  }
  if (kind === "checkpoint") {
    void serveCheckpoint(call, json);
    return;
  }
  if (kind === "deliver") {
    void handOver(call, json);
    return;
  }
  const waiting = pending.get(call);
  if (waiting && forget(call)) waiting.settle(json);
}

/** Runs the caller's `onResult`; of what it throws, only the class goes back. */
async function handOver(call: number, json: string): Promise<void> {
  const waiting = pending.get(call);
  if (!waiting) return;
  let raised: string | null = null;
  try {
    await waiting.deliver?.(json);
  } catch (thrown) {
    raised = classOf(thrown);
  }
  waiting.client.answer(call, raised);
}

function remember(call: number, waiting: Pending): void {
  if (pending.size === 0) thread?.beat.ref();
  pending.set(call, waiting);
}

function forget(call: number): boolean {
  const known = pending.delete(call);
  if (known && pending.size === 0) thread?.beat.unref();
  return known;
}
