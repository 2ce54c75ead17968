/**
 * Many requests, a bounded number at a time.
 *
 * The promise: one outcome for each request that was read, none lost to another's error nor to what the source does; the
 * source is read lazily and always closed; and whoever leaves the loop leaves nothing running that waits for him, at
 * once, also where he waits for an outcome himself. (An async generator would take a `return` only after that outcome.)
 */

import { clearTimeout, setTimeout } from "node:timers";
import { typeName } from "./encode";
import { AbortError, CxoneError } from "./errors";
import { at, type Site } from "./from-core";
import type { NativeBatch } from "./native";
import { mistaken, type Signal } from "./options";
import { type Outcome, outcome } from "./outcome";
import type { ActionResult } from "./results";
import { unwatch, watch } from "./signals";

type Source<T> = Iterator<T> | AsyncIterator<T>;
/** Starts one of them. */
export type Run<Outputs> = (
  request: unknown,
  giveUp: AbortSignal,
  resolve: (result: ActionResult<Outputs>) => void,
  reject: (error: unknown) => void,
  /** Told that there is room for another one. */
  aside: () => void,
) => void;

/** So long a source that is told to end may take, as in Python. */
const FAREWELL_MS = 5000;

/** Checks what can be checked at once, and returns the loop. */
export function runMany<Outputs>(
  requests: unknown,
  batch: NativeBatch,
  signal: Signal | null | undefined,
  site: Site,
  run: Run<Outputs>,
): AsyncGenerator<Outcome<Outputs, never>, void, undefined> {
  const open = opening(requests);
  if (!open) {
    const message = `\`requests\` must be an iterable of requests, got ${typeName(requests)}`;
    throw mistaken([{ path: "requests", code: "type", message }]);
  }
  return new Many(open, batch, signal, site, run);
}

