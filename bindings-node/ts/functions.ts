/**
 * Functions of the callers', each found again by the client that it belongs to.
 *
 * The promise: a function lives as long as its client does and no longer, also where the client is in what its function
 * remembers.
 */
import { AsyncResource } from "node:async_hooks";
import type { NativeClient } from "./native";

/** One function for each client. */
export class FunctionsByClient<Given extends unknown[], Returned> {
  readonly #functions = new WeakMap<NativeClient, (...given: Given) => Returned>();
  readonly #clients = new Map<number, WeakRef<NativeClient>>();
  readonly #gone = new FinalizationRegistry<number>((number) => this.#clients.delete(number));

  /** How many clients have one. */
  get size(): number {
    return this.#clients.size;
  }

  /** The asynchronous context of whoever made the client is the function's too. */
  add(client: NativeClient, called: (...given: Given) => Returned): void {
    const number = client.number();
    this.#functions.set(client, AsyncResource.bind(called));
    this.#clients.set(number, new WeakRef(client));
    this.#gone.register(client, number, client);
  }

  /** The client is closed. */
  delete(client: NativeClient): void {
    if (!this.#functions.delete(client)) return;
    this.#clients.delete(client.number());
    this.#gone.unregister(client);
  }

  /** The client of this number and its function, while both are there. */
  of(number: number): { client: NativeClient; called: (...given: Given) => Returned } | undefined {
    const client = this.#clients.get(number)?.deref();
    const called = client && this.#functions.get(client);
    return called && { client, called };
  }
}
