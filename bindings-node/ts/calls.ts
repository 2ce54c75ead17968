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
import { doneError, doneText, RESULT_VALUES, resultOf, type Said } from "./results";
import { type Abortable, unwatch, watch } from "./signals";
import { classOf, forgetToken, serveToken } from "./tokens";

/** How the last message of a call is read. */
export interface Reads<T> {
  /** What it says, where it is no error. */
  readonly said: Said;
  readonly read: (text: string) => T;
}

/**
 * A call that somebody waits for. What it was started with is not kept: many may wait for long.
 */
export class Call<T> implements Abortable {
  /** By which the core knows it. */
  number = 0;
  /** Told that its batch has room for another one. */
  aside: (() => void) | undefined = undefined;
  /** Told when it is over, also when nobody waits for it any more: it begins and goes on all the same. */
  over: (() => void) | undefined = undefined;
  /** Hands over the terminal result before that. */
  deliver: ((text: string) => unknown) | undefined = undefined;
  #signal: Signal | null | undefined = undefined;

  constructor(
    readonly client: NativeClient,
    /** Where the caller is. */
    readonly site: Site,
    readonly reads: Reads<T>,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  /** Whether it is to be started: not where it was given up already. From now on the signal gives it up. */
  waits(signal: Signal | null | undefined): boolean {
    this.#signal = signal;
    return !signal?.aborted || this.over !== undefined;
  }

  /** Has the terminal result handed over first. The caller's asynchronous context is the callback's too. */
  delivers(onResult: ((result: T) => unknown) | null | undefined): boolean {
    if (!onResult) return false;
    this.deliver = AsyncResource.bind((text: string) => onResult(this.reads.read(text)));
    return true;
  }

  /** The core knows it, or says in JSON text why not; `undefined` where it was not asked. */
  begun(number: number | string | undefined): void {
    if (number === undefined) {
      this.reject(at(new AbortError(this.#signal?.reason), this.site));
    } else if (typeof number === "string") {
      this.reject(at(refusal(number), this.site));
    } else {
      this.number = number;
      remember(this);
      if (this.#signal) watch(this.#signal, this);
    }
  }

  /** Its last message has come. */
  settle(json: string): void {
    this.#ended();
    try {
      const text = doneText(json, this.reads.said);
      if (text === undefined) this.reject(at(doneError(json), this.site));
      else this.resolve(this.reads.read(text));
    } catch (defect) {
      this.reject(defect);
    }
  }

  /** It came to this. */
  done(value: T): void {
    this.#ended();
    this.resolve(value);
  }

  /** Its signal was aborted. */
  abort(): void {
    if (!pending.has(this.number)) return;
    if (this.over) unwaited.set(this.number, this.over);
    else this.client.cancel(this.number);
    forget(this.number);
    this.reject(at(new AbortError(this.#signal?.reason), this.site));
  }

  #ended(): void {
    if (this.#signal) unwatch(this.#signal, this);
    this.over?.();
  }
}

/** The longest time a timer takes; it never does anything. */
const FOREVER_MS = 2 ** 31 - 1;

const pending = new Map<number, Call<unknown>>();
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

/** Reads what the caller gave, asks the call whether it waits, and starts it: its number, or the JSON text of an error. */
export type Begin<T> = (call: Call<T>, queue: NativeQueue) => number | string | undefined;

/**
 * Starts a call. It settles with what its last message says, with `AbortError`, or with what `work` throws. It is the one
 * promise of a call, so that a method need not be `async`, which would make two more and settle later.
 */
export function start<T>(client: NativeClient, site: Site, reads: Reads<T>, work: Begin<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => begin(new Call(client, site, reads, resolve, reject), work));
}

/** The same for one who needs no promise. */
export function begin<T>(call: Call<T>, work: Begin<T>): void {
  try {
    followLog();
    call.begun(work(call, theQueue()));
  } catch (error) {
    call.reject(error instanceof Error ? at(error, call.site) : error);
  }
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
  if (message.startsWith("[")) {
    receiveResults(message);
    return;
  }
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
    waiting?.aside?.();
    return;
  }
  if (waiting && forget(call)) waiting.settle(json);
  if (unwaited.size === 0) return;
  const over = unwaited.get(call);
  if (over && unwaited.delete(call)) over();
}

function receiveResults(text: string): void {
  const values = JSON.parse(text) as unknown[];
  for (let index = 0; index < values.length; index += RESULT_VALUES) {
    const number = values[index] as number;
    const waiting = pending.get(number);
    if (waiting && forget(number)) waiting.done(resultOf(values, index + 1));
  }
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

function remember<T>(call: Call<T>): void {
  listen();
  if (pending.size === 0) beat?.ref();
  pending.set(call.number, call as Call<unknown>);
}

function forget(call: number): boolean {
  const known = pending.delete(call);
  if (known && pending.size === 0) {
    beat?.unref();
    restSoon();
  }
  return known;
}