function opening(requests: unknown): (() => Source<unknown>) | undefined {
  if (typeof requests !== "object" || requests === null) return undefined;
  const given = requests as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  if (typeof given[Symbol.asyncIterator] === "function")
    return () => (given as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  if (typeof given[Symbol.iterator] === "function")
    return () => (given as Iterable<unknown>)[Symbol.iterator]();
  return undefined;
}

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

class Many<Outputs> implements AsyncGenerator<Outcome<Outputs, never>, void, undefined> {
  readonly #open: () => Source<unknown>;
  readonly #batch: NativeBatch;
  readonly #signal: Signal | null | undefined;
  readonly #site: Site;
  readonly #run: Run<Outputs>;
  readonly #giveUp = new AbortController();
  readonly #aborted = { abort: () => this.#fail(at(new AbortError(this.#signal?.reason), this.#site)) };
  readonly #aside = () => {
    if (!this.#over) this.#fill();
  };
  readonly #ready: Outcome<Outputs, never>[] = [];
  /** Those who have asked for an outcome and have none yet. */
  readonly #waiting: Waiting<IteratorResult<Outcome<Outputs, never>, void>>[] = [];
  #begun = false;
  #source: Source<unknown> | undefined;
  #reading = false;
  /** It is at work this very moment, and takes no `return`. */
  #asked = false;
  /** How many requests were read. */
  #read = 0;
  #running = 0;
  /** Nothing more is read. */
  #ended = false;
  /** Nothing more is given. */
  #over = false;
  /** What the loop ends with. */
  #failure: { readonly error: unknown } | undefined;

  constructor(
    open: () => Source<unknown>,
    batch: NativeBatch,
    signal: Signal | null | undefined,
    site: Site,
    run: Run<Outputs>,
  ) {
    this.#open = open;
    this.#batch = batch;
    this.#signal = signal;
    this.#site = site;
    this.#run = run;
  }

  next(): Promise<IteratorResult<Outcome<Outputs, never>, void>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#begin();
      this.#serve();
      this.#fill();
    });
  }

  /** Whoever waits for an outcome is told at once that there are no more. */
  async return(): Promise<IteratorReturnResult<void>> {
    this.#failure = undefined;
    await this.#end();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<never> {
    await this.return().catch(() => undefined);
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #begin(): void {
    if (this.#begun || this.#over) return;
    this.#begun = true;
    if (this.#signal) watch(this.#signal, this.#aborted);
    if (this.#over) return;
    try {
      const source: unknown = this.#open();
      if (typeof (source as Partial<Source<unknown>> | null)?.next !== "function")
        throw new TypeError(`the iterator of \`requests\` must have a \`next\`, got ${typeName(source)}`);
      this.#source = source as Source<unknown>;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives what there is to those who wait, and learns whether there will be more. */
  #serve(): void {
    while (!this.#over && this.#waiting.length > 0) {
      const outcome = this.#ready.shift();
      if (outcome) this.#waiting.shift()?.resolve({ done: false, value: outcome });
      else if (this.#ended && this.#running === 0) this.#end().catch(() => undefined);
      else return;
    }
    if (this.#over) this.#dismiss();
  }

  #dismiss(): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure) reject(failure.error);
      else resolve({ done: true, value: undefined });
    }
  }

  /** Ends the loop with an error, of which whoever asks next learns. */
  #fail(error: unknown): void {
    this.#failure = { error };
    this.#end().catch(() => undefined);
  }

  /** Gives up everything; settles when the source has cleaned up. */
  async #end(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#ended = true;
    if (this.#signal) unwatch(this.#signal, this.#aborted);
    this.#giveUp.abort();
    this.#ready.length = 0;
    this.#dismiss();
    await this.#closeSource();
  }

  /** Reads on, as long as there is room: what is running and what nobody has taken yet both fill it. */
  #fill(): void {
    while (!this.#ended && !this.#reading && this.#running + this.#ready.length < this.#batch.room())
      this.#readOne();
  }

  /** At once where the source gives it at once, as most do: a promise for each would cost more than reading. */
  #readOne(): void {
    try {
      const given: unknown = this.#next();
      if (isThenable(given)) this.#wait(given, (step) => this.#take(step));
      else this.#take(given);
    } catch (error) {
      this.#stop(error);
      this.#serve();
    }
  }

  #take(given: unknown): void {
    const step = stepOf(given);
    if (!step) {
      // It has nothing more to give, and nothing to clean up.
      this.#ended = true;
      this.#source = undefined;
      this.#serve();
      return;
    }
    if (this.#over) {
      // It has ended the loop from within, or while it was read, and is not waited for.
      this.#reading = true;
      this.#closeSource().catch(() => undefined);
    }
    // An iterable may yield promises, as `for await` allows.
    if (isThenable(step.value)) this.#wait(step.value, (request) => this.#start(request));
    else this.#start(step.value);
  }

  /** Nothing else is read meanwhile. */
  #wait(given: PromiseLike<unknown>, then: (value: unknown) => void): void {
    this.#reading = true;
    void (async () => {
      try {
        const value = await given;
        this.#reading = false;
        then(value);
      } catch (error) {
        this.#reading = false;
        this.#stop(error);
      }
      this.#serve();
      this.#fill();
    })();
  }

  #next() {
    this.#asked = true;
    try {
      return this.#source?.next();
    } finally {
      this.#asked = false;
    }
  }

  /** Reads nothing more, and ends with an error after the outcomes of what was read. */
  #stop(error: unknown): void {
    if (this.#over) return;
    this.#ended = true;
    this.#failure ??= { error };
  }

  #start(request: unknown): void {
    if (this.#ended) return;
    const index = this.#read;
    this.#read += 1;
    this.#running += 1;
    const over = (result: ActionResult<Outputs> | null, error: unknown) => {
      this.#running -= 1;
      if (this.#over) return;
      if (result || error instanceof CxoneError) {
        this.#ready.push(outcome(index, request, result, result ? null : (error as CxoneError)));
      } else {
        this.#stop(error);
      }
      this.#serve();
    };
    this.#run(
      request,
      this.#giveUp.signal,
      (result) => over(result, null),
      (error) => over(null, error),
      this.#aside,
    );
  }

  /** Lets the source clean up, as `for await` does. One that is being read is not waited for: it may never answer. */
  async #closeSource(): Promise<void> {
    if (this.#asked) return;
    const source = this.#source;
    this.#source = undefined;
    const closed = Promise.resolve(source?.return?.());
    if (this.#reading) closed.catch(() => undefined);
    else await inTime(closed);
  }
}

function isThenable(given: unknown): given is PromiseLike<unknown> {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  return typeof (given as Partial<PromiseLike<unknown>>).then === "function";
}

/** What a source gave, unless it was its end. */
function stepOf(given: unknown): IteratorYieldResult<unknown> | undefined {
  if ((typeof given !== "object" && typeof given !== "function") || given === null)
    throw new TypeError(
      `\`next\` of the iterator of \`requests\` must give an object with \`done\` and \`value\`, got ${typeName(given)}`,
    );
  const step = given as IteratorResult<unknown>;
  return step.done ? undefined : step;
}

/** Waits for a source that was told to end, but not for ever. */
function inTime(closed: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      const within = `within ${FAREWELL_MS / 1000} s of being told to`;
      reject(new Error(`\`requests\` did not end ${within}: \`return\` of its iterator never settled`));
    }, FAREWELL_MS);
    closed.then(() => resolve(), reject).finally(() => clearTimeout(late));
  });
}
