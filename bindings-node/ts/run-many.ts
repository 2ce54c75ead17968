/**
 * Many requests, a bounded number at a time.
 *
 * The promise: one outcome for each request that was read, none lost to another's error; the source is read lazily and
 * always closed; and whoever leaves the loop leaves nothing running that waits for him.
 */

import { typeName } from "./encode";
import { AbortError, CxoneError } from "./errors";
import { at, type Site } from "./from-core";
import { mistaken, type Signal } from "./options";
import { type ActionResult, type Outcome, outcome } from "./results";
import { watch } from "./signals";

type Source<T> = Iterator<T> | AsyncIterator<T>;
type Run<Outputs> = (request: unknown, giveUp: AbortSignal) => Promise<ActionResult<Outputs>>;

/** Checks what can be checked at once, and returns the loop. */
export function runMany<Outputs>(
  requests: unknown,
  concurrency: number,
  signal: Signal | null | undefined,
  site: Site,
  run: Run<Outputs>,
): AsyncGenerator<Outcome<Outputs, never>, void, undefined> {
  const open = opening(requests);
  if (!open) {
    const message = `\`requests\` must be an iterable of requests, got ${typeName(requests)}`;
    throw mistaken([{ path: "requests", code: "type", message }]);
  }
  return new Many(open, concurrency, signal, site, run).outcomes();
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

class Many<Outputs> {
  readonly #open: () => Source<unknown>;
  readonly #concurrency: number;
  readonly #signal: Signal | null | undefined;
  readonly #site: Site;
  readonly #run: Run<Outputs>;
  readonly #giveUp = new AbortController();
  readonly #ready: Outcome<Outputs, never>[] = [];
  #running = 0;
  #read = 0;
  #reading = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(
    open: () => Source<unknown>,
    concurrency: number,
    signal: Signal | null | undefined,
    site: Site,
    run: Run<Outputs>,
  ) {
    this.#open = open;
    this.#concurrency = concurrency;
    this.#signal = signal;
    this.#site = site;
    this.#run = run;
  }

  async *outcomes(): AsyncGenerator<Outcome<Outputs, never>, void, undefined> {
    const unwatch = watch(this.#signal, () => this.#wake());
    let source: Source<unknown> | undefined;
    try {
      this.#refuseAborted();
      source = this.#open();
      for (;;) {
        this.#fill(source);
        const outcome = this.#ready.shift();
        if (outcome) {
          yield outcome;
          this.#refuseAborted();
        } else if (this.#running === 0 && this.#ended) {
          break;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#refuseAborted();
        }
      }
      if (this.#failure) throw this.#failure.error;
    } finally {
      unwatch();
      const finished = this.#ended;
      this.#ended = true;
      this.#giveUp.abort();
      if (source && !finished) await this.#closeSource(source);
    }
  }

  #refuseAborted(): void {
    if (this.#signal?.aborted) throw at(new AbortError(this.#signal.reason), this.#site);
  }

  /** Reads on, as long as there is room: what is running and what nobody has taken yet both fill it. */
  #fill(source: Source<unknown>): void {
    if (this.#ended || this.#reading || this.#running + this.#ready.length >= this.#concurrency) return;
    this.#reading = true;
    void this.#next(source).then(() => {
      this.#reading = false;
      this.#fill(source);
      this.#wake();
    });
  }

  async #next(source: Source<unknown>): Promise<void> {
    try {
      const step = await source.next();
      // An iterable may yield promises, as `for await` allows.
      const request = step.done ? undefined : await step.value;
      if (step.done) this.#ended = true;
      else if (!this.#ended) this.#start(request);
    } catch (error) {
      this.#ended = true;
      this.#failure = { error };
    }
  }

  #start(request: unknown): void {
    const index = this.#read;
    this.#read += 1;
    this.#running += 1;
    const over = (result: ActionResult<Outputs> | null, error: unknown) => {
      this.#running -= 1;
      if (result || error instanceof CxoneError) {
        this.#ready.push(outcome(index, request, result, result ? null : (error as CxoneError)));
      } else if (!this.#giveUp.signal.aborted) {
        this.#ended = true;
        this.#failure ??= { error };
      }
      this.#wake();
    };
    this.#run(request, this.#giveUp.signal).then(
      (result) => over(result, null),
      (error: unknown) => over(null, error),
    );
  }

  /** Lets the source clean up, as `for await` does. One that is being read is not waited for: it may never answer. */
  async #closeSource(source: Source<unknown>): Promise<void> {
    const closed = Promise.resolve(source.return?.());
    if (this.#reading) closed.catch(() => undefined);
    else await closed;
  }
}
