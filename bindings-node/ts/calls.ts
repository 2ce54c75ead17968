/**
 * The calls that are under way on this thread.
 *
 * The promise: each settles exactly once; the event loop is kept alive while there is one and not a moment longer; and
 * a wait that was given up leaves no listener behind.
 */
import { AsyncResource } from "node:async_hooks";
import { setImmediate, setInterval } from "node:timers";
import {
  abandonCheckpoints,
  forgetCheckpoints,
  keepsCheckpoints,
  serveCheckpoint,
  serveLastCheckpoint,
} from "./checkpoints";
import { expectEnd, expectLess, type Teller } from "./ending";
import { AbortError } from "./errors";
import { at, refusal, type Site } from "./from-core";
import { deliverLog, followLog, followsLog } from "./log";
import { type NativeClient, type NativeMessage, type NativeQueue, native } from "./native";
import type { Signal } from "./options";
import { doneError, doneText, type Said } from "./results";
import { watch } from "./signals";
import { classOf, forgetToken, serveToken } from "./tokens";

/** What a call needs to be started and to be settled. */
export interface Call<T> {
  readonly client: NativeClient;
  /** Where the caller is. */
  readonly site: Site;
  readonly signal: Signal | null | undefined;
  /** Starts it: its number, or the JSON text of an error. */
  readonly begin: (queue: NativeQueue) => number | string;
  /** What its last message says, where it is no error. */
  readonly said: Said;
  /** Reads that. */
  readonly read: (text: string) => T;
  /** Hands over the terminal result before that. */
  readonly deliver?: ((json: string) => unknown) | undefined;
  /** Told that its batch has room for another one. */
  readonly aside?: () => void;
  /** Told when it is over, also when nobody waits for it any more: it begins and goes on all the same. */
  readonly over?: () => void;
}

/** A call that somebody waits for, whatever comes of it. */
interface Waiting {
  readonly call: Pick<Call<never>, "client" | "aside">;
  readonly deliver: ((json: string) => unknown) | undefined;
  settle(json: string): void;
}

class Pending<T> implements Waiting {
  /** Takes back that its signal is listened to. */
  unwatch: (() => void) | undefined;
  /** The caller's asynchronous context is the callback's too. */
  readonly deliver: ((json: string) => unknown) | undefined;

  constructor(
    readonly call: Call<T>,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.deliver = call.deliver && AsyncResource.bind(call.deliver);
  }

  /** Its last message has come. */
  settle(json: string): void {
    this.unwatch?.();
    this.call.over?.();
    try {
      const text = doneText(json, this.call.said);
      if (text === undefined) this.reject(at(doneError(json), this.call.site));
      else this.resolve(this.call.read(text));
    } catch (defect) {
      this.reject(defect);
    }
  }

  /** Its signal was aborted. */
  abort(number: number): void {
    const { client, over, signal, site } = this.call;
    if (!pending.has(number)) return;
    if (over) unwaited.set(number, over);
    else client.cancel(number);
    forget(number);
    this.reject(at(new AbortError(signal?.reason), site));
  }
}

/** The longest time a timer takes; it never does anything. */
const FOREVER_MS = 2 ** 31 - 1;

const pending = new Map<number, Waiting>();
/** What goes on though nobody waits for it. */
const unwaited = new Map<number, () => void>();
/** What was drained and is being received: a function of the caller's may end the process in the middle of it. */
let unread: Iterable<NativeMessage> = [];
let queue: NativeQueue | undefined;
/** While the queue is listened to; keeps the event loop alive while somebody waits. */
let beat: NodeJS.Timeout | undefined;
/** Whether it is looked soon whether anybody still listens. */
let resting = false;

/** The queue of this thread. */
export function theQueue(): NativeQueue {
  queue ??= new native.NativeQueue();
  return queue;
}

const teller: Teller = { serves: keepsCheckpoints, serve: serveAtExit, after: deliverLog };

/** A client was opened, and its functions are known. */
export function opened(): void {
  if (keepsCheckpoints()) listen();
  expectEnd(keepsCheckpoints() || followsLog() ? teller : undefined);
}

/** A client was closed. */
export function closed(client: NativeClient): void {
  forgetToken(client);
  forgetCheckpoints(client);
  expectLess(teller, !keepsCheckpoints() && !followsLog());
  restSoon();
}

/** Has the queue wake this thread. */
function listen(): void {
  if (beat) return;
  beat = setInterval(() => undefined, FOREVER_MS).unref();
  const listened = theQueue();
  listened.listen(() => {
    unread = listened.drain().values();
    deliverLog();
    for (const message of unread) receive(message);
  });
}

/** Leaves nothing in the event loop, unless whoever was just answered goes on with the next call. */
function restSoon(): void {
  if (resting) return;
  resting = true;
  setImmediate(() => {
    resting = false;
    if (pending.size > 0 || unwaited.size > 0 || keepsCheckpoints()) return;
    clearInterval(beat);
    beat = undefined;
    queue?.rest();
  }).unref();
}

/** Tells the last checkpoints: nobody comes back to the event loop. */
function serveAtExit(): void {
  abandonCheckpoints();
  const messages = [...unread, ...theQueue().drain()];
  for (const { call, kind, json } of messages.map(messageOf))
    if (kind === "c") serveLastCheckpoint(call, json);
  abandonCheckpoints();
}

/**
 * Starts the call that `make` makes; settles with what its last message says, with `AbortError`, or with what `make` throws.
 * It is the one promise of a call, so that a method need not be `async`, which would make two more and settle later.
 */
export function start<T>(make: () => Call<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => begin(make(), resolve, reject));
}

function begin<T>(call: Call<T>, resolve: (value: T) => void, reject: (error: unknown) => void): void {
  const { site, signal } = call;
  if (signal?.aborted && !call.over) {
    reject(at(new AbortError(signal.reason), site));
    return;
  }
  followLog();
  const number = call.begin(theQueue());
  if (typeof number === "string") {
    reject(at(refusal(number), site));
    return;
  }
  const waiting = new Pending(call, resolve, reject);
  remember(number, waiting);
  if (signal) waiting.unwatch = watch(signal, () => waiting.abort(number));
}

/** A message in its parts. */
interface Message {
  readonly kind: string;
  readonly call: number;
  readonly json: string;
}

function messageOf(message: NativeMessage): Message {
  const end = message.indexOf(" ");
  return { kind: message.charAt(0), call: Number(message.slice(1, end)), json: message.slice(end + 1) };
}

function receive(message: NativeMessage): void {
  const { kind, call, json } = messageOf(message);
  if (kind === "t") {
    void serveToken(call, Number(json));
    return;
  }
  if (kind === "c") {
    void serveCheckpoint(call, json);
    return;
  }
  if (kind === "r") {
    void handOver(call, json);
    return;
  }
  const waiting = pending.get(call);
  if (kind === "a") {
    waiting?.call.aside?.();
    return;
  }
  if (waiting && forget(call)) waiting.settle(json);
  if (unwaited.size === 0) return;
  const over = unwaited.get(call);
  if (over && unwaited.delete(call)) over();
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
  waiting.call.client.answer(call, raised);
}

function remember(call: number, waiting: Waiting): void {
  listen();
  if (pending.size === 0) beat?.ref();
  pending.set(call, waiting);
}

function forget(call: number): boolean {
  const known = pending.delete(call);
  if (known && pending.size === 0) {
    beat?.unref();
    restSoon();
  }
  return known;
}
